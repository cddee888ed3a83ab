"""What X adds to a text by itself: the names of those it answers, the link to the post it quotes."""

from __future__ import annotations

import re
from typing import Any

from x_sandbox.entities import mentions
from x_sandbox.state import State

_LEADING_NAMES = re.compile(r"(?:@\w{1,15}\s+)*")


def names_answered(state: State, author_id: str, request: dict[str, Any]) -> list[str]:
    """Name those whom a reply begins with: who wrote the post it answers, and whom that one begins with.

    Nobody is named who wrote the reply, is named in it already, or is among its `exclude_reply_user_ids`.
    """
    reply = request.get("reply", {})
    parent = state.posts.get(reply.get("in_reply_to_tweet_id", ""))
    if parent is None or not state.settings.reply_names:
        return []
    begins_with = _LEADING_NAMES.match(parent.text)
    answered = [state.app.account(parent.author_id)]
    answered += [state.app.account_named(name) for name in mentions(begins_with[0] if begins_with else "")]
    left_out = {author_id, *reply.get("exclude_reply_user_ids", ())}
    named = {name.lower() for name in mentions(request.get("text", ""))}
    return list(
        dict.fromkeys(
            account.username
            for account in answered
            if account and account.id not in left_out and account.username.lower() not in named
        )
    )


def page_quoted(state: State, request: dict[str, Any]) -> str | None:
    """Return the address of the post that a request quotes, or None."""
    quoted = state.posts.get(request.get("quote_tweet_id", ""))
    author = state.app.account(quoted.author_id) if quoted else None
    return f"https://x.com/{author.username}/status/{quoted.id}" if quoted and author else None
