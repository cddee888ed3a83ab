"""What a user would write instead of this provider: tweepy in an Airflow task with ``retries=3``.

Three of them, from plain to careful. Each publishes a post, or a thread as a loop, and returns X's ids; what goes
wrong is raised, and Airflow tries the task again in a new process. Texts only: tweepy uploads media by X's v1.1
API, which the sandbox does not have.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import tweepy
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter


class ToTheSandbox(HTTPAdapter):
    """Sends what is meant for X to the sandbox, with the time-out that tweepy's client does not have itself."""

    def __init__(self, url: str, *, timeout: float) -> None:
        super().__init__()
        self._url = url
        self._timeout = timeout

    def send(self, request: PreparedRequest, **options: object) -> Response:
        parts = urlsplit(request.url or "")
        request.url = self._url + parts.path + (f"?{parts.query}" if parts.query else "")
        return super().send(request, **{**options, "timeout": self._timeout})  # type: ignore[arg-type]


def plain(client: tweepy.Client, texts: Sequence[str], _state: Path) -> list[str]:
    """The first that comes to mind."""
    ids: list[str] = []
    for text in texts:
        ids.append(_create(client, text, ids))
    return ids


def with_state(client: tweepy.Client, texts: Sequence[str], state: Path) -> list[str]:
    """Keeps each id in a file as soon as it is known, and begins after the last one it finds there."""
    ids = read_state(state)
    for text in texts[len(ids) :]:
        ids.append(_create(client, text, ids))
        _write_state(state, ids)
    return ids


def with_state_and_look(client: tweepy.Client, texts: Sequence[str], state: Path) -> list[str]:
    """The same, and when X refuses a text as a duplicate, takes the id of the newest own post that has it."""
    ids = read_state(state)
    for text in texts[len(ids) :]:
        try:
            ids.append(_create(client, text, ids))
        except tweepy.Forbidden as error:
            if "duplicate content" not in str(error):
                raise
            me = client.get_me().data
            recent = client.get_users_tweets(me.id, max_results=20, user_auth=True).data or []
            ids.append(str(next(post.id for post in recent if post.text == text)))
        _write_state(state, ids)
    return ids


def read_state(state: Path) -> list[str]:
    """The ids that an earlier try has written down."""
    ids: list[str] = json.loads(state.read_text()) if state.exists() else []
    return ids


def _create(client: tweepy.Client, text: str, before: Sequence[str]) -> str:
    parent = before[-1] if before else None
    return str(client.create_tweet(text=text, in_reply_to_tweet_id=parent).data["id"])


def _write_state(state: Path, ids: Sequence[str]) -> None:
    written = state.with_suffix(".new")
    written.write_text(json.dumps(ids))
    written.replace(state)
