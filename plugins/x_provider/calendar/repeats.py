"""Texts that come again too soon: X refuses a post that says what its account has just said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from x_provider.calendar.model import PostSpec

WINDOW = timedelta(hours=24)
"""X documents neither how long it remembers nor what it compares: this is a cautious guess."""


@dataclass(frozen=True)
class Repeat:
    """A part whose text its account says a second time.

    :param part: its index in the post.
    :param earlier: the post that says it before; the same post, when its thread says it twice.
    """

    post: PostSpec
    part: int
    earlier: PostSpec


def repeats(posts: Iterable[PostSpec]) -> Iterator[Repeat]:
    """Find the texts that an account says again within the window, in the order they are due."""
    last: dict[tuple[str, str], PostSpec] = {}
    for post in sorted(posts, key=lambda post: post.due_at):
        for index, part in enumerate(post.parts):
            if not part.text:
                continue
            key = post.account, " ".join(part.text.split())
            earlier = last.get(key)
            if earlier is not None and post.due_at - earlier.due_at < WINDOW:
                yield Repeat(post, index, earlier)
            last[key] = post
