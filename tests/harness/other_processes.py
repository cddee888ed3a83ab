"""What other processes of the system do to a post in the ledger."""

from __future__ import annotations

import pendulum
from sqlalchemy import text

from x_provider.ledger import Attempt, Held, Ledger, Part, PartState, Post
from x_provider.ledger.posts import wake


def wake_post(ledger: Ledger, post_id: int, at: pendulum.DateTime | None) -> None:
    """Somebody is to look after the post at that instant next; nobody is to when it is None."""
    with ledger.database.write() as connection:
        wake(connection, post_id, at)


def begin_attempt(
    ledger: Ledger, post: Post, part: Part | None = None, *, at: pendulum.DateTime
) -> Attempt | Held | None:
    """A sender begins to send a part, the first unless said otherwise, with a lease of a minute."""
    return ledger.sending.begin(
        post, part or post.parts[0], user_id="7", sender="test", clock=lambda: at, lease_seconds=60
    )


def send_without_answer(
    ledger: Ledger,
    post: Post,
    *,
    at: pendulum.DateTime,
    outcome: str = "uncertain",
    wake_at: pendulum.DateTime | None = None,
) -> Post:
    """A sender sends the first part and never learns what became of it; somebody looks at ``wake_at``, if at all."""
    ledger.sending.arm(post, post.parts[0])
    attempt = begin_attempt(ledger, post, at=at)
    assert isinstance(attempt, Attempt)
    ledger.sending.finish(
        attempt, PartState.UNCERTAIN, outcome=outcome, now=at, why="no answer came", wake_at=wake_at
    )
    return ledger.posts.get(post.id)


class LedgerGoes:
    """Take a table out of the ledger, as a database that fails would, and put it back."""

    def __init__(self, ledger: Ledger) -> None:
        self._database = ledger.database

    def away(self) -> None:
        with self._database.write() as connection:
            connection.execute(text("ALTER TABLE x_parts RENAME TO x_parts_away"))

    def back(self) -> None:
        with self._database.write() as connection:
            connection.execute(text("ALTER TABLE x_parts_away RENAME TO x_parts"))
