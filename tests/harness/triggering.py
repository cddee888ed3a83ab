"""Triggers on an event loop of the test's own."""

from __future__ import annotations

import asyncio
from typing import Any


async def first_event(trigger: Any, *, within: float = 20) -> Any:
    """The payload of the first event that the trigger sends, at most so many seconds from now."""
    events = trigger.run()
    try:
        return (await asyncio.wait_for(anext(events), within)).payload
    finally:
        await events.aclose()
