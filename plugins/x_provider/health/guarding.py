"""A check that breaks off or hangs is a failed check: a probe gets its answer, and the other things are looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from traceback import extract_tb
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from x_provider.client import XError
from x_provider.health.check import Check, State
from x_provider.hooks.problems import XConnectionError
from x_provider.ledger import LedgerError

Found = TypeVar("Found")

_SECONDS = 5.0
"""How long one check may take."""
_ASKED_AGAIN_SECONDS = 60
_hanging: dict[str, tuple[Thread, float]] = {}
"""The last look at a thing that was not waited for any longer, and when it began."""


class Patience:
    """How long several checks may be waited for in vain, in all. Those that answer take nothing of it."""

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    @property
    def is_over(self) -> bool:
        """Whether there is none left."""
        return self.left <= 0


def guarded(
    name: str,
    look: Callable[[], Iterable[Found]],
    next_step: str,
    patience: Patience,
    *,
    otherwise: State = "failed",
) -> Iterator[Found | Check]:
    """What *look* finds; where it raises or hangs, what it found until then and a failed check.

    It runs in a thread of its own, which is left to itself where it hangs. A probe that comes while one does so
    begins no other, for a minute: what hangs may hold a connection, or a lock that others wait for.

    :param name: of the failed check.
    :param next_step: what to do where what broke it does not say so itself.
    :param otherwise: its state; ``warning`` where no post waits for what is looked at.
    """
    began, seconds = time.monotonic(), min(_SECONDS, patience.left)
    earlier, since = _hanging.get(name, (None, began))
    if earlier is not None and earlier.is_alive() and began - since < _ASKED_AGAIN_SECONDS:
        yield Check(name, otherwise, f"no answer for {began - since:.0f} s", next_step)
        return
    if patience.is_over:
        yield Check(name, otherwise, "not looked at, since what comes before it hangs", "Mend that first")
        return
    found: SimpleQueue[list[Found | Check]] = SimpleQueue()
    failed = partial(broken, name, next_step=next_step, state=otherwise)
    thread = Thread(target=_look, args=(look, failed, found), name=f"check {name}", daemon=True)
    thread.start()
    while True:
        try:
            some = found.get(timeout=max(began + seconds - time.monotonic(), 0))
        except Empty:
            _hanging[name] = thread, began
            patience.left -= seconds
            yield Check(name, otherwise, f"no answer within {seconds:g} s", next_step)
            return
        if not some:
            return
        yield from some


def is_anything_hanging() -> bool:
    """Whether a look that was not waited for any longer has still not ended."""
    return any(thread.is_alive() for thread, _ in _hanging.values())


def _look(
    look: Callable[[], Iterable[Found]],
    failed: Callable[[Exception], Check],
    found: SimpleQueue[list[Found | Check]],
) -> None:
    """Put what is found into the queue, and nothing at its end."""
    try:
        for each in look():
            found.put([each])
    except Exception as error:
        found.put([failed(error)])
    finally:
        found.put([])


def broken(name: str, error: Exception, next_step: str, state: State = "failed") -> Check:
    """The failed check for what broke one.

    Only errors of this package and the words of a database are repeated: others may quote what is secret.
    """
    if isinstance(error, (LedgerError, XConnectionError, XError)):
        return Check(name, state, str(error), next_step)
    if isinstance(error, DBAPIError) and error.orig is not None and str(error.orig).strip():
        words = str(error.orig).strip().splitlines()[0]
        return Check(name, state, f"the database says: {words}", next_step)
    frames = extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "x_provider" in Path(frame.filename).parts] or list(frames)
    where = f", at {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    if not isinstance(error, (SQLAlchemyError, OSError)):
        next_step = (
            f"{next_step}. If that is in order, it is a mistake in the package: report it with these words"
        )
    return Check(name, state, f"it could not be looked at: {type(error).__name__}{where}", next_step)
