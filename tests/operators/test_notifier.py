"""XNotifier where Airflow calls it: after tasks and runs, and when a deadline is missed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from types import SimpleNamespace
from uuid import uuid4

import pendulum
import pytest
import structlog
from airflow.sdk import DAG, task
from airflow.sdk.execution_time.callback_supervisor import execute_callback
from airflow.triggers.callback import CallbackTrigger
from airflow_harness import wait_for

from x_provider.ledger import PartState
from x_provider.notifications.post import XNotifier
from x_provider.operators.publishing import XCreatePostOperator
from x_provider.publishing import utc_now

A_RUN = pendulum.datetime(2026, 12, 1, 9)
A_NOTIFIER = "x_provider.notifications.post.XNotifier"


@pytest.fixture
def notifier(set_up):
    """A notifier for the test's account and ledger."""

    def notifier(text="{{ ti.task_id }} has failed in {{ run_id }}", **more):
        return XNotifier(**{"text": text, **set_up.ids, **more})

    return notifier


@pytest.fixture
def run_failing(run_dag, request):
    """Run a DAG of one task that fails, told with these callbacks; every call is the same run again."""

    def run(*callbacks, **more):
        @task(on_failure_callback=list(callbacks), **more)
        def measure():
            raise RuntimeError("the dome is shut")

        with DAG(request.function.__name__, schedule=None) as dag:
            measure()
        return run_dag(dag, logical_date=A_RUN, run_after=A_RUN).get_task_instance("measure")

    return run


@pytest.fixture
def tell():
    """Call notifiers for a failed task as a worker does; every call is the same failure again."""

    def tell(*notifiers):
        ti = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1, state="failed")
        for notifier in notifiers:
            notifier({"ti": ti, "run_id": "r", "exception": RuntimeError("the dome is shut")})

    return tell


@pytest.fixture
def missed():
    """What Airflow tells of a missed deadline."""
    return {
        "dag_run": {"dag_id": "nightly", "dag_run_id": "scheduled__2026-12-01", "conf": {}},
        "deadline": {"id": str(uuid4()), "deadline_time": utc_now()},
    }


def texts(sandbox):
    return [post["text"] for post in sandbox.posts()]


def in_triggerer(context, **arguments):
    """Call it as a triggerer does, and give the state of the callback."""

    async def states():
        trigger = CallbackTrigger(A_NOTIFIER, {**arguments, "context": context})
        return [event.payload["state"] async for event in trigger.run()]

    return str(asyncio.run(states())[-1])


def test_a_task_that_fails_is_posted_once_with_its_templates_filled_in(
    run_failing, notifier, sandbox, set_up
):
    ti = run_failing(notifier())
    assert ti.state == "failed"
    assert texts(sandbox) == [f"measure has failed in {ti.run_id}"]
    assert run_failing(notifier()).state == "failed"
    assert len(sandbox.posts()) == 1
    (post,) = set_up.ledger.posts.all()
    assert post.state is PartState.POSTED
    assert post.name.startswith(f"dag:{ti.dag_id}/notice:failed:measure/{ti.run_id}~")


def test_two_notifiers_of_one_failure_post_both(tell, notifier, sandbox, set_up, monkeypatch):
    other = f"{set_up.x_conn_id}_other"
    monkeypatch.setenv(f"AIRFLOW_CONN_{other.upper()}", sandbox.connection(1))
    tell(notifier("Shut"), notifier("Closed"), notifier("Shut", x_conn_id=other))
    assert sorted(texts(sandbox)) == ["Closed", "Shut", "Shut"]
    assert len({post["username"] for post in sandbox.posts()}) == 2


def test_one_notifier_of_many_tasks_tells_of_each_in_its_own_words(run_dag, notifier, sandbox):
    told = notifier("{{ ti.task_id }} {{ ti.map_index }} is done")
    with DAG("many", schedule=None) as dag:

        @task(on_success_callback=told)
        def observe(star):
            return star

        observe.expand(star=["Vega", "Deneb"])
    run_dag(dag)
    assert sorted(texts(sandbox)) == ["observe 0 is done", "observe 1 is done"]
    assert told.text == "{{ ti.task_id }} {{ ti.map_index }} is done"


def test_a_task_that_is_tried_again_and_then_fails_is_told_as_what_it_is(notifier, sandbox, set_up):
    def call(**told):
        ti = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1, "state": None, **told}
        notifier("{{ ti.task_id }}: {{ n }}", quote=None)(
            {"ti": SimpleNamespace(**ti), "n": len(sandbox.posts())}
        )

    retries = SimpleNamespace(retries=1)
    call(state="up_for_retry", task=retries, try_number=1, max_tries=1)
    call(task=retries, try_number=1, max_tries=1)  # as the DAG processor says it of a dead worker
    assert texts(sandbox) == ["t: 0"]
    call(task=retries, try_number=2, max_tries=1)
    call(state="failed", task=retries, try_number=2, max_tries=1)
    assert texts(sandbox) == ["t: 1", "t: 0"]


