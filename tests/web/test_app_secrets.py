"""Whom the webhook's route asks for secrets, and who has to wait for whom."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from x_provider.hooks.webhooks import AppSecrets
from x_provider.web import app_secrets
from x_provider.web.app_secrets import NoAnswerError, Secrets


class Backend:
    """Connections ``x_ours`` and ``x_new``; ``away`` fails, ``slow`` answers once ``go_on`` is set."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.away = self.slow = False
        self.go_on = threading.Event()
        self.secret = "first"

    def __call__(self, conn_id: str) -> AppSecrets | None:
        self.asked.append(conn_id)
        if self.slow or conn_id.startswith("stranger"):
            self.go_on.wait(20)
        if self.away:
            raise OSError("away")
        return AppSecrets(self.secret) if conn_id in ("x_ours", "x_new") else None


@pytest.fixture
def backend():
    backend = Backend()
    yield backend
    backend.go_on.set()


def run(backend: Backend, use: Callable[[Secrets], Awaitable[Any]], names: list[str] | None = None) -> Any:
    async def inside() -> Any:
        try:
            return await use(Secrets(backend, lambda: names or []))
        finally:
            backend.go_on.set()

    return asyncio.run(inside())


async def soon(secrets: Secrets, conn_id: str) -> AppSecrets | None:
    return await asyncio.wait_for(secrets.of(conn_id), 5)


def test_a_secret_is_looked_up_once_a_minute_and_one_that_is_not_there_too(backend) -> None:
    async def use(secrets: Secrets) -> list[Any]:
        return [await soon(secrets, conn_id) for conn_id in ("x_ours", "x_none") for _ in range(3)]

    assert run(backend, use) == [AppSecrets("first")] * 3 + [None] * 3
    assert backend.asked == ["x_ours", "x_none"]


def test_a_known_secret_is_given_while_it_is_looked_up_anew(backend, monkeypatch) -> None:
    monkeypatch.setattr(app_secrets, "_FRESH_SECONDS", 0)

    async def use(secrets: Secrets) -> None:
        await soon(secrets, "x_ours")
        backend.slow, backend.secret = True, "second"
        for _ in range(3):
            assert await soon(secrets, "x_ours") == AppSecrets("first")
        assert backend.asked == ["x_ours", "x_ours"]
        backend.go_on.set()
        while await soon(secrets, "x_ours") != AppSecrets("second"):
            await asyncio.sleep(0.01)

    run(backend, use)


def test_after_ten_minutes_no_secret_is_good_that_nobody_confirms(backend, monkeypatch) -> None:
    monkeypatch.setattr(app_secrets, "_FRESH_SECONDS", 0)

    async def use(secrets: Secrets) -> None:
        await soon(secrets, "x_ours")
        backend.away = True
        assert await soon(secrets, "x_ours") == AppSecrets("first")
        monkeypatch.setattr(app_secrets, "_LAST_SECONDS", 0)
        with pytest.raises(NoAnswerError):
            await soon(secrets, "x_ours")

    run(backend, use)


def test_whom_the_ledger_knows_waits_for_no_stranger(backend, monkeypatch) -> None:
    async def use(secrets: Secrets) -> None:
        strangers = [asyncio.create_task(secrets.of(f"stranger{number}")) for number in range(20)]
        await asyncio.sleep(0.1)
        with pytest.raises(NoAnswerError):
            await soon(secrets, "stranger-more")
        assert await soon(secrets, "x_new") == AppSecrets("first")
        backend.go_on.set()
        assert await asyncio.gather(*strangers) == [None] * 20

    run(backend, use, ["x_new"])


def test_a_ledger_that_hangs_keeps_nobody_waiting_for_long(backend, monkeypatch) -> None:
    monkeypatch.setattr(app_secrets, "_NAMES_SECONDS", 0.05)

    async def use() -> AppSecrets | None:
        secrets = Secrets(backend, lambda: backend.go_on.wait(20) and [])
        try:
            return await soon(secrets, "x_ours")
        finally:
            backend.go_on.set()

    assert asyncio.run(use()) == AppSecrets("first")


def test_a_backend_that_fails_is_told_once_a_minute(backend, caplog) -> None:
    backend.away = True

    async def use(secrets: Secrets) -> None:
        for number in range(5):
            with pytest.raises(NoAnswerError):
                await soon(secrets, f"x_{number}")

    with caplog.at_level(logging.ERROR, "x_provider.web.app_secrets"):
        run(backend, use)
    (record,) = caplog.records
    assert record.getMessage() == "connection x_0 could not be looked up: OSError. This is said once a minute"
