from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pendulum
import pytest
from cryptography.fernet import Fernet
from kept_tokens import ACCOUNT
from sqlalchemy import make_url, text

from x_provider.accounts import Seed, TokenKeeper
from x_provider.client.oauth2 import OAuth2App
from x_provider.ledger import Ledger, Sealer


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request, tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    ledger = Ledger(make_url(url if request.param == "sqlite" else request.getfixturevalue("postgres_url")))
    yield ledger
    if request.param == "postgresql":
        with ledger.database.write() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    ledger.database.dispose()


@pytest.fixture(scope="session")
def key() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture(scope="session")
def sealer(key) -> Sealer:
    return Sealer([key], name="the test")


@pytest.fixture
def app(sandbox) -> OAuth2App:
    client = sandbox.accounts[0]["oauth2"]
    return OAuth2App(client["client_id"], client["client_secret"], base_url=sandbox.url)


@dataclass
class Clock:
    """The present instant, for a test that cannot wait: ``clock.ahead += 180``."""

    ahead: float = 0

    def __call__(self) -> pendulum.DateTime:
        return pendulum.now("UTC").add(seconds=self.ahead)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def refreshes(sandbox) -> Callable[[], list[int]]:
    """What X answered to each refresh that reached it."""

    def refreshes() -> list[Any]:
        return [seen["status"] for seen in sandbox.requests() if seen["path"] == "/2/oauth2/token"]

    return refreshes


@pytest.fixture
def seed(sandbox) -> Seed:
    client = sandbox.accounts[0]["oauth2"]
    return Seed(client["refresh_token"], client["access_token"])


@pytest.fixture
def keeper_with(ledger, sealer, app, clock):
    """A keeper such as each process has one; what is given replaces the usual."""

    def keeper_with(**changes: Any) -> TokenKeeper:
        given = {"ledger": ledger, "sealer": sealer, "app": app, **changes}
        parts = (given.pop("ledger"), given.pop("sealer"), given.pop("app"))
        return TokenKeeper(*parts, account=ACCOUNT, clock=clock, **given)

    return keeper_with


@pytest.fixture
def keeper(keeper_with, seed) -> TokenKeeper:
    """The keeper of an account that was logged in just now."""
    keeper = keeper_with(seed=seed)
    keeper.access()
    return keeper
