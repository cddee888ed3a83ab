from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pendulum
import pytest
from drafting import described, plan_post
from new_ledger import new_ledger
from PIL import Image

from x_provider.calendar import MediaSpec
from x_provider.client import OAuth1, Timeouts, XClient
from x_provider.ledger import Ledger
from x_provider.publishing import Publisher


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(new_ledger(tmp_path))
    yield ledger
    ledger.database.dispose()


@dataclass
class Clock:
    """The present instant, for a test that cannot wait: `clock.ahead += 180`."""

    ahead: float = 0

    def __call__(self) -> pendulum.DateTime:
        return pendulum.now("UTC").add(seconds=self.ahead)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def client_of(sandbox):
    """A client with the credentials of one of the sandbox's accounts."""

    def client_of(number: int) -> XClient:
        return XClient(sandbox.url, OAuth1(*sandbox.keys(number)), timeouts=Timeouts(connect=2, read=2))

    return client_of


@pytest.fixture
def client(client_of):
    return client_of(0)


@pytest.fixture
def publisher(ledger, client, clock):
    return Publisher(ledger, client, account="x_default", clock=clock)


@pytest.fixture
def stranger(sandbox, ledger, clock):
    """The same account with keys that X does not know."""
    return Publisher(
        ledger, XClient(sandbox.url, OAuth1("a", "b", "c", "d")), account="x_default", clock=clock
    )


@pytest.fixture
def creates(sandbox):
    """The requests that asked X to create a post, whatever came of them."""
    return lambda: [
        request
        for request in sandbox.requests()
        if (request["method"], request["path"]) == ("POST", "/2/tweets")
    ]


@pytest.fixture
def plan(ledger):
    """Plan a post and give the ledger's: what it takes is what ``draft_of`` takes."""
    return partial(plan_post, ledger)


@pytest.fixture
def picture(tmp_path):
    """A picture on disk as the calendar describes it."""

    def make(name="dome.png", colour=(10, 20, 60), alt="A dome at night") -> MediaSpec:
        path: Path = tmp_path / name
        Image.new("RGB", (64, 36), colour).save(path)
        return described(path, alt=alt)

    return make
