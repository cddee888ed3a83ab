"""Taking a post down: what of it is still to come ends first, so that nothing appears behind its back."""

from __future__ import annotations

from pendulum import DateTime

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database
from x_provider.ledger.follow_ups import give_up_follow_ups
from x_provider.ledger.moves import VOID, is_given_up
from x_provider.ledger.posts import load_post, lock_post, wake
from x_provider.ledger.records import Post
from x_provider.ledger.states import UNDER_WAY, PartState

_TO_COME = (PartState.PLANNED, PartState.ARMED, PartState.REFUSED, PartState.MISSED)


class TakingDown:
    """What becomes of the rest of a post that is taken down."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def give_up_rest(self, post_id: int, *, why: str, by: str, now: DateTime) -> Post:
        """Of a post that is on X nothing more is sent, and nothing but its taking down follows it.

        What is being sent at this moment cannot be called back, and is not sent again. Of a post of which nothing is
        on X all stays as it is. Repeating it changes nothing.

        :param by: who takes the post down; the evidence trail names them.
        :returns: the post as it is then.
        """
        with self._database.write() as connection:
            lock_post(connection, post_id)
            post = load_post(connection, post_id)
            if not any(part.receipt for part in post.parts):
                return post
            give_up_follow_ups(connection, post_id, why=why, now=now, but_deletion=True)
            for part in post.parts:
                if part.state not in (*_TO_COME, *UNDER_WAY):
                    continue
                given_up = is_given_up(connection, part.id, part.attempt_id)
                if part.state in _TO_COME and not (given_up and part.state is PartState.REFUSED):
                    refused = t.parts.update().where(t.parts.c.id == part.id)
                    connection.execute(refused.values(state=PartState.REFUSED.value, why=why))
                if given_up:
                    continue
                row = {"part_id": part.id, "attempt_id": part.attempt_id, "decision": VOID, "words": why}
                connection.execute(t.decisions.insert().values(decided_at=now, decided_by=by, **row))
            if not any(part.state in UNDER_WAY for part in post.parts):
                wake(connection, post_id, None)
            return load_post(connection, post_id)
