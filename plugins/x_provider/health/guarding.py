"""A check that breaks off is a failed check: a probe gets its answer, and the other things are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from traceback import extract_tb
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from x_provider.client import XError
from x_provider.health.check import Check
from x_provider.hooks.problems import XConnectionError
from x_provider.ledger import LedgerError

Found = TypeVar("Found")


def guarded(name: str, look: Callable[[], Iterable[Found]], next_step: str) -> Iterator[Found | Check]:
    """What *look* finds; where it raises, what it found until then and a failed check.

    :param name: of the failed check.
    :param next_step: what to do where what broke it does not say so itself.
    """
    try:
        yield from look()
    except Exception as error:
        yield broken(name, error, next_step)


def broken(name: str, error: Exception, next_step: str) -> Check:
    """The failed check for what broke one.

    Only errors of this package and the words of a database are repeated: others may quote what is secret.
    """
    if isinstance(error, (LedgerError, XConnectionError, XError)):
        return Check(name, "failed", str(error), next_step)
    if isinstance(error, DBAPIError) and error.orig is not None and str(error.orig).strip():
        words = str(error.orig).strip().splitlines()[0]
        return Check(name, "failed", f"the database says: {words}", next_step)
    frames = extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "x_provider" in Path(frame.filename).parts] or list(frames)
    where = f", at {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    if not isinstance(error, (SQLAlchemyError, OSError)):
        next_step = (
            f"{next_step}. If that is in order, it is a mistake in the package: report it with these words"
        )
    return Check(name, "failed", f"it could not be looked at: {type(error).__name__}{where}", next_step)
