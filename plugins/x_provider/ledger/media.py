"""Uploads: which file is on X under which id, how far X is with it, and until when it lives."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from pendulum import DateTime
from sqlalchemy import select

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database
from x_provider.ledger.records import Uploaded

_USABLE = ("ready", "processing")


class MediaLibrary:
    """The files that are on X for each account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(
        self, *, account: str, sha256: str, category: str, alt: str, extras: str = "", alive_at: DateTime
    ) -> Uploaded | None:
        """The upload of that file with that alt text whose id still lives at ``alive_at``.

        The newest that is ready, else the newest that X processes; its alt text may not be on X yet.

        :param extras: tells what else belongs to the upload; empty for nothing.
        """
        query = (
            select(t.media)
            .where(
                t.media.c.account == account,
                t.media.c.sha256 == sha256,
                t.media.c.category == category,
                t.media.c.alt == alt,
                t.media.c.extras == extras,
                t.media.c.state.in_(_USABLE),
                t.media.c.expires_at > alive_at,
            )
            .order_by((t.media.c.state == "ready").desc(), t.media.c.id.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
            return None if row is None else Uploaded(**row._mapping)

    def add(
        self,
        *,
        account: str,
        sha256: str,
        category: str,
        alt: str,
        extras: str = "",
        x_media_id: str,
        media_key: str | None,
        size: int,
        ask_at: DateTime | None,
        uploaded_at: DateTime,
        expires_at: DateTime,
    ) -> Uploaded:
        """Record an upload as soon as X has it; what belongs to it is still to come.

        :param ask_at: when X wants to be asked how far it is; None when it is ready.
        """
        values: dict[str, Any] = {
            "account": account,
            "sha256": sha256,
            "category": category,
            "alt": alt,
            "extras": extras,
            "x_media_id": x_media_id,
            "media_key": media_key,
            "size": size,
            "state": "ready" if ask_at is None else "processing",
            "described": not alt and not extras,
            "ask_at": ask_at,
            "uploaded_at": uploaded_at,
            "expires_at": expires_at,
        }
        with self._database.write() as connection:
            done = connection.execute(t.media.insert().values(values))
            key = done.inserted_primary_key
            assert key is not None  # noqa: S101 - both databases return it
            return Uploaded(id=key[0], **values)

    def describe(self, uploaded: Uploaded) -> Uploaded:
        """All that belongs to it is on X."""
        return self._set(uploaded, described=True)

    def ask_again(self, uploaded: Uploaded, at: DateTime) -> Uploaded:
        """X is still processing it and wants to be asked again then."""
        return self._set(uploaded, old=("processing",), ask_at=at)

    def finish(self, uploaded: Uploaded) -> Uploaded:
        """X has processed it: a post can use it."""
        return self._set(uploaded, old=("processing",), state="ready", ask_at=None)

    def fail(self, uploaded: Uploaded, why: str) -> Uploaded:
        """X cannot process it; it is never used.

        :param why: X's words.
        """
        return self._set(uploaded, old=("processing",), state="failed", ask_at=None, why=why)

    def forget(self, uploads: Collection[Uploaded], *, now: DateTime) -> None:
        """X does not take these ids (any more), whatever it promised: they are never used again."""
        for uploaded in uploads:
            self._set(uploaded, old=_USABLE, state="gone", ask_at=None, expires_at=now)

    def forgotten(self, uploaded: Uploaded, *, since: DateTime) -> bool:
        """Whether X forgot an upload of the same file for the same account since then."""
        query = select(t.media.c.id).where(
            t.media.c.account == uploaded.account,
            t.media.c.sha256 == uploaded.sha256,
            t.media.c.category == uploaded.category,
            t.media.c.state == "gone",
            t.media.c.expires_at >= since,
        )
        with self._database.read() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def _set(self, uploaded: Uploaded, *, old: tuple[str, ...] | None = None, **values: Any) -> Uploaded:
        """Change the row where it still is in one of the ``old`` states: else somebody else was faster."""
        this = t.media.update().where(t.media.c.id == uploaded.id)
        if old is not None:
            this = this.where(t.media.c.state.in_(old))
        with self._database.write() as connection:
            connection.execute(this.values(values))
        return replace(uploaded, **values)
