from __future__ import annotations

import hashlib
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


@pytest.fixture
def client(sandbox):
    account = sandbox.accounts[0]
    auth = OAuth1(
        sandbox.credentials["api_key"],
        sandbox.credentials["api_secret"],
        account["access_token"],
        account["access_token_secret"],
    )
    return XClient(sandbox.url, auth, timeouts=Timeouts(connect=2, read=2))


@pytest.fixture
def publisher(ledger, client):
    return Publisher(ledger, client, account="x_default")


@pytest.fixture
def plan(ledger):
    """Plan a post of some parts, due now unless said otherwise, and give the ledger's post."""

    def plan(*parts: PartSpec, key="hello", due_in=0.0, grace=900, then="publish", revision="r1"):
        now = pendulum.now("UTC")
        draft = PostDraft(
            calendar="december",
            key=key,
            account="x_default",
            revision=revision,
            at="now",
            timezone="UTC",
            due_at=now.add(seconds=due_in),
            late_grace_seconds=grace,
            late_then=then,
            lead_seconds=120,
            contents=[part.model_dump(mode="json", exclude_defaults=True) for part in parts],
        )
        assert ledger.posts.put(draft, now=now)
        return ledger.posts.find("december", key)

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
