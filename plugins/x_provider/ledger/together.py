"""Writes of many threads in few transactions."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError

from x_provider.ledger.database import OF_ONE_WRITE, Database, LedgerError

Result = TypeVar("Result")


@dataclass(frozen=True)
class _Write:
    work: Callable[[Connection], Any]
    done: Future[Any] = field(default_factory=Future)


class _Queue:
    """What waits for the next transaction. Whoever comes first writes it, and all that has come until then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_Write] = []

    def join(self, write: _Write) -> bool:
        """Whether it is the first."""
        with self._lock:
            self._waiting.append(write)
            return len(self._waiting) == 1

    def take(self) -> list[_Write]:
        with self._lock:
            taken, self._waiting = self._waiting, []
            return taken


class Together:
    """Writes of one database that come in crowds; each is done wholly or not at all, whatever becomes of the others.

    On SQLite they share transactions, since one writes at a time: a thousand posts at one instant would hand the
    turn over two thousand times, between threads that all want the interpreter as well. PostgreSQL writes them
    side by side, each in a transaction of its own.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._is_shared = database.url.get_backend_name() == "sqlite"

    def write(self, work: Callable[[Connection], Result]) -> Result:
        """Do the work in a transaction that is committed, and on the disk, when this returns.

        :param work: may run in another thread. When it raises, its changes are taken back, and that is raised here.
        :raises LedgerError: when the database cannot be used.
        """
        if not self._is_shared:
            with self._database.write() as connection:
                return work(connection)
        mine, queue = _Write(work), _queue_of(self._database.url, os.getpid())
        if queue.join(mine):
            self._write_all(queue)
        result: Result = mine.done.result()
        return result

    def _write_all(self, queue: _Queue) -> None:
        taken: list[_Write] = []
        try:
            with self._database.write() as connection:
                taken = queue.take()  # not before it is our turn: until then others come
                ends = _do_all(connection, taken)
        except BaseException as error:
            failed = error if isinstance(error, Exception) else _interrupted(error)
            for write in taken or queue.take():
                write.done.set_exception(failed)
            if not isinstance(error, Exception):
                raise
        else:
            for write, end in zip(taken, ends, strict=True):
                end(write.done)


def _do_all(connection: Connection, writes: list[_Write]) -> list[Callable[[Future[Any]], None]]:
    """How each of them ended, to be told once it is committed."""
    if len(writes) == 1:
        result = writes[0].work(connection)
        return [lambda done: done.set_result(result)]
    return [_do_one(connection, write.work) for write in writes]


def _do_one(connection: Connection, work: Callable[[Connection], Any]) -> Callable[[Future[Any]], None]:
    connection.exec_driver_sql("SAVEPOINT one")
    try:
        result = work(connection)
    except Exception as error:
        if isinstance(error, DBAPIError) and not isinstance(error, OF_ONE_WRITE):
            raise
        refused = error
        connection.exec_driver_sql("ROLLBACK TO one")
        connection.exec_driver_sql("RELEASE one")
        return lambda done: done.set_exception(refused)
    connection.exec_driver_sql("RELEASE one")
    return lambda done: done.set_result(result)


def _interrupted(by: BaseException) -> LedgerError:
    return LedgerError(
        f"the ledger was not written: the thread that wrote for this one, too, was ended by {type(by).__name__}."
        " Try again."
    )


@lru_cache(maxsize=16)
def _queue_of(_url: URL, _pid: int) -> _Queue:
    """The queue of one database in one process."""
    return _Queue()
