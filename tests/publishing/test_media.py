"""Files on X ahead of time, and what becomes of a post whose files X processes, cannot process, or forgets."""

from __future__ import annotations

from pathlib import Path

import pendulum
import pytest
from drafting import make_film

from x_provider.calendar import MediaSpec, PartSpec
from x_provider.client import XMediaFailed, XUnavailable
from x_provider.ledger import PartState

UPLOAD = ("/2/media/upload", "/2/media/upload/initialize")
INVALID = {
    "title": "Invalid Request",
    "detail": "One or more parameters to your request was invalid.",
    "type": "https://api.x.com/2/problems/invalid-request",
    "errors": [{"message": "Your media IDs are invalid.", "parameters": {}}],
}


@pytest.fixture
def film(tmp_path):
    """A GIF, which X processes after it is uploaded; a damaged one fails then."""

    def film(name="stars.gif", *, damaged=False, alt="Stars turning") -> MediaSpec:
        return make_film(tmp_path / name, damaged=damaged, alt=alt)

    return film


@pytest.fixture
def uploads(sandbox):
    """The uploads that were begun."""
    return lambda: [r for r in sandbox.requests() if r["method"] == "POST" and r["path"] in UPLOAD]


@pytest.fixture
def asked(sandbox):
    """The questions how far X is."""
    return lambda: [r for r in sandbox.requests() if (r["method"], r["path"]) == ("GET", "/2/media/upload")]


@pytest.fixture
def alt_texts(sandbox):
    """The requests that describe a file."""
    return lambda: [r for r in sandbox.requests() if r["path"] == "/2/media/metadata"]


def test_preparing_does_not_wait_for_x(sandbox, publisher, plan, film, uploads, alt_texts):
    sandbox.settings(processing_seconds=60)
    post = plan(PartSpec(text="Look", media=[film()]), due_in=600)
    started = pendulum.now("UTC")
    prepared = publisher.prepare(post.id)
    assert (pendulum.now("UTC") - started).total_seconds() < 5
    assert len(prepared.media_ids) == len(alt_texts()) == 1
    assert 0 < (prepared.ask_at - started).total_seconds() < 10
    assert publisher.prepare(post.id).media_ids == prepared.media_ids
    assert len(uploads()) == 1


def test_an_upload_is_kept_when_its_alt_text_does_not_get_through(
    sandbox, publisher, plan, picture, uploads, alt_texts
):
    post = plan(PartSpec(text="Look", media=[picture()]), due_in=600)
    sandbox.faults("status", status=503, method="POST", path="/2/media/metadata", times=3)
    with pytest.raises(XUnavailable):
        publisher.prepare(post.id)
    (media_id,) = publisher.prepare(post.id).media_ids
    assert len(uploads()) == 1
    assert [r["status"] for r in alt_texts()] == [503, 503, 503, 200]
    publisher.prepare(post.id)
    assert len(alt_texts()) == 4
    assert media_id


def test_a_post_whose_media_x_still_processes_at_its_time_waits_as_x_asks_and_goes_out(
    sandbox, publisher, plan, film, clock, creates, uploads, asked
):
    sandbox.settings(processing_seconds=3)
    post = plan(PartSpec(text="Look", media=[film()]))
    publisher.prepare(post.id)
    fired = publisher.fire(post.id)
    assert (fired.post.state, len(asked()), creates()) == (PartState.ARMED, 1, [])
    assert clock() < fired.retry_at < clock().add(seconds=5)
    assert "X is still processing its media" in fired.why
    assert fired.post.wake_at > fired.retry_at
    sandbox.settings(clock_ahead_seconds=4)
    fired = publisher.fire(post.id)
    assert (fired.post.state, fired.why) == (PartState.POSTED, None)
    (on_x,) = sandbox.posts()
    assert [medium["alt_text"] for medium in on_x["media"]] == ["Stars turning"]
    assert len(uploads()) == 1


def test_what_was_ready_ahead_of_time_costs_the_post_no_question(
    sandbox, publisher, plan, film, clock, asked
):
    post = plan(PartSpec(text="Look", media=[film()]), due_in=600)
    publisher.prepare(post.id)
    sandbox.settings(clock_ahead_seconds=1)
    clock.ahead = 100
    assert publisher.prepare(post.id).ask_at is None
    clock.ahead = 600
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert len(asked()) == 1


