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


class Author:
    """Posts to a sandbox as one of its accounts, by plain signed requests."""

    def __init__(self, sandbox: Any, account: int = 0) -> None:
        app, keys = sandbox.credentials, sandbox.accounts[account]
        self.username = keys["username"]
        self._url = sandbox.url
        self._auth = OAuth1(
            app["api_key"], app["api_secret"], keys["access_token"], keys["access_token_secret"]
        )

    def post(self, text: str, **members: Any) -> str:
        """Create a post and return its id."""
        return self._call("POST", "/2/tweets", json={"text": text, **members})["id"]

    def reply(self, text: str, to: str) -> str:
        return self.post(text, reply={"in_reply_to_tweet_id": to})

    def delete(self, post_id: str) -> None:
        self._call("DELETE", f"/2/tweets/{post_id}")

    def upload_picture(self, path: Path, media_type: str, alt_text: str) -> str:
        """Upload a picture with its alt text and return its media id."""
        media_id = self._call(
            "POST",
            "/2/media/upload",
            files={"media": (path.name, path.read_bytes(), media_type)},
            data={"media_category": "tweet_image", "media_type": media_type},
        )["id"]
        metadata = {"id": media_id, "metadata": {"alt_text": {"text": alt_text}}}
        self._call("POST", "/2/media/metadata", json=metadata)
        return media_id

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        answer = requests.request(method, self._url + path, auth=self._auth, timeout=10, **arguments)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()["data"]


@pytest.fixture
def open_page(browser: Any, sandbox: Any) -> Iterator[Callable[..., Any]]:
    """Open a page of the sandbox: `open_page("/", color_scheme="light")`; a script error fails the test."""
    contexts, errors = [], []

    def open_at(path: str = "/", **options: Any) -> Any:
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options}))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(sandbox.url + path)
        expect(page.locator("#timeline")).to_have_attribute("aria-busy", "false")
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def author(sandbox: Any) -> Author:
    return Author(sandbox)


def test_an_empty_timeline_says_what_to_do(open_page) -> None:
    page = open_page()
    expect(page.get_by_role("heading", name="Waiting for the first post")).to_be_visible()
    expect(page.locator(".empty")).to_contain_text("make demo")
    expect(page.locator("#count")).to_have_text("0 posts")


def test_a_new_post_appears_without_a_reload_and_is_announced(open_page, author) -> None:
    page = open_page()
    page.evaluate("window.sameDocument = true")
    author.post("Fresh from the roof #aurora")
    article = page.get_by_role("article").filter(has_text="Fresh from the roof")
    expect(article).to_be_visible()
    expect(article).to_have_class(re.compile("fresh"))
    expect(article.locator(".entity")).to_have_text("#aurora")
    expect(page.locator("#announcer")).to_contain_text("Fresh from the roof")
    expect(page.locator("#count")).to_have_text("1 post")
    assert page.evaluate("window.sameDocument")


def test_markup_in_a_post_stays_text(open_page, author) -> None:
    text = "<img src=x onerror='window.pwned = 1'> <script>window.pwned = 1</script> &amp; <b>bold</b>"
    author.post(text)
    page = open_page()
    expect(page.locator(".text")).to_have_text(text)
    assert page.locator(".text img, .text b, .text script").count() == 0
    assert page.evaluate("window.pwned") is None


def test_links_show_their_address_and_never_t_co(open_page, author) -> None:
    picture = author.upload_picture(MEDIA / "aurora.jpg", "image/jpeg", "Green aurora over a lake")
    author.post("見て 🌌 https://example.org/tour", media={"media_ids": [picture]})
    page = open_page()
    article = page.get_by_role("article")
    expect(article.locator(".text")).to_have_text("見て 🌌 example.org/tour")
    expect(article.get_by_role("link", name="example.org/tour")).to_have_attribute(
        "href", "https://example.org/tour"
    )
    expect(article).not_to_contain_text("t.co")
    expect(article).not_to_contain_text("pic.x.com")


def test_a_picture_tells_its_description_and_opens(open_page, author) -> None:
    picture = author.upload_picture(MEDIA / "aurora.jpg", "image/jpeg", "Green aurora over a lake")
    author.post("Look up", media={"media_ids": [picture]})
    page = open_page()
    expect(page.get_by_role("img", name="Green aurora over a lake")).to_have_js_property("naturalWidth", 1200)
    page.get_by_role("button", name="Show the description").click()
    expect(page.locator(".alt-popover")).to_contain_text("Green aurora over a lake")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Open picture").click()
    expect(page.get_by_role("dialog", name="Picture")).to_contain_text("Green aurora over a lake")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Picture")).to_be_hidden()


