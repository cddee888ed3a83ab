"""How triggers wait for an instant, and get blocking work done beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any

from pendulum import DateTime

from x_provider.publishing import utc_now


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
