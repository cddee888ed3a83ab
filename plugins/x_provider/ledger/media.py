"""Uploads: which file is on X under which id, and until when."""

from __future__ import annotations

from pendulum import DateTime
from sqlalchemy import select

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database
from x_provider.ledger.records import Uploaded


class MediaLibrary:
    """The files that are on X for each account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(
        self, *, account: str, sha256: str, category: str, alt: str, alive_at: DateTime
    ) -> Uploaded | None:
        """The newest upload of that file with that alt text whose id still lives at ``alive_at``."""
        query = (
            select(t.media)
            .where(
                t.media.c.account == account,
                t.media.c.sha256 == sha256,
                t.media.c.category == category,
                t.media.c.alt == alt,
                t.media.c.state != "failed",
                t.media.c.expires_at > alive_at,
            )
            .order_by(t.media.c.id.desc())
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
        x_media_id: str,
        media_key: str | None,
        size: int,
        state: str,
        uploaded_at: DateTime,
        expires_at: DateTime,
    ) -> None:
        """Record an upload; ``state`` is ``processing`` or ``ready``."""
        with self._database.write() as connection:
            connection.execute(
                t.media.insert().values(
                    account=account,
                    sha256=sha256,
                    category=category,
                    alt=alt,
                    x_media_id=x_media_id,
                    media_key=media_key,
                    size=size,
                    state=state,
                    uploaded_at=uploaded_at,
                    expires_at=expires_at,
                )
            )

    def set_state(self, x_media_id: str, state: str) -> None:
        """X has finished processing: ``ready`` or ``failed``."""
        with self._database.write() as connection:
            connection.execute(t.media.update().where(t.media.c.x_media_id == x_media_id).values(state=state))
