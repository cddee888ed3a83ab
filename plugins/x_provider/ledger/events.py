"""What X has told: kept before it is acknowledged, handled later, and what it says of the people around posts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from pendulum import DateTime
from sqlalchemy import ColumnElement, and_, func, not_, select, update

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database
from x_provider.ledger.deletions import GONE
from x_provider.ledger.schema import insert_in
from x_provider.ledger.told import (
    Engagement,
    EngagementCounts,
    EventOutcome,
    GivenUpEvent,
    ReceivedEvent,
    StoredEvent,
)

MOST_TRIES = 6
"""How often an event is tried before it counts as failed: over about half an hour."""

_TO_BE_TRIED = t.events.c.wake_at.is_not(None)
_GIVEN_UP = t.events.c.outcome == "failed"
# A claim takes the reason of the try before away: where there is none, whoever took it on last never came back. Once
# is chance.
_SUSPECT = and_(t.events.c.tries >= 2, t.events.c.why.is_(None))
_ENDED = f"the task ended while it held this, the last of {MOST_TRIES} times: its log in Airflow says why"


class Events:
    """The events of all apps, and what they brought."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def store(self, received: Sequence[ReceivedEvent]) -> set[str]:
        """Keep events, all or none; the keys of those that were not there yet.

        When it returns they are on the disk. What is there already stays as it is, handled or not.
        """
        if not received:
            return set()
        rows = [
            {
                "event_key": event.key,
                "app": event.app,
                "body": event.body,
                "received_at": event.received_at,
                "wake_at": event.received_at,
                "tries": 0,
            }
            # In one order everywhere: two that store the same events then cannot wait for each other.
            for event in sorted({event.key: event for event in received}.values(), key=lambda each: each.key)
        ]
        with self._database.write() as connection:
            return set(connection.execute(_STORE[connection.dialect.name], rows).scalars())

    def due(self, now: DateTime, *, limit: int) -> list[StoredEvent]:
        """What is to be handled, oldest first."""
        columns = (t.events.c.id, t.events.c.app, t.events.c.body, t.events.c.received_at, t.events.c.tries)
        query = select(*columns).where(t.events.c.wake_at <= now).order_by(t.events.c.id).limit(limit)
        with self._database.read() as connection:
            return [StoredEvent(*row) for row in connection.execute(query)]

    def at_hand(self, now: DateTime) -> tuple[int, int] | None:
        """The newest event that is to be handled, and how many are; None where there is none."""
        query = select(func.max(t.events.c.id), func.count()).where(t.events.c.wake_at <= now)
        with self._database.read() as connection:
            newest, count = connection.execute(query).one()
            return None if newest is None else (int(newest), int(count))

    def oldest(self) -> DateTime | None:
        """When the oldest event that has no outcome yet was received; None where there is none."""
        with self._database.read() as connection:
            at: DateTime | None = connection.execute(
                select(func.min(t.events.c.received_at)).where(_TO_BE_TRIED)
            ).scalar_one()
            return at

    def claim(self, now: DateTime, *, until: DateTime, limit: int) -> list[StoredEvent]:
        """Take on what is to be handled, oldest first; whoever dies with it leaves it to others after ``until``.

        An event that two have died with is taken on alone, once no other waits, so that it takes no other with it;
        after too many it is left as one that could not be handled.
        """
        due = t.events.c.wake_at <= now
        with self._database.write() as connection:
            ended = {"wake_at": None, "handled_at": now, "outcome": "failed", "why": _ENDED}
            connection.execute(update(t.events).where(due, t.events.c.tries >= MOST_TRIES).values(**ended))
            ids: list[int] = []
            for which, most in ((not_(_SUSPECT), limit), (_SUSPECT, 1)):
                query = select(t.events.c.id).where(due, which).order_by(t.events.c.id).limit(most)
                ids = ids or list(connection.execute(query.with_for_update(skip_locked=True)).scalars())
            mine = select(t.events).where(t.events.c.id.in_(ids)).order_by(t.events.c.id)
            taken = [
                StoredEvent(
                    row.id,
                    row.app,
                    row.body,
                    row.received_at,
                    row.tries,
                    was_left=row.tries > 0 and row.why is None,
                )
                for row in connection.execute(mine)
            ]
            connection.execute(
                update(t.events)
                .where(t.events.c.id.in_(ids))
                .values(wake_at=until, tries=t.events.c.tries + 1, why=None)
            )
        return taken

    def handled(self, ids: Collection[int], *, now: DateTime, outcome: EventOutcome = "handled") -> int:
        """Nothing is left to do for these; how many of them were still to be handled.

        Their bodies are emptied: X wants what it has deleted to be forgotten, and what is needed of them is
        elsewhere by now.
        """
        done = (
            update(t.events)
            .where(t.events.c.id.in_(ids), _TO_BE_TRIED)
            .values(wake_at=None, handled_at=now, outcome=outcome, why=None, body="")
        )
        with self._database.write() as connection:
            return connection.execute(done).rowcount

    def failed(self, event_id: int, *, why: str, now: DateTime, wake_at: DateTime) -> bool:
        """It could not be handled: again at ``wake_at``; whether it will be.

        A claim counts as a try. After too many the event is left, body and all.
        """
        with self._database.write() as connection:
            tries = connection.execute(
                select(t.events.c.tries).where(t.events.c.id == event_id, _TO_BE_TRIED).with_for_update()
            ).scalar_one_or_none()
            if tries is None:
                return False
            again: bool = tries < MOST_TRIES
            end = {"wake_at": wake_at} if again else {"wake_at": None, "handled_at": now, "outcome": "failed"}
            connection.execute(
                update(t.events).where(t.events.c.id == event_id).values(why=_kept(why), **end)
            )
            return again

    def given_up(self, app: str | None = None, *, limit: int) -> list[GivenUpEvent]:
        """What was tried too often, newest first.

        :param app: only what X told that connection's app.
        """
        columns = (t.events.c.id, t.events.c.app, t.events.c.body, t.events.c.received_at, t.events.c.why)
        query = select(*columns).where(*_given_up(app)).order_by(t.events.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [GivenUpEvent(*row) for row in connection.execute(query)]

    def retry(self, ids: Collection[int] | None = None, *, app: str | None = None, now: DateTime) -> set[int]:
        """Have events that were given up handled after all, as often as any; those of them that will be.

        They count as tried once: nobody knows whether what they brought was told to Airflow.

        :param ids: which; None for all.
        :param app: only what X told that connection's app.
        """
        chosen = _given_up(app) if ids is None else [*_given_up(app), t.events.c.id.in_(ids)]
        again = update(t.events).where(*chosen).values(wake_at=now, handled_at=None, outcome=None, tries=1)
        with self._database.write() as connection:
            return set(connection.execute(again.returning(t.events.c.id)).scalars())

    def forget(self, before: DateTime) -> int:
        """Delete what was done with before that; how many. X's replay would bring it again, as new."""
        old = t.events.c.wake_at.is_(None), t.events.c.received_at < before
        with self._database.write() as connection:
            return connection.execute(t.events.delete().where(*old)).rowcount

    def engage(self, engagement: Engagement) -> bool:
        """Keep what somebody did; False when it is known already."""
        values = {name: getattr(engagement, name) for name in Engagement.__dataclass_fields__}
        with self._database.write() as connection:
            insert = insert_in(connection.dialect.name)
            statement = insert(t.engagement).values(**values).on_conflict_do_nothing(index_elements=_ONCE)
            return connection.execute(statement.returning(t.engagement.c.id)).first() is not None

    def engaged_by(self, by_x_id: str) -> list[tuple[str, str]]:
        """The accounts that somebody's post did something with, each with the user on X whose post it is."""
        query = select(t.engagement.c.account, t.engagement.c.by_user_id).distinct()
        with self._database.read() as connection:
            rows = connection.execute(query.where(t.engagement.c.by_x_id == by_x_id))
            return [(row.account, row.by_user_id) for row in rows]

    def erase(self, by_x_id: str, *, accounts: Collection[str]) -> int:
        """X has deleted somebody's post: forget what it said; how many rows held it.

        That it was there still counts.

        :param accounts: those that it did something with, as far as they are to forget it.
        """
        told = t.engagement.c.by_x_id == by_x_id, t.engagement.c.text.is_not(None)
        theirs = t.engagement.c.account.in_(accounts)
        with self._database.write() as connection:
            return connection.execute(update(t.engagement).where(*told, theirs).values(text=None)).rowcount

    def engagement(self, account: str, *, limit: int = 100) -> list[Engagement]:
        """What happened to an account, newest first."""
        columns = [getattr(t.engagement.c, name) for name in Engagement.__dataclass_fields__]
        query = (
            select(*columns)
            .where(t.engagement.c.account == account)
            .order_by(t.engagement.c.at.desc(), t.engagement.c.id.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return [Engagement(*row) for row in connection.execute(query)]

    def engagement_counts(self, x_ids: Collection[str]) -> dict[str, EngagementCounts]:
        """How often posts of ours were replied to, quoted and reposted, as far as X has told; by their ids."""
        counts: dict[str, dict[str, int]] = {x_id: {} for x_id in x_ids}
        query = (
            select(t.engagement.c.x_id, t.engagement.c.kind, func.count())
            .where(t.engagement.c.x_id.in_(x_ids), t.engagement.c.kind != "mention")
            .group_by(t.engagement.c.x_id, t.engagement.c.kind)
        )
        with self._database.read() as connection:
            for x_id, kind, count in connection.execute(query):
                counts[x_id][kind] = int(count)
        return {x_id: EngagementCounts(**found) for x_id, found in counts.items()}

    def has_any(self, app: str) -> bool:
        """Whether X has told that connection's app anything in the last 30 days."""
        query = select(t.events.c.id).where(t.events.c.app == app).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def why_given_up(self) -> str | None:
        """Why the newest of the events that were tried too often could not be handled; None where there is none."""
        newest = select(t.events.c.why).where(_GIVEN_UP).order_by(t.events.c.id.desc())
        with self._database.read() as connection:
            why: str | None = connection.execute(newest.limit(1)).scalar()
            return why

    def counts(self) -> dict[str, int]:
        """How many events there are, by outcome; ``waiting`` for those that have none yet."""
        outcome = func.coalesce(t.events.c.outcome, "waiting")
        with self._database.read() as connection:
            rows = connection.execute(select(outcome, func.count()).where(outcome != GONE).group_by(outcome))
            return {name: int(count) for name, count in rows}


_ONCE = [t.engagement.c.kind, t.engagement.c.account, t.engagement.c.by_x_id]


def _given_up(app: str | None) -> list[ColumnElement[bool]]:
    return [_GIVEN_UP] if app is None else [_GIVEN_UP, t.events.c.app == app]


def _kept(words: str) -> str:
    # X's words may be quoted, and half characters and zeros are no text for a database.
    return words.encode("utf-8", "replace").decode().replace("\0", "")


def _storing(insert: Any) -> Any:
    statement = insert(t.events).on_conflict_do_nothing(index_elements=[t.events.c.event_key])
    return statement.returning(t.events.c.event_key)


# Built once: whoever delivers waits for it.
_STORE = {dialect: _storing(insert_in(dialect)) for dialect in ("postgresql", "sqlite")}
