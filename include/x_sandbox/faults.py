from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, fields
from http import HTTPStatus
from typing import Any

from x_sandbox.problems import preset

KINDS = {
    "drop_before_commit": "close the connection before anything is done",
    "drop_after_commit": "do it, then close the connection without an answer",
    "status": "answer with `status` (and `body` or `problem`) instead of doing it",
    "status_after_commit": "do it, then answer with `status`",
    "delay_before": "wait `seconds`, then do it",
    "delay_after": "do it, wait `seconds`, then answer",
    "outage_401": "answer 401 to good credentials",
    "truncate": "do it, then send half of the answer and close the connection",
    "garbage": "do it, then answer with a body that is no JSON",
}


@dataclass
class Fault:
    """One thing that shall go wrong.

    :param kind: one of `KINDS`.
    :param method: HTTP method, or None for any.
    :param path: a prefix of the path, or a regular expression when it starts with `^`; None for any.
    :param account: username or id, or None for any.
    :param times: how many requests it hits; -1 without end.
    :param skip: how many matching requests pass untouched before.
    :param status: HTTP status of the answer.
    :param seconds: length of a delay.
    :param body: JSON body of the answer.
    :param headers: headers of the answer.
    :param problem: name of one of X's refusals, instead of status and body.
    :param reset: drop with a TCP reset instead of a plain close.
    """

    kind: str
    method: str | None = None
    path: str | None = None
    account: str | None = None
    times: int = 1
    skip: int = 0
    status: int = 503
    seconds: float = 1.0
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    problem: str | None = None
    reset: bool = False
    id: str = ""
    applied: int = 0

    def matches(self, method: str, path: str, account: tuple[str, ...]) -> bool:
        """Tell whether this fault is meant for a request; `account` holds the caller's id and username."""
        if self.applied == self.times or (self.method and self.method.upper() != method):
            return False
        if self.path and not (
            re.search(self.path, path) if self.path.startswith("^") else path.startswith(self.path)
        ):
            return False
        return not self.account or self.account in account


class Faults:
    """The faults that wait for their requests."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._count = 0

    def add(self, description: dict[str, Any]) -> Fault:
        """Arm a fault.

        :raises ValueError: an unknown member, kind, problem, or a bad regular expression.
        """
        settable = {item.name for item in fields(Fault)} - {"id", "applied"}
        if unknown := set(description) - settable:
            raise ValueError(f"unknown members {sorted(unknown)}; there are {sorted(settable)}")
        if description.get("kind") not in KINDS:
            raise ValueError(f"unknown kind {description.get('kind')!r}; one of {', '.join(KINDS)}")
        fault = Fault(**description)
        numbers = {name: getattr(fault, name) for name in ("times", "skip", "status", "seconds")}
        if wrong := {name: value for name, value in numbers.items() if type(value) not in (int, float)}:
            raise ValueError(f"{' and '.join(wrong)} must be numbers, not {list(wrong.values())}")
        if fault.status not in set(HTTPStatus):
            raise ValueError(f"status {fault.status} is no HTTP status")
        if fault.path and fault.path.startswith("^"):
            try:
                re.compile(fault.path)
            except re.error as error:
                raise ValueError(f"path {fault.path!r} is no regular expression: {error}") from error
        if fault.problem:
            try:
                preset(fault.problem)
            except KeyError as error:
                raise ValueError(error.args[0]) from error
        self._count += 1
        fault.id = str(self._count)
        self._faults.append(fault)
        return fault

    def take(self, method: str, path: str, account: tuple[str, ...]) -> Fault | None:
        """Return the fault for a request, and count it."""
        for fault in self._faults:
            if fault.matches(method, path, account):
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.applied += 1
                return fault
        return None

    def remove(self, fault_id: str | None = None) -> int:
        """Disarm one fault, or all; return how many."""
        kept = [fault for fault in self._faults if fault_id is not None and fault.id != fault_id]
        removed = len(self._faults) - len(kept)
        self._faults = kept
        return removed

    def listing(self) -> list[dict[str, Any]]:
        return [asdict(fault) for fault in self._faults]
