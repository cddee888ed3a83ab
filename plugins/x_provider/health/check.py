"""What one look at one thing says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "skipped", "warning", "failed"]
_WORST_LAST: tuple[State, ...] = ("ok", "skipped", "warning", "failed")


@dataclass(frozen=True)
class Check:
    """One thing, looked at.

    :param name: of the thing, such as ``triggerer`` or ``account x_brand``.
    :param state: ``warning`` where posts go out all the same, ``failed`` where they do not.
    :param words: what was seen; holds no secret.
    :param next_step: what to do about it; empty where nothing has to be done.
    """

    name: str
    state: State
    words: str
    next_step: str = ""


def verdict(checks: Iterable[Check]) -> State:
    """The worst of them; ``ok`` where the worst was not looked at."""
    worst = max((check.state for check in checks), key=_WORST_LAST.index, default="ok")
    return "ok" if worst == "skipped" else worst
