"""Lookups that coroutines share."""

from __future__ import annotations

import asyncio

import pytest

from x_provider.hooks.shared import SharedLookups


class Directory:
    """Counts how often it is asked; fails as long as it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.failures = 0

    async def look_up(self, key: str) -> str:
        self.asked += 1
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise ConnectionError(key)
        return f"{key} {self.asked}"


@pytest.fixture
def directory() -> Directory:
    return Directory()


def test_fifty_who_ask_at_once_cost_one_lookup(directory: Directory) -> None:
    async def ask() -> list[str]:
        shared = SharedLookups(directory.look_up, seconds=60)
        return await asyncio.gather(*(shared.get("a") for _ in range(50)))

    assert asyncio.run(ask()) == ["a 1"] * 50


def test_each_key_is_looked_up_for_itself(directory: Directory) -> None:
    async def ask() -> list[str]:
        shared = SharedLookups(directory.look_up, seconds=60)
        return [await shared.get(key) for key in "aba"]

    assert asyncio.run(ask()) == ["a 1", "b 2", "a 1"]


def test_an_old_answer_is_asked_for_again(directory: Directory) -> None:
    async def ask() -> list[str]:
        shared = SharedLookups(directory.look_up, seconds=-1)
        return [await shared.get("a"), await shared.get("a")]

    assert asyncio.run(ask()) == ["a 1", "a 2"]


def test_a_failure_is_told_to_all_who_wait_and_not_kept(directory: Directory) -> None:
    async def ask() -> tuple[list[object], str]:
        shared = SharedLookups(directory.look_up, seconds=60)
        directory.failures = 1
        failed = await asyncio.gather(shared.get("a"), shared.get("a"), return_exceptions=True)
        return failed, await shared.get("a")

    failed, answer = asyncio.run(ask())
    assert [type(error) for error in failed] == [ConnectionError, ConnectionError]
    assert answer == "a 2"


def test_one_who_gives_up_leaves_the_others_waiting(directory: Directory) -> None:
    async def ask() -> str:
        shared = SharedLookups(directory.look_up, seconds=60)
        first = asyncio.create_task(shared.get("a"))
        second = asyncio.create_task(shared.get("a"))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(ask()) == "a 1"


def test_another_event_loop_asks_for_itself(directory: Directory) -> None:
    shared = SharedLookups(directory.look_up, seconds=60)
    assert [asyncio.run(shared.get("a")), asyncio.run(shared.get("a"))] == ["a 1", "a 2"]
