from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pendulum
import pytest
from PIL import Image

from x_provider.calendar import MediaSpec, PartSpec
from x_provider.client import OAuth1, Timeouts, XClient
from x_provider.ledger import Ledger, PostDraft
from x_provider.publishing import Publisher


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
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

    def client_of(account) -> XClient:
        auth = OAuth1(
            sandbox.credentials["api_key"],
            sandbox.credentials["api_secret"],
            account["access_token"],
            account["access_token_secret"],
        )
        return XClient(sandbox.url, auth, timeouts=Timeouts(connect=2, read=2))

    return client_of


@pytest.fixture
def client(sandbox, client_of):
    return client_of(sandbox.accounts[0])


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
def draft_of():
    """A post of some parts as the ledger takes it, due now unless said otherwise."""

    def draft_of(
        *parts: PartSpec,
        key="hello",
        due_in=0.0,
        grace=900,
        then="publish",
        revision="r1",
        on_absent="resend",
    ):
        return PostDraft(
            calendar="december",
            key=key,
            account="x_default",
            revision=revision,
            at="now",
            timezone="UTC",
            due_at=pendulum.now("UTC").add(seconds=due_in),
            late_grace_seconds=grace,
            late_then=then,
            lead_seconds=120,
            on_absent=on_absent,
            contents=[part.model_dump(mode="json", exclude_defaults=True) for part in parts],
        )

    return draft_of


@pytest.fixture
def plan(ledger, draft_of):
    """Plan a post and give the ledger's: what it takes is what ``draft_of`` takes."""

    def plan(*parts: PartSpec, **details):
        draft = draft_of(*parts, **details)
        assert ledger.posts.put(draft, now=pendulum.now("UTC"))
        return ledger.posts.find(draft.calendar, draft.key)

    return plan


@pytest.fixture
def picture(tmp_path):
    """A picture on disk as the calendar describes it."""

    def make(name="dome.png", colour=(10, 20, 60), alt="A dome at night") -> MediaSpec:
        path: Path = tmp_path / name
        Image.new("RGB", (64, 36), colour).save(path)
        return MediaSpec(
            path=str(path),
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            size=path.stat().st_size,
            media_type="image/png",
            category="tweet_image",
            alt=alt,
            width=64,
            height=36,
        )

    return make