@pytest.mark.parametrize(
    ("reasons", "posts"), [(["task_failure", "timed_out"], 1), (["timed_out", "success"], 2)]
)
def test_how_a_run_ended_is_told_once_for_each_way(notifier, sandbox, reasons, posts):
    for number, reason in enumerate(reasons):
        dag = DAG("nightly", schedule=None)
        told = notifier("{{ dag.dag_id }}: {{ reason }}")
        told({"dag": dag, "run_id": "r", "reason": reason, "ti": SimpleNamespace(task_id=f"t{number}")})
    assert len(sandbox.posts()) == posts
    assert sandbox.posts()[-1]["text"] == f"nightly: {reasons[0]}"


def test_a_missed_deadline_is_posted_once_from_the_triggerer(missed, set_up, sandbox):
    late = {"text": "{{ dag_run.dag_id }} is late: {{ deadline.id }}", **set_up.ids}
    assert [in_triggerer(dict(missed), **late) for _ in range(2)] == ["success", "success"]
    assert texts(sandbox) == [f"nightly is late: {missed['deadline']['id']}"]
    (post,) = set_up.ledger.posts.all()
    assert post.name.startswith(
        f"dag:nightly/notice:deadline:{missed['deadline']['id']}/scheduled__2026-12-01~"
    )


def test_two_triggerers_that_tell_of_it_at_once_post_once(missed, set_up, sandbox):
    async def awaited(notifier):
        await notifier

    async def both():
        late = {"text": "Late", **set_up.ids}
        await asyncio.gather(*(awaited(XNotifier(**late, context=dict(missed))) for _ in range(2)))

    asyncio.run(both())
    assert texts(sandbox) == ["Late"]


def test_a_missed_deadline_is_posted_once_from_a_worker(missed, set_up, sandbox):
    late = {"text": "{{ dag_run.dag_id }} is late", **set_up.ids, "context": missed}
    log = structlog.get_logger()
    assert [execute_callback(A_NOTIFIER, late, "", None, log) for _ in range(2)] == [(True, None)] * 2
    assert texts(sandbox) == ["nightly is late"]


def test_links_name_the_dag_and_what_is_told_of_and_nothing_of_the_run(
    tell, notifier, missed, set_up, sandbox
):
    told = {"text": "See https://example.org", "utm": {"campaign": "{calendar}", "content": "{id}"}}
    tell(notifier(**told))
    context = {
        "dag": DAG("d", schedule=None),
        "run_id": "r",
        "reason": "success",
        "ti": SimpleNamespace(task_id="last"),
    }
    notifier(**told)(context)
    assert in_triggerer(missed, **told, **set_up.ids) == "success"
    assert [post.parts[0].content["text"].partition("?")[2] for post in set_up.ledger.posts.all()] == [
        "utm_campaign=d&utm_content=t",
        "utm_campaign=d&utm_content=success",
        "utm_campaign=nightly&utm_content=deadline",
    ]


def test_what_is_due_later_is_left_to_x_publish(tell, notifier, sandbox, set_up):
    tell(notifier(at="now + 2 h"))
    assert sandbox.posts() == []
    (post,) = set_up.ledger.posts.all()
    assert post.state is PartState.PLANNED
    assert post.wake_at < post.due_at


def test_pictures_and_threads_are_posted_as_any_other(tell, notifier, sandbox, picture, tmp_path):
    first = {"text": "The dome at {{ run_id }}", "media": [{"file": str(picture()), "alt": "The dome"}]}
    tell(notifier(None, media_folder=str(tmp_path), thread=[first, {"text": "It is shut"}]))
    second, first = sandbox.posts()
    assert [medium["alt_text"] for medium in first["media"]] == ["The dome"]
    assert first["text"].startswith("The dome at r")
    assert second["in_reply_to"] == first["id"]


def publish(set_up):
    """What DAG x_publish does with the one post of the ledger once it has taken it on."""
    (post,) = set_up.ledger.posts.all()
    ids = {"post_id": post.id, "ledger_conn_id": set_up.ledger_conn_id}
    XCreatePostOperator(task_id="create_post", **ids).execute({})


