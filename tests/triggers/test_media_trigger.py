"""XMediaProcessedTrigger against the sandbox, on an event loop of the test's own."""

from __future__ import annotations

import asyncio
import json

import pendulum
import pytest
from drafting import make_film, plan_post
from triggering import first_event

from x_provider.calendar import MediaSpec, PartSpec
from x_provider.hooks.publisher import open_publisher
from x_provider.ledger import PartState
from x_provider.triggers import media
from x_provider.triggers.media import XMediaProcessedTrigger


@pytest.fixture
def film(tmp_path):
    """A GIF, which X processes after it is uploaded; a damaged one fails then."""

    def film(shade=200, *, damaged=False) -> MediaSpec:
        return make_film(tmp_path / f"stars-{shade}.gif", shade=shade, damaged=damaged)

    return film


@pytest.fixture
def uploaded(connections):
    """A planned post whose files are on X, which may still be processing them."""
    ledger_conn_id, ledger = connections

    def uploaded(*files: MediaSpec, due_in=600.0, key="look"):
        parts = [PartSpec(text=str(number), media=[file]) for number, file in enumerate(files)]
        post = plan_post(ledger, *parts, key=key, account="x_triggered", due_in=due_in, lead_seconds=2700)
        open_publisher(account=post.account, ledger_conn_id=ledger_conn_id).prepare(post.id)
        return post

    return uploaded


@pytest.fixture
def trigger_for(connections):
    def trigger_for(post):
        return XMediaProcessedTrigger(post_id=post.id, account=post.account, ledger_conn_id=connections[0])

    return trigger_for


@pytest.fixture
def state_of(connections):
    """What the ledger knows of a file on X: ready, processing, or None when it can be used no more."""

    def state_of(file: MediaSpec):
        found = connections[1].media.find(
            account="x_triggered",
            sha256=file.sha256,
            category=file.category,
            alt="",
            alive_at=pendulum.now("UTC"),
        )
        return found.state if found else None

    return state_of


def test_it_ends_when_x_has_processed_every_file_and_the_ledger_knows(
    sandbox, uploaded, trigger_for, state_of, film, monkeypatch
):
    monkeypatch.setattr(media, "_SHORTEST_SECONDS", 0.1)
    sandbox.settings(processing_seconds=2)
    one, two = film(100), film(150)
    post = uploaded(one, two)
    assert (state_of(one), state_of(two)) == ("processing", "processing")
    assert asyncio.run(first_event(trigger_for(post))) == {"post_id": post.id}
    assert (state_of(one), state_of(two)) == ("ready", "ready")
    assert sandbox.posts() == []


def test_it_does_not_resume_a_task_that_has_only_just_parked(uploaded, trigger_for, film):
    post = uploaded(film())
    started = pendulum.now("UTC")
    asyncio.run(first_event(trigger_for(post)))
    assert (pendulum.now("UTC") - started).total_seconds() >= 5


def test_it_goes_on_where_another_triggerer_left_off(
    sandbox, uploaded, trigger_for, state_of, film, monkeypatch
):
    monkeypatch.setattr(media, "_SHORTEST_SECONDS", 0.1)
    sandbox.settings(processing_seconds=4)
    file = film()
    post = uploaded(file)
    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(first_event(trigger_for(post), within=1.5))
    assert state_of(file) == "processing"
    classpath, arguments = trigger_for(post).serialize()
    assert classpath == "x_provider.triggers.media.XMediaProcessedTrigger"
    elsewhere = XMediaProcessedTrigger(**json.loads(json.dumps(arguments)))
    assert asyncio.run(first_event(elsewhere)) == {"post_id": post.id}
    assert state_of(file) == "ready"


def test_many_wait_at_once_and_none_for_another(sandbox, uploaded, trigger_for, film, monkeypatch):
    monkeypatch.setattr(media, "_SHORTEST_SECONDS", 0.1)
    sandbox.settings(processing_seconds=3)
    posts = [uploaded(film(shade), key=f"post {shade}") for shade in range(20, 40)]
    # A slow X: one question after the other would take 20 s.
    sandbox.faults("delay_before", method="GET", path="/2/media/upload", times=-1, seconds=1)
    started = pendulum.now("UTC")

    async def all_of_them():
        await asyncio.gather(*(first_event(trigger_for(post)) for post in posts))

    asyncio.run(all_of_them())
    assert (pendulum.now("UTC") - started).total_seconds() < 12


def test_what_x_cannot_process_ends_the_post_with_words(
    uploaded, trigger_for, film, connections, monkeypatch
):
    monkeypatch.setattr(media, "_SHORTEST_SECONDS", 0.1)
    file = film(damaged=True)
    post = uploaded(file)
    assert asyncio.run(first_event(trigger_for(post))) == {"post_id": post.id}
    refused = connections[1].posts.get(post.id)
    assert refused.state is PartState.REFUSED
    assert file.source in refused.parts[0].why


def test_it_does_not_wait_beyond_the_due_time(sandbox, uploaded, trigger_for, state_of, film, monkeypatch):
    monkeypatch.setattr(media, "_SHORTEST_SECONDS", 0.1)
    sandbox.settings(processing_seconds=600)
    file = film()
    post = uploaded(file, due_in=32)
    assert asyncio.run(first_event(trigger_for(post))) == {"post_id": post.id}
    assert state_of(file) == "processing"
    assert pendulum.now("UTC") < post.due_at


def test_a_post_that_is_moved_to_another_account_is_handed_back(
    sandbox, uploaded, trigger_for, film, connections, capfd, monkeypatch
):
    monkeypatch.setattr(media, "_SHORTEST_SECONDS", 0.1)
    sandbox.settings(processing_seconds=600)
    post = uploaded(film())
    plan_post(connections[1], "0", key=post.key, account="x_another", due_at=post.due_at, revision="moved")
    event = asyncio.run(first_event(trigger_for(post)))
    assert f"{post.name} of account x_another" in event["error"]
    assert "the trigger failed" not in "".join(capfd.readouterr())


def test_an_account_without_a_connection_is_reported_to_the_task(connections, monkeypatch):
    monkeypatch.setattr(media, "_SHORTEST_SECONDS", 0.1)
    trigger = XMediaProcessedTrigger(post_id=1, account="x_nobody", ledger_conn_id=connections[0])
    assert "x_nobody" in asyncio.run(first_event(trigger))["error"]


@pytest.mark.parametrize("rubbish", ["{{ params.post }}", "", None])
def test_no_argument_makes_the_constructor_raise_since_that_kills_the_triggerer(rubbish):
    XMediaProcessedTrigger(post_id=rubbish, account=rubbish, ledger_conn_id=rubbish)