def test_a_thread_reads_from_top_to_bottom_joined_by_a_line(open_page, author) -> None:
    first = author.post("One")
    second = author.reply("Two", first)
    author.reply("Three", second)
    author.post("Something else")
    page = open_page()
    expect(page.locator(".thread")).to_have_count(2)
    expect(page.locator(".thread").nth(1).locator(".text")).to_have_text(["One", "Two", "Three"])
    expect(page.locator(".joined-below")).to_have_count(2)
    expect(page.locator(".replying")).to_have_count(0)


def test_a_reply_of_someone_else_says_whom_it_answers(open_page, author, sandbox) -> None:
    asked = author.post(f"What shall we look at, @{sandbox.accounts[1]['username']}?")
    Author(sandbox, account=1).reply(f"@{author.username} Saturn!", asked)
    page = open_page()
    expect(page.locator(".replying")).to_have_text(f"Replying to @{author.username}")
    page.get_by_role("tab", name=f"@{author.username}").click()
    expect(page.get_by_role("article")).to_have_count(1)


def test_a_poll_shows_its_options_and_the_time_left(open_page, author) -> None:
    author.post("Which one?", poll={"options": ["Orion", "Saturn"], "duration_minutes": 1440})
    page = open_page()
    expect(page.locator(".bar-label")).to_have_text(["Orion", "Saturn"])
    expect(page.locator(".poll-foot")).to_contain_text("23 hours left")


def test_who_can_reply_and_the_ai_label_are_told(open_page, author) -> None:
    author.post("Ask us", reply_settings="following")
    author.post("An impression", made_with_ai=True)
    page = open_page()
    expect(page.locator(".who")).to_have_text(f"Accounts @{author.username} follows or mentions can reply")
    expect(page.locator(".label")).to_have_text("Made with AI")


def test_a_deleted_post_leaves_the_timeline_and_can_be_called_back_as_a_tombstone(open_page, author) -> None:
    regretted = author.post("Regretted")
    author.post("Meant")
    page = open_page()
    author.delete(regretted)
    expect(page.get_by_role("article")).to_have_count(1)
    page.get_by_role("checkbox", name="Deleted 1").check()
    expect(page.get_by_role("article").nth(1)).to_contain_text("This post was deleted.")


def test_the_address_of_a_post_opens_it_in_its_conversation(open_page, author) -> None:
    first = author.post("One")
    second = author.reply("Two", first)
    author.reply("Three", second)
    page = open_page(f"/{author.username}/status/{second}")
    expect(page.locator("article.focused .text")).to_have_text("Two")
    expect(page.locator(".text")).to_have_text(["One", "Two", "Three"])
    expect(page.locator(".moment")).to_have_text(re.compile(r"\d\d:\d\d:\d\d\.\d{3} · "))
    page.get_by_role("button", name="Back to the timeline").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Timeline")


def test_the_keyboard_reaches_every_post(open_page, author, sandbox) -> None:
    older = author.post("Older")
    author.post("Newer")
    page = open_page()
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.get_by_role("article").filter(has_text="Older")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{sandbox.url}/{author.username}/status/{older}")
    page.keyboard.press("Escape")
    expect(page).to_have_url(f"{sandbox.url}/")


def test_the_chosen_theme_outlives_a_reload(open_page) -> None:
    page = open_page(color_scheme="light")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.get_by_role("button", name="Use the dark theme").click()
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_its_window_and_asks_nothing_of_other_hosts(open_page, author, sandbox, width) -> None:
    picture = author.upload_picture(MEDIA / "winter-hexagon.png", "image/png", "Star chart")
    author.post("A" * 200 + " https://example.org/" + "long" * 20, media={"media_ids": [picture]})
    page = open_page(viewport={"width": width, "height": 800})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    expect(page.get_by_role("img", name="Star chart")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert [url for url in asked if not url.startswith((sandbox.url, "data:"))] == []


def test_a_silent_sandbox_is_told_and_the_page_recovers(open_page, author) -> None:
    page = open_page()
    page.context.set_offline(True)
    expect(page.locator("#live")).to_have_attribute("data-state", "lost")
    page.context.set_offline(False)
    author.post("Back again")
    expect(page.get_by_role("article")).to_have_count(1)
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
