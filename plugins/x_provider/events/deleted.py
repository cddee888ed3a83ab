"""Deletions that X told before what they are of: a reply, or the receipt of a post of ours, may come afterwards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace

from pendulum import DateTime

from x_provider.events.reach import Reach
from x_provider.ledger import Ledger, ReceivedEvent


def is_gone(reach: Reach, x_id: str, *, account: str, author: str) -> bool:
    """Whether somebody's post that did something with an account was deleted on X before it was told.

    :param author: whose post it is, a user on X.
    """
    tellers = (replace(reach, told=told) for told in reach.ledger.deletions.told(x_id))
    return any(teller.covers(account) or teller.is_user(author) for teller in tellers)


def unheeded(ledger: Ledger, *, since: DateTime, now: DateTime) -> Iterator[ReceivedEvent]:
    """The deletions of posts that the ledger knows as ours by now, told anew; each is the same event every time.

    :param since: how old the receipts of those posts are at most.
    """
    for x_id in ledger.deletions.unheeded(since):
        for told in ledger.deletions.told(x_id):
            key = hashlib.sha256(f"unheeded/{told}/{x_id}".encode()).hexdigest()
            body = {"data": {"event_type": "post.delete", "payload": {"id": x_id}}}
            yield ReceivedEvent(key, told, json.dumps(body), now)
