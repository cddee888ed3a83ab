from __future__ import annotations

import requests


def test_the_newest_posts_come_with_everything_a_page_shows(sandbox, alice, bob, png) -> None:
    root = alice.create("look: https://example.com", media={"media_ids": [alice.image(png)]})
    alice.create("second", reply={"in_reply_to_tweet_id": root})
    second, first = sandbox.get("/_sandbox/posts")["posts"]
    assert (second["in_reply_to"], second["conversation_id"], second["poll"]) == (root, root, None)
    assert (first["username"], first["name"], first["quote"]) == ("alice", "Alice Example", None)
    assert first["entities"]["urls"][0]["expanded_url"] == "https://example.com"
    assert first["media"][0]["type"] == "photo"
    assert first["metrics"]["reply_count"] == 1
    assert len(sandbox.get("/_sandbox/posts?limit=1")["posts"]) == 1


def test_a_page_that_has_the_newest_posts_is_told_so(sandbox, alice) -> None:
    sandbox.settings(clock_ahead_seconds=0.0)
    url = sandbox.url + "/_sandbox/posts"
    tag = requests.get(url, timeout=5).headers["etag"]
    same = requests.get(url, headers={"if-none-match": tag}, timeout=5)
    assert same.status_code == 304 or same.headers["etag"] != tag
    alice.create("new")
    assert requests.get(url, headers={"if-none-match": tag}, timeout=5).json()["posts"][0]["text"] == "new"


def test_requests_are_logged_with_who_what_and_why(sandbox, alice) -> None:
    created = alice.post("/2/tweets", {"text": "hello"})
    alice.post("/2/tweets", {"text": "hello", "nope": 1})
    first, second = sandbox.requests()
    assert first["id"] == created.headers["x-transaction-id"]
    assert (first["method"], first["path"], first["status"], first["account"]) == (
        "POST",
        "/2/tweets",
        201,
        "alice",
    )
    assert "$.nope" in second["note"]


def test_unknown_paths_accounts_and_bodies_are_answered_plainly(sandbox) -> None:
    assert requests.get(sandbox.url + "/2/nothing", timeout=5).json()["title"] == "Not Found Error"
    assert requests.post(sandbox.url + "/_sandbox/accounts/nobody", json={}, timeout=5).status_code == 404
    assert requests.post(sandbox.url + "/_sandbox/settings", data="{", timeout=5).status_code == 400
    assert requests.post(sandbox.url + "/_sandbox/accounts/alice", data="{", timeout=5).status_code == 400
    assert (
        requests.post(sandbox.url + "/_sandbox/accounts/alice", json={"x": 1}, timeout=5).status_code == 400
    )
    assert requests.get(sandbox.url + "/_sandbox/posts?limit=x", timeout=5).status_code == 400
    assert requests.get(sandbox.url + "/_sandbox/media/1", timeout=5).status_code == 404


def test_it_says_that_it_is_there(sandbox) -> None:
    assert sandbox.get("/_sandbox/health") == {"status": "ok"}
    assert requests.get(sandbox.url + "/", timeout=5).status_code == 200
    assert [account["username"] for account in sandbox.get("/_sandbox/accounts")["accounts"]] == [
        "alice",
        "bob",
    ]
