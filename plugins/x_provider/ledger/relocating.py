"""Files that lie elsewhere than when their posts were planned: another folder, a URL that was signed anew.

Where a file lies is no part of a post's revision, so that a planned post would keep the address that is gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Select, Update, bindparam, select

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database
from x_provider.ledger.records import PostDraft
from x_provider.ledger.states import UNSENT

_AT_ONCE = 200
"""Senders must not wait for a folder with thousands of files."""

_unsent = t.parts.c.state.in_([state.value for state in UNSENT])
_waiting = t.follow_ups.c.state == "waiting"
_HOLD = select(t.posts.c.revision).where(t.posts.c.id == bindparam("post")).with_for_update()


@dataclass(frozen=True)
class _Change:
    """A new address, for the post as it was read."""

    key: str
    post_id: int
    revision: str
    statement: Update


def relocate(database: Database, calendar: str, drafts: Sequence[PostDraft]) -> list[str]:
    """What ``Posts.relocate`` does."""
    said = {draft.key: draft for draft in drafts}
    moved: dict[str, None] = {}
    if not said:
        return []
    with database.read() as connection:
        changes = list(_changes(connection, calendar, said))
    # Who holds many posts holds them in the same order, or two could wait for each other.
    left = iter(sorted(changes, key=lambda change: change.post_id))
    while batch := list(islice(left, _AT_ONCE)):
        with database.write() as connection:
            for change in batch:
                # In a statement of its own: one that had to wait for an edit would not see what it wrote elsewhere.
                revision = connection.execute(_HOLD, {"post": change.post_id}).scalar_one_or_none()
                if revision == change.revision and connection.execute(change.statement).rowcount:
                    moved[change.key] = None
    return list(moved)


def _changes(connection: Connection, calendar: str, said: dict[str, PostDraft]) -> Iterator[_Change]:
    for row in connection.execute(_contents_of(calendar, t.parts).where(_unsent)):
        draft = said.get(row.key)
        contents = draft.contents if draft else ()
        if draft and row.position < len(contents) and _differs(row, draft, contents[row.position]):
            change = t.parts.update().where(t.parts.c.id == row.id, _unsent)
            change = change.values(content=dict(contents[row.position]))
            yield _Change(row.key, row.post_id, row.revision, change)
    for row in connection.execute(_contents_of(calendar, t.follow_ups).where(_waiting)):
        draft = said.get(row.key)
        follow_ups = draft.follow_ups if draft else ()
        content = follow_ups[row.position].content if row.position < len(follow_ups) else None
        if draft and content is not None and _differs(row, draft, content):
            # A row that was planned anew may have taken the id of one that is gone.
            this = t.follow_ups.c.id == row.id, t.follow_ups.c.post_id == row.post_id
            change = t.follow_ups.update().where(*this, _waiting).values(content=dict(content))
            yield _Change(row.key, row.post_id, row.revision, change)


def _contents_of(calendar: str, table: Any) -> Select[Any]:
    return (
        select(
            t.posts.c.key, t.posts.c.revision, table.c.id, table.c.post_id, table.c.position, table.c.content
        )
        .join_from(table, t.posts, t.posts.c.id == table.c.post_id)
        .where(t.posts.c.calendar == calendar)
        .order_by(t.posts.c.id, table.c.position)
    )


def _differs(row: Any, draft: PostDraft, content: Any) -> bool:
    return bool(row.revision == draft.revision and row.content != dict(content))