def test_nothing_of_a_thread_is_sent_until_the_media_of_all_its_parts_are_ready(
    sandbox, publisher, plan, film, picture, creates
):
    sandbox.settings(processing_seconds=60)
    post = plan(PartSpec(text="One", media=[picture()]), PartSpec(text="Two", media=[film()]))
    fired = publisher.fire(post.id)
    assert (fired.post.state, creates()) == (PartState.ARMED, [])
    assert fired.retry_at is not None
    sandbox.settings(clock_ahead_seconds=61)
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert [len(on_x["media"]) for on_x in sandbox.posts()] == [1, 1]


def test_of_a_thread_whose_second_file_is_gone_nothing_is_sent_until_it_is_back(
    sandbox, ledger, publisher, plan, picture, creates, clock
):
    media = picture("second.png", colour=(200, 0, 0))
    post = plan(PartSpec(text="One", media=[picture()]), PartSpec(text="Two", media=[media]))
    Path(media.source).unlink()
    fired = publisher.fire(post.id)
    assert (fired.post.state, fired.retry_at, creates()) == (PartState.REFUSED, None, [])
    assert media.source in fired.why
    assert f"airflow x resume {post.name}" in fired.why
    picture("second.png", colour=(200, 0, 0))
    ledger.deciding.resume(post.id, now=clock())
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert [on_x["text"].split()[0] for on_x in sandbox.posts()] == ["Two", "One"]


def test_a_file_that_x_cannot_process_ends_its_post_ahead_of_time(
    sandbox, ledger, publisher, plan, film, clock, uploads
):
    media = film(damaged=True)
    post = plan(PartSpec(text="Look", media=[media]), due_in=600)
    publisher.prepare(post.id)
    sandbox.settings(clock_ahead_seconds=1)
    clock.ahead = 100
    with pytest.raises(XMediaFailed, match=media.source):
        publisher.prepare(post.id)
    refused = ledger.posts.get(post.id)
    assert refused.state is PartState.REFUSED
    assert media.source in refused.parts[0].why
    assert "Export the GIF within X's limits" in refused.parts[0].why
    # A person says to try it all the same: with a new upload.
    ledger.deciding.resume(post.id, now=clock())
    publisher.prepare(post.id)
    assert len(uploads()) == 2


def test_a_file_that_x_never_finishes_is_given_up_with_words(sandbox, publisher, plan, film, clock):
    sandbox.settings(processing_seconds=86400)
    media = film()
    post = plan(PartSpec(text="Look", media=[media]))
    publisher.prepare(post.id)
    clock.ahead = 1799
    assert publisher.fire(post.id).post.state is PartState.ARMED
    clock.ahead = 1860
    fired = publisher.fire(post.id)
    assert (fired.post.state, fired.retry_at) == (PartState.REFUSED, None)
    assert f"{media.source}" in fired.why
    assert "still being processed 31 min after its upload" in fired.why


def test_while_x_cannot_be_asked_the_post_waits(sandbox, publisher, plan, film, clock, creates):
    post = plan(PartSpec(text="Look", media=[film()]))
    publisher.prepare(post.id)
    sandbox.faults("status", status=503, method="GET", path="/2/media/upload", times=3)
    fired = publisher.fire(post.id)
    assert (fired.post.state, creates()) == (PartState.ARMED, [])
    assert fired.retry_at > clock()
    sandbox.settings(clock_ahead_seconds=1)
    assert publisher.fire(post.id).post.state is PartState.POSTED


def test_an_id_that_x_forgot_early_is_uploaded_again_and_the_post_goes_out(
    sandbox, ledger, publisher, plan, picture, creates, uploads, clock
):
    post = plan(PartSpec(text="Look", media=[picture()]))
    (forgotten,) = publisher.prepare(post.id).media_ids
    sandbox.reset()
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.ARMED
    assert fired.retry_at <= clock()
    assert uploads() == []
    assert publisher.fire(post.id).post.state is PartState.POSTED
    (on_x,) = sandbox.posts()
    assert [medium["id"] for medium in on_x["media"]] != [forgotten]
    assert (len(uploads()), len(creates())) == (1, 2)
    assert [attempt.outcome for attempt in ledger.deciding.attempts(post.id)] == ["media_gone", "posted"]


