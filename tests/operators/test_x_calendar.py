"""DAG x_calendar, from the file to the ledger."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pendulum
import pytest
from airflow.sdk.io import attach
from airflow.utils.types import DagRunType
from fsspec.implementations.memory import MemoryFileSystem
from PIL import Image
from structlog.testing import capture_logs

from x_provider.ledger import Blackout, PartState
from x_provider.operators.calendar import XApplyCalendarOperator, XLintCalendarOperator
from x_provider.publishing import utc_now

HEAD = "calendar: december\ntimezone: Europe/Berlin\nposts:\n"
SOUND = "  - {id: hello, at: 2030-12-01 09:00, text: Good morning}\n"
BROKEN = "  - {id: tours, at: 2030-12-02 09:00, txt: Come and see}\n"
TASKS = ("lint", "plan", "apply", "report")


@pytest.fixture
def run_calendar(run_dag, load_dag, tmp_path: Path):
    """Run x_calendar on a file of this content, or on none."""
    dag = load_dag("x_calendar")
    for task in dag.tasks:
        task.retries = 0

    def run(content: str | bytes | None, **conf: object):
        file = tmp_path / "calendar.yaml"
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return run_dag(dag, run_conf={"calendar": str(file), **conf})

    run.dag = dag
    return run


@pytest.fixture
def planned(set_up):
    """What the ledger holds of the calendar, by entry."""
    return lambda: {post.key: post for post in set_up.ledger.posts.all()}


def states(dag_run):
    return {name: str(dag_run.get_task_instance(name).state) for name in TASKS}


@pytest.mark.parametrize(("entries", "words"), [(SOUND, "1 sound entry"), (SOUND * 2, "2 sound entries")])
def test_one_entry_is_not_spoken_of_as_several(tmp_path, set_up, entries, words):
    file = tmp_path / "calendar.yaml"
    file.write_text(HEAD + entries.replace("hello", "other", 1))
    lint = XLintCalendarOperator(task_id="lint", calendar=str(file), ledger_conn_id=set_up.ledger_conn_id)
    with capture_logs() as said:
        lint.execute({})
    assert any(each["event"] % each.get("positional_args", ()) == f"{file}: {words}" for each in said)


def test_a_sound_calendar_is_planned(run_calendar, planned):
    assert run_calendar(HEAD + SOUND).state == "success"
    assert planned()["hello"].state is PartState.PLANNED


def test_a_broken_entry_fails_the_report_after_the_others_are_planned(run_calendar, planned, capfd):
    dag_run = run_calendar(HEAD + BROKEN + SOUND)
    assert states(dag_run) == {"lint": "success", "plan": "success", "apply": "success", "report": "failed"}
    assert set(planned()) == {"hello"}
    assert 'calendar.yaml:4: error: tours: "txt": is no field' in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no such file"),
        ("posts: [", "a [ or { without its end"),
        (b"\xff\xfe\x00", "is not encoded in UTF-8"),
        ("just words", "holds no calendar"),
    ],
    ids=["missing", "no yaml", "no text", "no calendar"],
)
def test_an_unreadable_calendar_fails_at_once_and_changes_nothing(
    run_calendar, planned, capfd, content, words
):
    run_calendar(HEAD + SOUND)
    before = planned()
    assert states(run_calendar(content)) == {
        "lint": "failed",
        "plan": "upstream_failed",
        "apply": "upstream_failed",
        "report": "upstream_failed",
    }
    assert words in "".join(capfd.readouterr())
    assert planned() == before


def test_reading_it_again_changes_nothing_and_a_removed_entry_is_withdrawn(run_calendar, planned):
    run_calendar(HEAD + SOUND)
    before = planned()
    run_calendar(HEAD + SOUND)
    assert planned() == before
    run_calendar(HEAD.replace("posts:\n", "posts: []\n"))
    assert planned() == {}


def test_an_account_without_a_connection_is_warned_of_with_the_one_that_was_meant(
    run_calendar, capfd, monkeypatch, sandbox
):
    monkeypatch.setenv("AIRFLOW_CONN_X_DEFAULT", sandbox.connection())
    dag_run = run_calendar("account: x_defautl\n" + HEAD + SOUND)
    assert dag_run.state == "success"
    (warning,) = dag_run.get_task_instance("lint").xcom_pull(task_ids="lint")["warnings"]
    assert warning.endswith(
        "calendar.yaml:5: warning: hello: account: there is no connection x_defautl, and nothing goes out without it."
        " Did you mean x_default? Correct the name, or create the connection"
    )
    assert "".join(capfd.readouterr()).count(warning) >= len(("lint", "plan"))


BLACKOUT = "blackouts: [{from: 2030-11-30 00:00, until: 2030-12-02 00:00, why: Elections}]\nposts:\n"


def test_blackouts_are_planned_replaced_and_lifted_with_their_calendar(run_calendar, set_up, capfd):
    during = pendulum.datetime(2030, 12, 1)
    controls = set_up.ledger.controls
    controls.set_blackouts("another", [Blackout("x_other", during, during.add(days=1))], now=utc_now())
    dag_run = run_calendar(HEAD.replace("posts:\n", BLACKOUT) + SOUND)
    assert (
        dag_run.get_task_instance("plan")
        .xcom_pull(task_ids="plan")[0]
        .startswith("+ blackout 2030-11-30 00:00")
    )
    assert "is due inside the blackout" in "".join(capfd.readouterr())
    halt = controls.halt_of("x_default", during)
    assert (halt.source, halt.why) == ("december", "Elections")
    run_calendar(HEAD.replace("posts:\n", BLACKOUT.replace("12-02", "12-03")) + SOUND)
    assert controls.halt_of("x_default", pendulum.datetime(2030, 12, 2, 12)) is not None
    dag_run = run_calendar(HEAD + SOUND)
    assert (
        dag_run.get_task_instance("plan")
        .xcom_pull(task_ids="plan")[0]
        .startswith("- blackout 2030-11-30 00:00")
    )
    assert [halt.source for halt in controls.halts(utc_now())] == ["another"]


def test_a_blackout_that_cannot_be_read_keeps_everything_as_it_was(run_calendar, planned, set_up, capfd):
    run_calendar(HEAD.replace("posts:\n", BLACKOUT) + SOUND)
    before = planned(), set_up.ledger.controls.halts(utc_now())
    broken = BLACKOUT.replace("until: 2030-12-02 00:00", "until: 2030-12-02")
    more = "  - {id: more, at: 2030-12-05 09:00, text: More}\n"
    assert states(run_calendar(HEAD.replace("posts:\n", broken) + SOUND + more))["lint"] == "failed"
    assert "has no time of day" in "".join(capfd.readouterr())
    assert (planned(), set_up.ledger.controls.halts(utc_now())) == before


def entries(count):
    return [f"  - {{id: p{n}, at: 2030-12-01 09:{n:02d}, text: Number {n}}}\n" for n in range(count)]


def test_a_calendar_that_was_cut_off_withdraws_nothing_unless_that_is_meant(run_calendar, planned, capfd):
    run_calendar(HEAD + "".join(entries(20)))
    cut = HEAD + "".join(entries(5))
    assert states(run_calendar(cut))["plan"] == "failed"
    assert "lacks 15 of the 20 posts" in "".join(capfd.readouterr())
    assert len(planned()) == 20
    assert run_calendar(cut, allow_withdrawals=True).state == "success"
    assert len(planned()) == 5


def test_a_few_entries_may_go_without_asking(run_calendar, planned):
    run_calendar(HEAD + "".join(entries(10)))
    assert run_calendar(HEAD + "".join(entries(7))).state == "success"
    assert len(planned()) == 7


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch):
    """A picture in a store, and what becomes of each attempt to open it: an exception for the numbers given."""
    disk = MemoryFileSystem()
    attempts = Attempts()
    opened = MemoryFileSystem._open

    def count(self, path, *args, **kwargs):
        if kwargs.get("mode", args[0] if args else "rb") == "rb":
            attempts.made += 1
            if attempts.made in attempts.failing:
                raise attempts.failing[attempts.made]
        return opened(self, path, *args, **kwargs)

    monkeypatch.setenv("AIRFLOW__X__MEDIA_STORES", "memory")
    attach("memory", fs=disk)
    monkeypatch.setattr(MemoryFileSystem, "_open", count)
    attempts.save = lambda size=(32, 24): disk.pipe("/bucket/dome.png", png(size))
    attempts.save()
    yield attempts
    disk.rm("/bucket", recursive=True)


class Attempts:
    """How often the picture was opened, and which attempts fail."""

    def __init__(self) -> None:
        self.made = 0
        self.failing: dict[int, Exception] = {}


def png(size: tuple[int, int]) -> bytes:
    file = BytesIO()
    Image.new("RGB", size).save(file, "PNG")
    return file.getvalue()


AWAY = "  - {id: away, at: 2030-12-03 09:00, text: T, media: [{file: 'memory://bucket/dome.png', alt: D}]}\n"


def test_a_file_out_of_reach_after_lint_fails_apply_once_the_others_are_applied(
    run_calendar, planned, away, capfd
):
    away.failing = {3: ConnectionError()}
    assert states(run_calendar(HEAD + SOUND + AWAY)) == {
        "lint": "success",
        "plan": "success",
        "apply": "failed",
        "report": "upstream_failed",
    }
    assert set(planned()) == {"hello"}
    log = "".join(capfd.readouterr())
    assert "not applied: away; the other entries are" in log
    assert "the object memory://bucket/dome.png cannot be opened" in log


@pytest.mark.parametrize(
    ("error", "tries", "posts"),
    [(ConnectionError(), 2, {"hello", "away"}), (FileNotFoundError(), 1, {"hello"})],
    ids=["may pass", "for good"],
)
def test_apply_is_tried_again_where_that_may_help(run_calendar, planned, away, error, tries, posts):
    for task in run_calendar.dag.tasks:
        task.retries, task.retry_delay = 1, timedelta(0)
    away.failing = {3: error}
    dag_run = run_calendar(HEAD + SOUND + AWAY)
    assert dag_run.get_task_instance("apply").try_number == tries
    assert set(planned()) == posts


def test_an_entry_that_lint_has_named_fails_the_report_and_not_apply(run_calendar, planned, away):
    away.failing = dict.fromkeys(range(1, 10), ConnectionError())
    assert states(run_calendar(HEAD + SOUND + AWAY)) == {
        "lint": "success",
        "plan": "success",
        "apply": "success",
        "report": "failed",
    }
    assert set(planned()) == {"hello"}


def test_plan_says_what_its_own_reading_has_found(run_calendar, away, capfd):
    away.failing = {2: ConnectionError()}
    assert run_calendar(HEAD + SOUND + AWAY).state == "success"
    assert "error: away: media[0].file: the object memory://bucket/dome.png" in "".join(capfd.readouterr())


def test_apply_alone_names_every_entry_that_it_leaves_out(run_task, set_up, tmp_path, capfd):
    file = tmp_path / "calendar.yaml"
    file.write_text(HEAD + SOUND + BROKEN)
    ti = run_task(XApplyCalendarOperator, calendar=str(file), ledger_conn_id=set_up.ledger_conn_id)
    assert ti.state == "failed"
    assert [post.key for post in set_up.ledger.posts.all()] == ["hello"]
    assert "not applied: tours; the other entries are" in "".join(capfd.readouterr())


def test_runs_by_the_clock_fetch_what_is_new_or_changed_and_the_button_everything(
    run_calendar, planned, away
):
    tasks = [task for task in run_calendar.dag.tasks if task.task_id != "report"]
    by_button = tasks[0].refetch
    for task in tasks:
        task.refetch = "False"

    def fetched(content):
        before = away.made
        assert run_calendar(content).state == "success"
        return away.made - before

    assert fetched(HEAD + AWAY) == 3
    assert fetched(HEAD + AWAY + SOUND) == 0
    assert fetched(HEAD + AWAY.replace("text: T", "text: Tonight")) == 3
    away.save(size=(64, 48))
    assert fetched(HEAD + AWAY.replace("text: T", "text: Tonight")) == 0
    assert planned()["away"].parts[0].content["media"][0]["width"] == 32
    for task in tasks:
        task.refetch = by_button
    assert fetched(HEAD + AWAY.replace("text: T", "text: Tonight")) == 3
    assert planned()["away"].parts[0].content["media"][0]["width"] == 64


@pytest.mark.parametrize(("run_type", "anew"), [("scheduled", "False"), ("manual", "True")])
def test_the_clock_is_told_from_the_button(load_dag, run_type, anew):
    lint = load_dag("x_calendar").get_task("lint")
    run = SimpleNamespace(run_type=DagRunType(run_type))
    assert lint.render_template(lint.refetch, {"dag_run": run}) == anew
