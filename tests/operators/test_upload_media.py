"""Media ahead of time: no worker slot is held while X processes a file or takes no more uploads."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pendulum
import pytest
from airflow.sdk.exceptions import TaskDeferred
from drafting import make_film

from x_provider.ledger import PartState
from x_provider.operators.planning import XPlanPostOperator
from x_provider.operators.publishing import XCreatePostOperator
from x_provider.operators.uploading import XUploadMediaOperator
from x_provider.triggers.media import XMediaProcessedTrigger


@pytest.fixture
def film(tmp_path: Path):
    """A GIF, which X processes after it is uploaded."""
    path = tmp_path / "stars.gif"
    make_film(path)
    return path


@pytest.fixture
def planned(result_of, set_up):
    """Plan a post and give its id, as XUploadMediaOperator and XCreatePostOperator take it."""

    def planned(*, due_in: float = 600, **content) -> dict:
        at = pendulum.now("UTC").add(seconds=due_in)
        post_id = result_of(XPlanPostOperator, **set_up.ids, at=at, **content)
        return {"post_id": post_id, "ledger_conn_id": set_up.ledger_conn_id}

    return planned


@pytest.fixture
def states(set_up):
    """How far X is with the files of the ledger."""
    from sqlalchemy import select

    from x_provider.ledger import tables

    def states() -> list[str]:
        with set_up.ledger.database.read() as connection:
            return list(connection.execute(select(tables.media.c.state)).scalars())

    return states


@pytest.fixture
def uploads(sandbox):
    """The HTTP statuses of the uploads that were begun."""
    paths = ("/2/media/upload", "/2/media/upload/initialize")
    return lambda: [r["status"] for r in sandbox.requests() if r["method"] == "POST" and r["path"] in paths]


def test_short_processing_is_waited_for_without_parking_the_task(planned, sandbox, film, states):
    sandbox.settings(processing_seconds=2)
    operator = XUploadMediaOperator(task_id="upload", **planned(text="Look", media=[str(film)]))
    assert len(operator.execute({})) == 1
    assert states() == ["ready"]


def test_long_processing_is_left_to_the_triggerer(planned, set_up, sandbox, film, states, uploads):
    sandbox.settings(processing_seconds=600)
    operator = XUploadMediaOperator(task_id="upload", **planned(text="Look", media=[str(film)]))
    with pytest.raises(TaskDeferred) as parked:
        operator.execute({})
    trigger = parked.value.trigger
    assert isinstance(trigger, XMediaProcessedTrigger)
    assert (trigger.post_id, trigger.account) == (operator.post_id, set_up.x_conn_id)
    assert states() == ["processing"]
    sandbox.settings(clock_ahead_seconds=601)
    resume = getattr(operator, parked.value.method_name)
    assert len(resume({}, {"post_id": operator.post_id})) == 1
    assert states() == ["ready"]
    assert uploads() == [200]


@pytest.mark.usefixtures("short_waits")
def test_the_whole_run_ends_with_the_file_ready(planned, result_of, sandbox, film, states, uploads):
    sandbox.settings(processing_seconds=4)
    media_ids = result_of(XUploadMediaOperator, **planned(text="Look", media=[str(film)]))
    assert len(media_ids) == 1
    assert (states(), uploads()) == (["ready"], [200])


@pytest.mark.usefixtures("short_waits")
def test_without_deferring_the_worker_waits(planned, sandbox, film, states):
    sandbox.settings(processing_seconds=4)
    post = planned(text="Look", media=[str(film)])
    assert len(XUploadMediaOperator(task_id="upload", deferrable=False, **post).execute({})) == 1
    assert states() == ["ready"]


@pytest.mark.usefixtures("short_waits")
def test_shortly_before_the_due_time_who_sends_the_post_waits_for_the_rest(
    planned, result_of, sandbox, film, states
):
    sandbox.settings(processing_seconds=9)
    post = planned(text="Look", media=[str(film)], due_in=5)
    assert len(XUploadMediaOperator(task_id="upload", **post).execute({})) == 1
    assert states() == ["processing"]
    receipt = result_of(XCreatePostOperator, **post)
    assert receipt["lateness_ms"] > 2000
    (on_x,) = sandbox.posts()
    assert len(on_x["media"]) == 1


def test_a_file_that_x_cannot_process_fails_for_good_with_words_and_the_post_with_it(
    planned, run_task, set_up, sandbox, film, uploads, capfd
):
    post = planned(text="Look", media=[str(film)])
    failed = {"data": {"id": "1", "processing_info": {"state": "failed", "error": {"message": "Bad codec"}}}}
    sandbox.faults("status", status=200, body=failed, method="GET", path="/2/media/upload")
    assert run_task(XUploadMediaOperator, **post).state == "failed"
    said = "".join(capfd.readouterr())
    assert "Bad codec" in said
    assert str(film) in said
    assert "Export the GIF within X's limits" in said
    assert run_task(XCreatePostOperator, **post).state == "failed"
    assert "Bad codec" in "".join(capfd.readouterr())
    assert set_up.ledger.posts.get(post["post_id"]).state is PartState.REFUSED
    assert (uploads(), sandbox.posts()) == ([200], [])


def test_a_failure_that_the_trigger_learnt_fails_the_task_with_its_words(planned, set_up, sandbox, film):
    post = planned(text="Look", media=[str(film)])
    kept = set_up.ledger.posts.get(post["post_id"])
    set_up.ledger.sending.give_up(kept, PartState.REFUSED, why="post look: Bad codec")
    operator = XUploadMediaOperator(task_id="upload", **post)
    with pytest.raises(Exception, match="Bad codec"):
        operator.execute_later({}, {"post_id": kept.id})


def test_used_up_uploads_are_waited_for_without_a_slot(planned, sandbox, picture, uploads):
    sandbox.settings(limits={"POST /2/media/upload": {"user": 1, "window_seconds": 300}})
    thread = [
        {"text": "One", "media": [str(picture("one.png"))]},
        {"text": "Two", "media": [str(picture("two.png", (200, 0, 0)))]},
    ]
    operator = XUploadMediaOperator(task_id="upload", **planned(thread=thread))
    reset_at = pendulum.now("UTC").add(seconds=300)
    with pytest.raises(TaskDeferred) as parked:
        operator.execute({})
    assert abs(parked.value.trigger.moment - reset_at) < timedelta(seconds=15)
    assert parked.value.method_name == operator.execute_later.__name__
    assert uploads().count(200) == 1


@pytest.mark.usefixtures("short_waits")
def test_after_the_reset_it_goes_on_and_uploads_nothing_twice(planned, result_of, sandbox, picture, uploads):
    sandbox.settings(limits={"POST /2/media/upload": {"user": 1, "window_seconds": 4}})
    one, two = picture("one.png"), picture("two.png", (200, 0, 0))
    post = planned(text="Look", media=[str(one), str(two)])
    assert len(result_of(XUploadMediaOperator, **post)) == 2
    assert uploads().count(200) == 2


def test_a_reset_after_the_due_time_is_left_to_who_sends_the_post(
    planned, run_task, set_up, sandbox, picture, uploads
):
    sandbox.settings(limits={"POST /2/media/upload": {"user": 1, "window_seconds": 300}})
    one, two = picture("one.png"), picture("two.png", (200, 0, 0))
    post = planned(text="Look", media=[str(one), str(two)], due_in=120)
    assert run_task(XUploadMediaOperator, **post).state == "success"
    assert uploads().count(200) == 1
    assert set_up.ledger.posts.get(post["post_id"]).state is PartState.PLANNED


def test_other_trouble_is_for_the_task_s_retries(planned, run_task, set_up, sandbox, picture):
    post = planned(text="Look", media=[str(picture())])
    sandbox.faults("status", status=503, method="POST", path="/2/media/upload", times=-1)
    assert run_task(XUploadMediaOperator, **post).state == "failed"
    assert set_up.ledger.posts.get(post["post_id"]).state is PartState.PLANNED


@pytest.mark.usefixtures("short_waits")
def test_a_post_of_a_task_s_own_goes_out_at_its_instant_while_x_processes_its_media_before(
    result_of, set_up, sandbox, film, uploads
):
    sandbox.settings(processing_seconds=4)
    at = pendulum.now("UTC").add(seconds=8).start_of("second")
    receipt = result_of(XCreatePostOperator, **set_up.ids, text="Look", media=[str(film)], at=at)
    assert 0 <= receipt["lateness_ms"] < 1500
    assert uploads() == [200]
    (on_x,) = sandbox.posts()
    assert len(on_x["media"]) == 1


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_post_for_now_goes_out_soon_after_x_has_processed_its_media(
    result_of, set_up, sandbox, film, deferrable
):
    sandbox.settings(processing_seconds=2)
    receipt = result_of(
        XCreatePostOperator, **set_up.ids, text="Look", media=[str(film)], deferrable=deferrable
    )
    assert len(sandbox.posts()) == 1
    assert receipt["lateness_ms"] < 7000


def test_a_file_that_is_gone_by_its_lead_time_fails_the_task_with_words(planned, run_task, picture, capfd):
    path = picture()
    post = planned(text="Look", media=[str(path)])
    path.unlink()
    assert run_task(XUploadMediaOperator, **post).state == "failed"
    assert f"the file {path} is not there (any more)" in "".join(capfd.readouterr())
