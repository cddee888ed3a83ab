"""What X has said it will not answer yet is not asked for, by anybody who shares the ledger."""

from __future__ import annotations

import pytest

from x_provider.calendar import PartSpec
from x_provider.client import XRateLimited
from x_provider.ledger import Ledger, PartState
from x_provider.publishing import Publisher, governed

WINDOW = {"window_seconds": 600}


@pytest.fixture
def workers(ledger, client, clock):
    return [
        Publisher(Ledger(ledger.database.url), client, account="x_default", clock=clock) for _ in range(2)
    ]


def seen(sandbox, path):
    return [request for request in sandbox.requests() if request["path"] == path]


def test_an_exhausted_window_of_uploads_is_known_to_every_worker(
    sandbox, ledger, workers, plan, picture, clock
):
    sandbox.settings(limits={"POST /2/media/upload": {"user": 1, **WINDOW}})
    first, second = (
        plan(PartSpec(text=name, media=[picture(f"{name}.png", colour=(shade, 0, 0))]), key=name)
        for name, shade in (("one", 1), ("two", 2))
    )
    workers[0].prepare(first.id)
    with pytest.raises(XRateLimited) as held:
        workers[1].prepare(second.id)
    assert 590 < (held.value.reset_at - clock()).total_seconds() < 610
    assert len(seen(sandbox, "/2/media/upload")) == 1
    fired = workers[1].fire(second.id)
    assert (fired.post.state, fired.retry_at) == (PartState.ARMED, held.value.reset_at)
    assert workers[0].fire(first.id).post.state is PartState.POSTED


def test_after_the_reset_x_is_asked_again(sandbox, ledger, client, clock):
    sandbox.settings(limits={"GET /2/users/me": {"user": 1, **WINDOW}})
    watched = governed(client, ledger, account="x_default", clock=clock)
    watched.me()
    with pytest.raises(XRateLimited, match="X was not asked"):
        watched.me()
    assert len(seen(sandbox, "/2/users/me")) == 1
    sandbox.settings(clock_ahead_seconds=601)
    clock.ahead = 601
    watched.me()


def test_another_account_is_not_held_back(sandbox, ledger, client, client_of, clock):
    sandbox.settings(limits={"GET /2/users/me": {"user": 1, **WINDOW}})
    governed(client, ledger, account="x_default", clock=clock).me()
    governed(client_of(1), ledger, account="x_other", clock=clock).me()
    assert len(seen(sandbox, "/2/users/me")) == 2
