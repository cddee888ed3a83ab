"""What a post of the sandbox can carry, as its page shows it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from requests_oauthlib import OAuth1

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no browser tests")

pytestmark = pytest.mark.browser

MEDIA = Path(__file__).parents[2] / "include" / "calendar" / "media"
expect = sync_api.expect


@pytest.fixture
def call(sandbox: Any) -> Callable[..., Any]:
    """Call the API as one of the accounts: `call(0, "POST", "/2/tweets", json={...})`."""

    def signed(number: int, method: str, path: str, **options: Any) -> Any:
        answer = requests.request(
            method, sandbox.url + path, auth=OAuth1(*sandbox.keys(number)), timeout=10, **options
        )
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()["data"]

    return signed


@pytest.fixture
def post(call: Callable[..., Any]) -> Callable[..., str]:
    """Create a post as one of the accounts and return its id: `post(0, "Hello", made_with_ai=True)`."""
    return lambda number, text, **members: call(number, "POST", "/2/tweets", json={"text": text, **members})[
        "id"
    ]


@pytest.fixture
def upload(call: Callable[..., Any]) -> Callable[..., str]:
    def image(name: str) -> str:
        files = {"media": (MEDIA / name).read_bytes()}
        return call(0, "POST", "/2/media/upload", files=files, data={"media_category": "tweet_image"})["id"]

    return image


@pytest.fixture
def page(browser: Any, sandbox: Any) -> Iterator[Any]:
    """A page that is not open yet; a script error fails the test."""
    errors: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=sandbox.url)
    opened = context.new_page()
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert errors == []


def test_a_repost_names_who_made_it_and_brings_the_post_back_to_the_top(page, sandbox, call, post) -> None:
    old = post(1, "Worth repeating")
    post(0, "Newer")
    page.goto("/")
    expect(page.get_by_role("article").first).to_contain_text("Newer")
    path = f"/2/users/{sandbox.accounts[0]['id']}/retweets"
    call(0, "POST", path, json={"tweet_id": old})
    first = page.get_by_role("article").first
    expect(first).to_contain_text("Worth repeating")
    expect(first.locator(".reposted")).to_have_text(f"{sandbox.accounts[0]['name']} reposted")
    page.get_by_role("tab", name=f"@{sandbox.accounts[0]['username']}").click()
    expect(page.get_by_role("article")).to_have_count(2)
    call(0, "DELETE", f"{path}/{old}")
    expect(page.get_by_role("article")).to_have_count(1)


def test_what_viewers_are_warned_of_is_covered_until_they_ask(page, call, post, upload) -> None:
    picture = upload("aurora.jpg")
    warnings = {"adult_content": True, "graphic_violence": False}
    call(
        0,
        "POST",
        "/2/media/metadata",
        json={"id": picture, "metadata": {"sensitive_media_warning": warnings}},
    )
    post(0, "Careful", media={"media_ids": [picture]})
    page.goto("/")
    expect(page.locator(".warning")).to_contain_text("Adult content")
    expect(page.locator(".warning")).not_to_contain_text("violence")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator(".warning")).to_have_count(0)


def test_labels_say_what_a_post_is_and_where(page, post) -> None:
    choices = {
        "made_with_ai": True,
        "paid_partnership": True,
        "community_id": "5",
        "share_with_followers": True,
        "geo": {"place_id": "5a110d312052166f"},
    }
    post(0, "Labelled", **choices)
    page.goto("/")
    expect(page.locator(".label")).to_have_text(
        [
            "Made with AI",
            "Paid partnership",
            "In community 5, shared with followers",
            "At 5a110d312052166f",
        ]
    )


def test_an_edited_post_tells_what_it_said_before(page, sandbox, post) -> None:
    username = sandbox.accounts[0]["username"]
    sandbox.post(f"/_sandbox/accounts/{username}", {"premium": True})
    first = post(0, "Good evnening")
    second = post(0, "Good evening", edit_options={"previous_post_id": first})
    page.goto(f"/{username}/status/{second}")
    expect(page.locator(".label")).to_have_text("Edited")
    page.get_by_text("The earlier version").click()
    expect(page.locator(".versions .text")).to_have_text("Good evnening")


def test_a_hidden_reply_is_told_and_dimmed(page, call, sandbox, post) -> None:
    root = post(0, f"Hello @{sandbox.accounts[1]['username']}")
    reply = post(1, "Buy my coins", reply={"in_reply_to_tweet_id": root})
    call(0, "PUT", f"/2/tweets/{reply}/hidden", json={"hidden": True})
    page.goto("/")
    article = page.get_by_role("article").filter(has_text="Buy my coins")
    expect(article).to_have_class(re.compile("hidden-reply"))
    expect(article.locator(".label")).to_have_text("Hidden reply")


def test_a_deep_link_is_a_button(page, post) -> None:
    link = "https://x.com/messages/compose?recipient_id=2244994945"
    post(0, "Ask us", direct_message_deep_link=link)
    page.goto("/")
    expect(page.get_by_role("link", name="Send a message")).to_have_attribute("href", link)
