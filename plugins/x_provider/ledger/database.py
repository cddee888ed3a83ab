"""The connection to the ledger's database: engines, transactions, migrations at first use."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, inspect, make_url, text
from sqlalchemy.exc import (
    DatabaseError,
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from x_provider.ledger.sqlite import begin, sqlite_engine, turns_of

HEAD = "0006"
"""The newest migration. A test holds it equal to what Alembic finds in ``migrations/versions``."""

_TRIAL = text(
    "INSERT INTO x_charges (account, month, at, kind, units, usd, what)"
    " VALUES ('', '', CURRENT_TIMESTAMP, 'trial', 0, 0, '')"
)
_MIGRATION_LOCK = 0x785F_6C65_6467  # "x_ledg"

_AWAY = (OperationalError, InternalError, InterfaceError, PoolTimeoutError, OSError)
"""What a database says that is away, or that takes no writes, as after a failover; and what its file system says."""
OF_ONE_WRITE = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
"""What a database says against a single statement; it is well otherwise, and so is what else was written."""
_CORRUPTED = ("XX001", "XX002")
"""PostgreSQL's words for a broken table or index, by SQLSTATE; SQLite has a class of its own for its file."""


class LedgerError(RuntimeError):
    """The ledger cannot be used, or not for that; the message says which, why and what to do."""

    @property
    def may_pass(self) -> bool:
        """Whether the database is away: then the same call may succeed later. One that is broken, or that a newer
        release made, is so until somebody does something.
        """
        return isinstance(self.__cause__, _AWAY) and not _is_broken(self.__cause__)


class Database:
    """One ledger database, SQLite or PostgreSQL.

    :param url: an SQLAlchemy URL, ``sqlite:////absolute/file.db`` or ``postgresql+psycopg://…``.
    """

    def __init__(self, url: str | URL) -> None:
        self.url = make_url(url)
        self._engine = _engine(self.url, os.getpid())
        self._is_sqlite = self._engine.dialect.name == "sqlite"
        self._migrated = False

    def __str__(self) -> str:
        return self.url.render_as_string(hide_password=True)

    def __repr__(self) -> str:
        return f"Database({self})"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading, outside any write lock."""
        self.upgrade()
        with self._explained(), self._engine.connect() as connection:
            self._begin(connection, writing=False)
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits at the end of the block and rolls back when it raises."""
        self.upgrade()
        with self._explained(), self._turn(), self._engine.begin() as connection:
            self._begin(connection, writing=True)
            yield connection

    def try_to_write(self) -> None:
        """Write a row and take it back: a database that only reads begins and ends a transaction all the same.

        :raises LedgerError: when it takes none.
        """
        self.upgrade()
        with self._explained(), self._turn(), self._engine.connect() as connection:
            self._begin(connection, writing=True)
            try:
                connection.execute(_TRIAL)
            except ProgrammingError as error:
                raise LedgerError(
                    f"the ledger database {self.url.render_as_string(hide_password=True)} cannot be written:"
                    f" {_words(error)}. Give the role of the connection x_ledger the rights to read and write its"
                    " tables, and to use their sequences."
                ) from error
            finally:
                connection.rollback()

    def upgrade(self) -> None:
        """Bring the schema to this release's version, once per process, under a lock.

        :raises LedgerError: when the database is newer than this release, or cannot be reached.
        """
        if self._migrated:
            return
        with self._explained():
            if self._version() != HEAD:
                with _migrating(os.getpid()):
                    self._migrate()
        self._migrated = True

    def dispose(self) -> None:
        """Close the pooled connections of this process."""
        self._engine.dispose()

    def _begin(self, connection: Connection, *, writing: bool) -> None:
        if self._is_sqlite:
            begin(connection, writing=writing)

    def _turn(self) -> AbstractContextManager[None]:
        return turns_of(self.url, os.getpid()).turn() if self._is_sqlite else nullcontext()

    def _version(self) -> str | None:
        with self._engine.connect() as connection:
            return _version(connection)

    def _migrate(self) -> None:
        # Alembic costs an import that only a schema change needs.
        from alembic import command  # noqa: PLC0415
        from alembic.config import Config  # noqa: PLC0415
        from alembic.util.exc import CommandError  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        with self._engine.begin() as connection:
            self._begin(connection, writing=True)
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            if _version(connection) == HEAD:
                return
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise LedgerError(
                    f"the ledger {self} has schema version"
                    f" {_version(connection)}, which this release (schema {HEAD}) does not know:"
                    " it was made by a newer airflow-provider-x. Upgrade the package,"
                    " or point the connection x_ledger elsewhere."
                ) from error

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OF_ONE_WRITE:
            raise
        except (*_AWAY, DatabaseError) as error:
            if _is_broken(error):
                raise LedgerError(
                    f"the ledger database {self} is broken: {_words(error)}. That does not pass by itself."
                    " Check that the connection x_ledger points to the right database; mending it is in"
                    " docs/troubleshooting.md, The ledger."
                ) from error
            raise LedgerError(
                f"the ledger database {self} cannot be used: {_words(error)}."
                " Check that it is up, reachable and writable, and that the connection x_ledger points to it."
            ) from error


def _is_broken(error: BaseException) -> bool:
    """Whether a database says that what it keeps cannot be read: its file is none, or is damaged."""
    if not isinstance(error, DatabaseError):
        return False
    is_corrupted = getattr(error.orig, "sqlstate", None) in _CORRUPTED
    return is_corrupted or not isinstance(error, (*_AWAY, *OF_ONE_WRITE))


def _words(error: Exception) -> str:
    if isinstance(error, OSError):
        return str(error)
    if isinstance(error, DBAPIError) and error.orig:
        return str(error.orig).strip().splitlines()[0]
    return "all of its connections are in use"


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("x_ledger_version"):
        return None
    return connection.execute(text("SELECT version_num FROM x_ledger_version")).scalar()


@lru_cache(maxsize=16)
def _engine(url: URL, _pid: int) -> Engine:
    """One engine a process: pooled connections must not cross a fork."""
    if url.get_backend_name() == "sqlite":
        return sqlite_engine(url)
    return create_engine(
        url,
        pool_pre_ping=True,
        pool_size=8,
        max_overflow=24,
        hide_parameters=True,
        connect_args=_patience(url),
    )


def _patience(url: URL) -> dict[str, Any]:
    """A database that hangs must not hang a due post for ever: the engine knows what to do with an error.

    What the connection says itself stays, since these would take its place.
    """
    said = url.query.get("options", "")
    options = " ".join((said,) if isinstance(said, str) else said)
    ours = "-c lock_timeout=15s -c statement_timeout=60s"
    return {"connect_timeout": url.query.get("connect_timeout", 10), "options": f"{ours} {options}".strip()}


@lru_cache(maxsize=16)
def _migrating(_pid: int) -> threading.Lock:
    """Alembic knows one migration at a time in a process, whatever the database."""
    return threading.Lock()
