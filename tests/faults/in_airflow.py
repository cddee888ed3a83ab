"""What Airflow does with a post whose time is near: its trigger as a triggerer runs it, its task as a worker does.

Their clock is the machine's, which no world can make jump, and their connections come from the environment.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from typing import Any

import requests_oauthlib  # noqa: F401  # the hooks import it late; here once for all lives

import x_provider.client.transport  # noqa: F401
from x_provider.operators.publishing import XCreatePostOperator
from x_provider.triggers.publish import XPublishTrigger


class NotPublishedError(RuntimeError):
    """The trigger's event says that the task must see after the post."""


def trigger(world: dict[str, Any]) -> None:
    """Run the trigger of every post at once, until each has sent its event."""
    _connect(world)
    asyncio.run(_events([XPublishTrigger(**post) for post in world["posts"]]))


def work(world: dict[str, Any]) -> None:
    """Run the task of every post, one after the other, none of which may be left to the triggerer."""
    _connect(world)
    for post in world["posts"]:
        XCreatePostOperator(task_id="create_post", post_id=post["post_id"], deferrable=False).execute({})


LIVES: dict[str, Callable[[dict[str, Any]], None]] = {"trigger": trigger, "work": work}


def _connect(world: dict[str, Any]) -> None:
    os.environ["AIRFLOW_CONN_X_LEDGER"] = world["ledger"]
    for account, (api_key, api_secret, token, token_secret) in world["keys"].items():
        os.environ[f"AIRFLOW_CONN_{account.upper()}"] = json.dumps(
            {
                "conn_type": "x",
                "host": world["x"],
                "login": api_key,
                "password": api_secret,
                "extra": {"access_token": token, "access_token_secret": token_secret},
            }
        )


async def _events(triggers: list[XPublishTrigger]) -> None:
    await asyncio.gather(*map(_event, triggers))


async def _event(trigger: XPublishTrigger) -> None:
    async for event in trigger.run():
        if event.payload != {"post_id": trigger.post_id}:
            raise NotPublishedError(event.payload)