def test_a_file_that_x_does_not_take_even_freshly_uploaded_ends_the_post_with_words(
    sandbox, ledger, publisher, plan, picture, creates, uploads, clock
):
    post = plan(PartSpec(text="Look", media=[picture()]))
    sandbox.faults("status", status=400, body=INVALID, method="POST", path="/2/tweets", times=2)
    assert publisher.fire(post.id).post.state is PartState.ARMED
    fired = publisher.fire(post.id)
    assert (fired.post.state, fired.retry_at) == (PartState.REFUSED, None)
    assert "Your media IDs are invalid" in fired.why
    assert f"airflow x resume {post.name}" in fired.why
    assert (len(uploads()), len(creates())) == (2, 2)
    ledger.deciding.resume(post.id, now=clock())
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert (len(uploads()), len(sandbox.posts())) == (3, 1)


def test_an_id_that_x_forgets_while_processing_is_uploaded_again_but_only_once(
    sandbox, publisher, plan, film, uploads
):
    post = plan(PartSpec(text="Look", media=[film()]))
    publisher.prepare(post.id)
    sandbox.reset()
    sandbox.settings(processing_seconds=60)
    assert publisher.fire(post.id).post.state is PartState.ARMED
    assert len(uploads()) == 1
    sandbox.reset()
    fired = publisher.fire(post.id)
    assert (fired.post.state, uploads()) == (PartState.REFUSED, [])
    assert "forgot" in fired.why
    assert f"airflow x resume {post.name}" in fired.why


def test_an_id_that_would_expire_before_the_post_is_due_is_not_relied_on(
    sandbox, publisher, plan, picture, uploads
):
    sandbox.settings(media_lifetime_seconds=3600)
    soon = plan(PartSpec(text="Soon", media=[picture()]), key="soon", due_in=2900)
    later = plan(PartSpec(text="Later", media=[picture()]), key="later", due_in=3100)
    first = publisher.prepare(soon.id).media_ids
    assert publisher.prepare(soon.id).media_ids == first
    assert publisher.prepare(later.id).media_ids != first
    assert len(uploads()) == 2


def test_an_id_with_minutes_left_is_used_once_the_post_is_due(sandbox, publisher, plan, picture, uploads):
    sandbox.settings(media_lifetime_seconds=300)
    post = plan(PartSpec(text="Now", media=[picture()]))
    publisher.prepare(post.id)
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert len(uploads()) == 1


def test_who_waits_ahead_of_time_asks_as_often_as_x_wants_and_uploads_nothing(
    sandbox, publisher, plan, film, clock, uploads, asked
):
    sandbox.settings(processing_seconds=60)
    post = plan(PartSpec(text="Look", media=[film()]), due_in=600)
    publisher.prepare(post.id)
    ask_at = publisher.ask_about_media(post.id)
    assert (ask_at > clock(), asked()) == (True, [])
    clock.ahead = 6
    assert publisher.ask_about_media(post.id) > ask_at
    assert len(asked()) == 1
    sandbox.settings(clock_ahead_seconds=61)
    clock.ahead = 20
    assert publisher.ask_about_media(post.id) is None
    assert publisher.prepare(post.id).ask_at is None
    assert (len(asked()), len(uploads())) == (2, 1)


def test_who_waits_ahead_of_time_stops_shortly_before_the_post_is_due(sandbox, publisher, plan, film, clock):
    sandbox.settings(processing_seconds=600)
    post = plan(PartSpec(text="Look", media=[film()]), due_in=120)
    publisher.prepare(post.id)
    clock.ahead = 88
    assert publisher.ask_about_media(post.id) == post.due_at.subtract(seconds=30)
    clock.ahead = 91
    assert publisher.ask_about_media(post.id) is None


def test_who_waits_ahead_of_time_learns_of_a_failure_and_bears_an_outage(
    sandbox, ledger, publisher, plan, film, clock
):
    post = plan(PartSpec(text="Look", media=[film(damaged=True)]), due_in=600)
    publisher.prepare(post.id)
    sandbox.settings(clock_ahead_seconds=1)
    sandbox.faults("status", status=503, method="GET", path="/2/media/upload", times=3)
    clock.ahead = 10
    assert publisher.ask_about_media(post.id) > clock()
    assert ledger.posts.get(post.id).state is PartState.PLANNED
    assert publisher.ask_about_media(post.id) is None
    assert ledger.posts.get(post.id).state is PartState.REFUSED
