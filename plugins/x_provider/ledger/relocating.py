"""Files that lie elsewhere than when their posts were planned: another folder, a URL that was signed anew.

Where a file lies is no part of a post's revision, so that a planned post would keep the address that is gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Select, Update, select

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database
from x_provider.ledger.records import PostDraft
from x_provider.ledger.states import UNSENT

_AT_ONCE = 200
"""Senders must not wait for a folder with thousands of files."""

_unsent = t.parts.c.state.in_([state.value for state in UNSENT])
_waiting = t.follow_ups.c.state == "waiting"


def relocate(database: Database, calendar: str, drafts: Sequence[PostDraft]) -> list[str]:
    """What ``Posts.relocate`` does."""
    said = {draft.key: draft for draft in drafts}
    moved: dict[str, None] = {}
    if not said:
        return []
    with database.read() as connection:
        changes = list(_changes(connection, calendar, said))
    left = iter(changes)
    while batch := list(islice(left, _AT_ONCE)):
        with database.write() as connection:
            for key, change in batch:
                if connection.execute(change).rowcount:
                    moved[key] = None
    return list(moved)


def _changes(
    connection: Connection, calendar: str, said: dict[str, PostDraft]
) -> Iterator[tuple[str, Update]]:
    """The statements that take over new addresses, each for the post as it was read."""
    for row in connection.execute(_contents_of(calendar, t.parts).where(_unsent)):
        draft = said.get(row.key)
        contents = draft.contents if draft else ()
        if draft and row.position < len(contents) and _differs(row, draft, contents[row.position]):
            change = t.parts.update().where(t.parts.c.id == row.id, _unsent, _still(t.parts, row))
            yield row.key, change.values(content=dict(contents[row.position]))
    for row in connection.execute(_contents_of(calendar, t.follow_ups).where(_waiting)):
        draft = said.get(row.key)
        follow_ups = draft.follow_ups if draft else ()
        content = follow_ups[row.position].content if row.position < len(follow_ups) else None
        if draft and content is not None and _differs(row, draft, content):
            change = t.follow_ups.update().where(
                t.follow_ups.c.id == row.id, _waiting, _still(t.follow_ups, row)
            )
            yield row.key, change.values(content=dict(content))


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


def _still(table: Any, row: Any) -> Any:
    """Whether the post still says what was read of it."""
    return (
        select(t.posts.c.id)
        .where(
            t.posts.c.id == table.c.post_id, t.posts.c.id == row.post_id, t.posts.c.revision == row.revision
        )
        .exists()
    )