def test_what_x_takes_only_later_stays_in_the_ledger(tell, notifier, sandbox, set_up, capfd):
    reset = str(int(utc_now().timestamp()) + 600)
    sandbox.faults(
        "status", path="/2/tweets", method="POST", times=1, status=429, headers={"x-rate-limit-reset": reset}
    )
    tell(notifier("Shut"))
    assert sandbox.posts() == []
    (post,) = set_up.ledger.posts.all()
    assert post.state is PartState.ARMED
    assert post.wake_at > utc_now().add(seconds=500)
    assert f"DAG x_publish goes on with post {post.name}" in "".join(capfd.readouterr())
    tell(notifier("Shut"))  # told again, it leaves it there
    assert sandbox.posts() == []


def test_an_account_that_airflow_does_not_know_yet_is_no_reason_to_forget_the_post(
    tell, notifier, sandbox, set_up, monkeypatch, capfd
):
    conn_id = f"{set_up.x_conn_id}_new"
    tell(notifier("Shut", x_conn_id=conn_id))
    log = "".join(capfd.readouterr())
    assert f"Connection {conn_id!r}: it is not defined" in log
    assert "DAG x_publish goes on with it" in log
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", sandbox.connection())
    publish(set_up)
    assert texts(sandbox) == ["Shut"]


@pytest.mark.usefixtures("short_waits")
def test_a_post_whose_answer_is_lost_is_found_on_x(tell, notifier, sandbox, set_up):
    sandbox.faults("drop_after_commit", path="/2/tweets", method="POST", times=1)
    tell(notifier("Shut"))
    assert texts(sandbox) == ["Shut"]
    (post,) = set_up.ledger.posts.all()
    assert post.parts[0].receipt.adopted


_TELL = """
import json, sys
from x_provider.notifications.post import XNotifier
context, arguments = json.loads(sys.argv[1])
XNotifier(**arguments)(context)
"""


def test_a_callback_that_is_killed_while_it_posts_is_finished_by_others(missed, set_up, sandbox, tmp_path):
    missed["deadline"].pop("deadline_time")
    sandbox.faults("delay_after", path="/2/tweets", method="POST", times=1, seconds=30)
    told = json.dumps([missed, {"text": "Late", **set_up.ids}])
    callback = subprocess.Popen([sys.executable, "-c", _TELL, told], cwd=tmp_path)
    try:
        wait_for("the post on X", sandbox.posts, within=60)
    finally:
        callback.kill()
        callback.wait(10)
    XNotifier(text="Late", **set_up.ids)(missed)
    assert texts(sandbox) == ["Late"]
    (post,) = set_up.ledger.posts.all()
    assert post.state is PartState.SENDING
    assert post.wake_at is not None  # x_publish is woken, and finds it on X


def test_a_mistake_is_in_the_log_and_changes_nothing_for_the_task(
    run_failing, notifier, sandbox, set_up, capfd
):
    assert run_failing(notifier("x" * 300)).state == "failed"
    log = "".join(capfd.readouterr())
    assert "nothing was planned and nothing is posted to X: notifier of dag:" in log
    assert "the dome is shut" in log
    assert set_up.ledger.posts.all() == []


def test_a_ledger_that_cannot_be_opened_is_in_the_log(tell, notifier, sandbox, monkeypatch, capfd):
    monkeypatch.setenv("AIRFLOW_CONN_X_LEDGER_BROKEN", "mysql://somewhere/x")
    tell(notifier("Shut", ledger_conn_id="x_ledger_broken"))
    assert "the ledger lives in SQLite or PostgreSQL" in "".join(capfd.readouterr())


def test_a_deadline_whose_post_is_wrong_fails_its_callback(missed, set_up, sandbox):
    assert in_triggerer(dict(missed), text="x" * 300, **set_up.ids) == "failed"
    log = structlog.get_logger()
    done, why = execute_callback(A_NOTIFIER, {"text": "", **set_up.ids, "context": missed}, "", None, log)
    assert not done
    assert "NothingPostedError" in why


def test_a_word_that_no_post_has_is_refused_where_the_dag_is_written(set_up):
    with pytest.raises(TypeError, match="txt"):
        XNotifier(txt="Hello", **set_up.ids)


def test_objects_in_its_fields_do_not_make_it_another_notifier(set_up, picture):
    class Rendered:
        """Something that Airflow resolves, with an address of its own in every process."""

    first, second = (XNotifier(text=Rendered(), media=[picture()], **set_up.ids) for _ in range(2))
    assert first._written == second._written


def test_a_comment_that_follows_later_is_left_to_others_in_time(tell, notifier, set_up):
    tell(notifier("Shut", first_comment={"text": "Open again tomorrow", "after": "20 min"}))
    (post,) = set_up.ledger.posts.all()
    assert [part.state for part in post.parts] == [PartState.POSTED, PartState.PLANNED]
    assert post.wake_at == post.next_due_at.subtract(minutes=1)
