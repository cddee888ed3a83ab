"""Whose turn it is: posts fire at their instant, accounts take turns, and paperwork comes after the posts."""

from __future__ import annotations

import heapq
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")
Aside = Callable[[], AbstractContextManager[None]]
"""Surrounds what takes long and sends no post: :meth:`FiringPool.aside`, or nothing."""

SOON_SECONDS = 1.0
"""How close a post must be for the others' results to wait for it."""
PATIENCE_SECONDS = 10.0
"""How long a result waits for other posts at most."""
_LONGEST_WAIT_SECONDS = 1.0
"""The wall clock decides when a post is due, and it may be set while somebody waits."""


@dataclass(eq=False)
class _Shot(Generic[Result]):
    account: str
    fire: Callable[[], Result]
    is_urgent: Callable[[Result], bool]
    future: Future[Result]


@dataclass(order=True)
class _Held:
    until: float
    order: int
    tell: Callable[[], None] = field(compare=False)


class FiringPool:
    """Threads that fire posts, none before its instant.

    An account's posts go in the order of their due times. Accounts take turns, and one account has only a few
    posts in flight, so that a long backlog never delays another account's single post. What keeps a post from
    being sent, such as an upload, is done :meth:`aside`.

    Telling what came of a post makes work for others (logs, events, tasks that resume) on the same machine. So
    a result is told once no other post is waiting or due within ``SOON_SECONDS``, or after
    ``PATIENCE_SECONDS``. The ledger has it long before.

    :param threads: how many posts may be in flight.
    :param per_account: how many of one account.
    :param aside: how many more may have stepped aside.
    :param clock: the present instant in seconds since the epoch.
    """

    def __init__(
        self,
        *,
        threads: int = 48,
        per_account: int = 4,
        aside: int = 16,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.per_account = per_account
        self._threads = threads
        self._clock = clock
        self._room_aside = aside
        self._executor = ThreadPoolExecutor(threads + aside, thread_name_prefix="x-fire")
        self._own = threading.local()
        self._changed = threading.Condition()
        self._order = count()
        self._to_come: list[tuple[float, int, str]] = []
        self._queues: dict[str, list[tuple[float, int, _Shot[Any]]]] = {}
        self._turns: dict[str, None] = {}  # in the order of their offers
        self._in_flight: Counter[str] = Counter()
        self._due = 0
        self._running = 0
        self._held: list[_Held] = []
        self._timekeeper: threading.Thread | None = None

    def submit(
        self,
        account: str,
        due_at: float,
        fire: Callable[[], Result],
        *,
        is_urgent: Callable[[Result], bool] = lambda _: False,
    ) -> Future[Result]:
        """Fire at ``due_at``, in a thread. Cancelling the future withdraws what has not begun.

        :param due_at: seconds since the epoch; what is past goes as soon as it is its turn.
        :param is_urgent: whether the result must be told at once.
        """
        shot = _Shot(account, fire, is_urgent, Future())
        with self._changed:
            if self._timekeeper is None:
                self._timekeeper = threading.Thread(target=self._keep_time, name="x-fire-time", daemon=True)
                self._timekeeper.start()
            order = next(self._order)
            heapq.heappush(self._queues.setdefault(account, []), (due_at, order, shot))
            heapq.heappush(self._to_come, (due_at, order, account))
            self._changed.notify()
        return shot.future

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What a firing thread does here sends no post, and may take long: its turn is another post's meanwhile.

        Where too many have stepped aside already it keeps its turn; so does a thread that is none of this pool.
        """
        account = getattr(self._own, "account", None)
        if account is None or not self._step_aside(account):
            yield
            return
        try:
            yield
        finally:
            with self._changed:
                self._room_aside += 1
                self._running += 1
                self._in_flight[account] += 1

    def _step_aside(self, account: str) -> bool:
        with self._changed:
            if not self._room_aside:
                return False
            self._room_aside -= 1
            self._running -= 1
            self._in_flight[account] -= 1
            self._offer_turn(account, self._clock())
            self._hire(len(self._turns))
            return True

    def tell_all(self) -> None:
        """Hold no result back any longer: somebody is leaving."""
        with self._changed:
            held, self._held = self._held, []
        for result in held:
            result.tell()

    def _keep_time(self) -> None:
        while True:
            with self._changed:
                now = self._clock()
                while self._to_come and self._to_come[0][0] <= now:
                    self._due += 1
                    self._offer_turn(heapq.heappop(self._to_come)[2], now)
                self._hire(len(self._turns))
                to_tell = self._held_no_longer(now)
                if not to_tell:
                    self._changed.wait(self._until_next(now))
            for held in to_tell:
                held.tell()

    def _until_next(self, now: float) -> float | None:
        """Seconds until something may have to be done; None when somebody will say so."""
        instants = [self._to_come[0][0]] if self._to_come else []
        if self._held:
            instants.append(self._held[0].until)
        return min(max(min(instants) - now, 0), _LONGEST_WAIT_SECONDS) if instants else None

    def _held_no_longer(self, now: float) -> list[_Held]:
        is_quiet = not self._due and not (self._to_come and self._to_come[0][0] <= now + SOON_SECONDS)
        if is_quiet:
            held, self._held = self._held, []
            return held
        overdue = []
        while self._held and self._held[0].until <= now:
            overdue.append(heapq.heappop(self._held))
        return overdue

    def _hire(self, wanted: int) -> None:
        for _ in range(min(wanted, self._threads - self._running)):
            self._running += 1
            self._executor.submit(self._work)

    def _work(self) -> None:
        while (shot := self._next_shot()) is not None:
            self._own.account = shot.account
            try:
                result = shot.fire()
            except BaseException as error:
                self._done(shot)
                shot.future.set_exception(error)
            else:
                self._done(shot)
                self._tell(shot, result)

    def _next_shot(self) -> _Shot[Any] | None:
        with self._changed:
            now = self._clock()
            while self._turns:
                account = next(iter(self._turns))
                del self._turns[account]
                queue = self._queues[account]
                _, _, shot = heapq.heappop(queue)
                self._due -= 1
                if not queue:
                    del self._queues[account]
                if not shot.future.set_running_or_notify_cancel():
                    self._offer_turn(account, now)
                    continue
                self._in_flight[account] += 1
                self._offer_turn(account, now)
                self._hire(1 if self._turns else 0)
                return shot
            self._running -= 1
            self._changed.notify()
            return None

    def _done(self, shot: _Shot[Any]) -> None:
        with self._changed:
            self._in_flight[shot.account] -= 1
            self._offer_turn(shot.account, self._clock())

    def _offer_turn(self, account: str, now: float) -> None:
        """Put the account at the end of the line, if it has a due post and may have one more in flight."""
        queue = self._queues.get(account)
        has_room = self._in_flight[account] < self.per_account
        if queue and queue[0][0] <= now and has_room:
            self._turns.setdefault(account)

    def _tell(self, shot: _Shot[Any], result: Any) -> None:
        if shot.is_urgent(result):
            shot.future.set_result(result)
            return
        with self._changed:
            held = _Held(
                self._clock() + PATIENCE_SECONDS, next(self._order), lambda: shot.future.set_result(result)
            )
            heapq.heappush(self._held, held)
            if len(self._held) == 1 or not self._due:
                self._changed.notify()
