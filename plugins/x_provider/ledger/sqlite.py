"""What SQLite needs to be a ledger that many threads and processes write to."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

_BUSY_SECONDS = 30


class Turns:
    """One writer at a time, and one flush to the disk for all who have written meanwhile.

    SQLite lets one transaction write and makes the others poll: queueing here is fair and far quicker. Were
    each commit flushed by itself, under that lock, a thousand posts due at once would wait for two thousand
    flushes one after the other.

    :param path: the database file.
    """

    def __init__(self, path: str) -> None:
        self._log = f"{path}-wal"
        self._writing = threading.Lock()
        self._flushing = threading.Lock()
        self._written = 0
        self._flushed = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Write alone; at its end what was committed is on the disk.

        :raises OSError: when it cannot be brought there.
        """
        with self._writing:
            yield
            self._written += 1
            mine = self._written
        self._flush(mine)

    def _flush(self, mine: int) -> None:
        with self._flushing:
            if self._flushed < mine:
                so_far = self._written
                _flush_file(self._log)
                self._flushed = so_far


def sqlite_engine(url: URL) -> Engine:
    """An engine in write-ahead mode, whose transactions begin where :func:`begin` is called."""
    engine = create_engine(
        url, connect_args={"timeout": _BUSY_SECONDS}, pool_size=16, max_overflow=48, hide_parameters=True
    )
    event.listen(engine, "connect", _prepare)
    return engine


def begin(connection: Connection, *, writing: bool) -> None:
    """Begin a transaction; one that writes takes the lock at once, so that it need not be repeated."""
    # Not as a listener: an engine with listeners looks for them at every statement.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


@lru_cache(maxsize=16)
def turns_of(url: URL, _pid: int) -> Turns:
    """The turns of one database in one process."""
    return Turns(url.database or "")


def _prepare(dbapi_connection: Any, _record: Any) -> None:
    # The driver's own transaction handling would begin late and deferred; we begin ourselves.
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    mode = cursor.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    # An attempt must be on the disk before its request leaves, a power cut included. In write-ahead mode the
    # turns flush; where a file system does not allow that mode, SQLite flushes each commit.
    cursor.execute(f"PRAGMA synchronous={'NORMAL' if mode == 'wal' else 'FULL'}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _flush_file(path: str) -> None:
    # Without a log everything has been flushed into the database itself, by SQLite.
    with suppress(FileNotFoundError):
        file = os.open(path, os.O_RDWR)
        try:
            getattr(os, "fdatasync", os.fsync)(file)
        finally:
            os.close(file)
