"""How triggers wait for an instant, and get blocking work done beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from pendulum import DateTime

from x_provider.ledger import PartState
from x_provider.publishing import utc_now

if TYPE_CHECKING:
    from x_provider.publishing import Fired

_SENT_ALREADY = (PartState.SENDING, PartState.UNCERTAIN)
"""What may be on X is only looked for."""


async def in_thread(pool: ThreadPoolExecutor, function: Callable[..., Any], *arguments: Any) -> Any:
    """What the function returns, run by a thread of the pool.

    The triggerer's default pool is everybody's: a post must not queue behind other people's triggers.
    """
    # With the context goes the address of the task's log.
    call = partial(copy_context().run, function, *arguments)
    return await asyncio.get_running_loop().run_in_executor(pool, call)


async def sleep_until(instant: DateTime) -> None:
    """Sleep until the wall clock has reached the instant: not the loop's, and never less."""
    # The clock may be set meanwhile, and a post must never be early.
    while (left := (instant - utc_now()).total_seconds()) > 0:
        await asyncio.sleep(min(left, 30 if left > 60 else 1))


def next_try(fired: Fired) -> str:
    """What keeps a post that was fired, and what is done about it when, for the log."""
    subject = f"post {fired.post.name}"
    why = (fired.why or f"{subject}: somebody else has changed it").rstrip(".")
    then = "looking for it again" if fired.post.state in _SENT_ALREADY else "trying again"
    return f"{why if why.startswith(subject) else f'{subject}: {why}'}; {then} at {fired.retry_at}"
