"""Writes of many threads in few transactions."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NoReturn, TypeVar

from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from x_provider.ledger.database import OF_ONE_WRITE, Database, LedgerError

Result = TypeVar("Result")


class UnknownWriteError(LedgerError):
    """Nobody knows whether the write is in the ledger: the thread that wrote it for others was ended meanwhile."""

    @property
    def may_pass(self) -> bool:
        """It has passed already: whoever asks the ledger again learns what is in it."""
        return True


class _Write:
    """What is to be written, and how that ended.

    Not a Future: one that is interrupted while it wakes those who wait for it counts as done, and never wakes them.
    """

    def __init__(self, work: Callable[[Connection], Any]) -> None:
        self.work = work
        self._end: Callable[[], Any] | None = None
        self._untold = threading.Lock()
        self._untold.acquire()

    def tell(self, end: Callable[[], Any]) -> None:
        """Wake who waits. The first end counts, and telling it again makes good what was interrupted."""
        self._end = self._end or end
        if self._untold.locked():
            self._untold.release()

    def wait(self) -> Any:
        """What the work returned, once it is committed; raises what kept it from being written."""
        self._untold.acquire()  # for good: only who tells releases it, perhaps once more
        assert self._end is not None  # noqa: S101 - it is there before anybody is woken
        return self._end()


class _Queue:
    """What waits for the next transaction. Whoever comes first writes it, and all that has come until then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_Write] = []

    def join(self, write: _Write) -> bool:
        """Whether it is the first."""
        with self._lock:
            self._waiting.append(write)
            return self._waiting[0] is write

    def take(self, first: _Write, into: list[_Write]) -> None:
        """Take all that wait, if it is the first of them; repeating it takes nothing of anybody else's."""
        with self._lock:
            if self._waiting and self._waiting[0] is first:
                into[:] = self._waiting
                self._waiting = []


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

        A thread that is interrupted here (a signal's handler raised, say) may leave its work to be done by another.

        :param work: may run in another thread. When it raises, its changes are taken back, and that is raised here.
            It must be such that doing it twice does no harm.
        :raises UnknownWriteError: when the thread that did the work was interrupted, so that it may be committed.
        :raises LedgerError: when the database cannot be used.
        """
        if not self._is_shared:
            with self._database.write() as connection:
                return work(connection)
        mine, queue = _Write(work), _queue_of(self._database.url, os.getpid())
        taken: list[_Write] = []
        try:
            if queue.join(mine):
                self._write_all(queue, mine, taken)
        except BaseException as error:
            # The others wait for this thread, wherever it was interrupted: in joining, too, and in telling them.
            queue.take(mine, taken)
            for write in taken:
                write.tell(_unknown(self._database, error))
            raise
        result: Result = mine.wait()
        return result

    def _write_all(self, queue: _Queue, mine: _Write, taken: list[_Write]) -> None:
        try:
            with self._database.write() as connection:
                queue.take(mine, taken)  # not before it is our turn: until then others come
                ends = _do_all(connection, taken)
        except (LedgerError, SQLAlchemyError) as error:
            queue.take(mine, taken)
            ends = [_raising(error)] * len(taken)
        for write, end in zip(taken, ends, strict=True):
            write.tell(end)


def _do_all(connection: Connection, writes: list[_Write]) -> list[Callable[[], Any]]:
    """How each of them ended, to be told once it is committed."""
    if len(writes) == 1:
        result = writes[0].work(connection)
        return [lambda: result]
    return [_do_one(connection, write.work) for write in writes]


def _do_one(connection: Connection, work: Callable[[Connection], Any]) -> Callable[[], Any]:
    connection.exec_driver_sql("SAVEPOINT one")
    try:
        result = work(connection)
    except Exception as error:
        if isinstance(error, DBAPIError) and not isinstance(error, OF_ONE_WRITE):
            raise
        refused = error
        connection.exec_driver_sql("ROLLBACK TO one")
        connection.exec_driver_sql("RELEASE one")
        return _raising(refused)
    connection.exec_driver_sql("RELEASE one")
    return lambda: result


def _raising(error: Exception) -> Callable[[], NoReturn]:
    def fail() -> NoReturn:
        raise error

    return fail


def _unknown(database: Database, by: BaseException) -> Callable[[], NoReturn]:
    words = (
        f"it is not known whether this was written to {database!r}: the thread that wrote it together with its own"
        f" was ended by {type(by).__name__}. Try again: what is in the ledger by then decides."
    )

    def fail() -> NoReturn:
        raise UnknownWriteError(words)

    return fail


@lru_cache(maxsize=16)
def _queue_of(_url: URL, _pid: int) -> _Queue:
    """The queue of one database in one process."""
    return _Queue()
