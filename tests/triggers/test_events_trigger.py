"""The watcher that wakes DAG x_events."""

from __future__ import annotations

import asyncio
import json

import pytest
from new_ledger import new_ledger

from x_provider.ledger import Ledger, ReceivedEvent
from x_provider.publishing import utc_now
from x_provider.triggers import events
from x_provider.triggers.events import XEventsTrigger


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    url = new_ledger(tmp_path)
    monkeypatch.setenv(f"AIRFLOW_CONN_X_{tmp_path.name.upper()}", url)
    ledger = Ledger(url)
    yield ledger
    ledger.database.dispose()


@pytest.fixture
def trigger(tmp_path, ledger):
    return XEventsTrigger(ledger_conn_id=f"x_{tmp_path.name}", poll_seconds=0.02)


def store(ledger: Ledger, key: str) -> None:
    ledger.events.store([ReceivedEvent(key, "x_default", "{}", utc_now())])


async def next_of(watching, seconds: float):
    return await asyncio.wait_for(anext(watching), seconds)


def test_it_wakes_for_what_is_new_and_again_for_what_nobody_takes_on(ledger, trigger, monkeypatch) -> None:
    monkeypatch.setattr(events, "_REPEAT_SECONDS", 0.5)

    async def watch() -> list[int]:
        watching = trigger.run()
        waiting = asyncio.ensure_future(anext(watching))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        store(ledger, "a")
        told = [(await asyncio.wait_for(waiting, 10)).payload["newest"]]
        store(ledger, "b")
        told.append((await next_of(watching, 10)).payload["newest"])
        told.append((await next_of(watching, 10)).payload["newest"])
        ledger.events.claim(utc_now(), until=utc_now().add(minutes=5), limit=9)
        with pytest.raises(asyncio.TimeoutError):
            await next_of(watching, 1)
        return told

    assert asyncio.run(watch()) == [1, 2, 2]


def test_it_wakes_at_once_for_the_rest_of_what_was_taken_on(ledger, trigger) -> None:
    async def watch() -> None:
        for number in range(5):
            store(ledger, str(number))
        watching = trigger.run()
        for _ in range(5):
            assert (await next_of(watching, 5)).payload == {"newest": 5}
            ledger.events.claim(utc_now(), until=utc_now().add(minutes=5), limit=1)

    asyncio.run(watch())


def test_a_ledger_that_is_away_is_waited_for(trigger, ledger, monkeypatch) -> None:
    monkeypatch.setattr(events, "_RECOVERY_SECONDS", 0.01)
    store(ledger, "a")
    looks = []
    look = trigger._look

    async def away() -> int | None:
        looks.append(1)
        if len(looks) < 3:
            raise OSError("away")
        return await look()

    monkeypatch.setattr(trigger, "_look", away)

    async def watch():
        return await next_of(trigger.run(), 10)

    assert asyncio.run(watch()).payload == {"newest": 1}


def test_airflow_makes_it_anew_from_what_it_stores(trigger) -> None:
    path, arguments = trigger.serialize()
    assert path == f"{XEventsTrigger.__module__}.{XEventsTrigger.__name__}"
    assert XEventsTrigger(**json.loads(json.dumps(arguments))).serialize() == (path, arguments)
