"""A post planned by a task: once a run, checked as an editor's entry is."""

from __future__ import annotations

import inspect
import json
import socket
from datetime import timedelta
from inspect import Parameter

import pendulum
import pytest

from x_provider.calendar import DIRECT_FIELDS
from x_provider.ledger import PartState
from x_provider.operators.calendar import XLintCalendarOperator
from x_provider.operators.deleting import XDeletePostOperator
from x_provider.operators.insights import XFetchMetricsOperator
from x_provider.operators.planning import XContentOperator, XPlanPostOperator
from x_provider.operators.publishing import XCreatePostOperator
from x_provider.operators.uploading import XUploadMediaOperator

IN_TWO_DAYS = pendulum.now("UTC").add(days=2).start_of("second")


@pytest.fixture
def post_of(result_of, set_up):
    """Run XPlanPostOperator and give what it planned."""
    return lambda **content: set_up.ledger.posts.get(
        result_of(XPlanPostOperator, **{**set_up.ids, **content})
    )


def test_the_post_is_named_after_its_dag_task_and_run(post_of):
    post = post_of(text="Hello")
    assert post.calendar == "dag:test_the_post_is_named_after_its_dag_task_and_run"
    assert post.key == "only/manual__2026-12-01T09:00:00+00:00"


def test_a_post_within_its_lead_time_belongs_to_the_run_that_planned_it(post_of, set_up):
    post = post_of(text="Soon", at="now + 1 min")
    assert post.wake_at > post.due_at.add(minutes=5)
    assert set_up.ledger.posts.due(post.due_at) == []


def test_a_later_post_wakes_x_publish_at_its_lead_time(post_of):
    post = post_of(text="Later", at=IN_TWO_DAYS)
    assert (post.due_at, post.wake_at) == (IN_TWO_DAYS, IN_TWO_DAYS.subtract(minutes=10))


def test_a_run_cleared_and_run_again_plans_no_second_post(post_of, set_up):
    assert post_of(text="Hello").id == post_of(text="Hello").id
    assert len(set_up.ledger.posts.all()) == 1


def test_another_run_plans_another_post(post_of):
    first = post_of(text="Hello")
    assert post_of(text="Hello", logical_date=pendulum.datetime(2026, 12, 2)).id != first.id


def test_a_run_cleared_after_a_correction_plans_what_the_task_says_now(post_of):
    first = post_of(text="Helo", at=IN_TWO_DAYS)
    second = post_of(text="Hello", at=IN_TWO_DAYS)
    assert (second.id, second.parts[0].content) == (first.id, {"text": "Hello"})


def test_a_post_that_x_refused_is_planned_anew(post_of, run_task, set_up, sandbox):
    sandbox.faults("status", problem="not-permitted", method="POST", path="/2/tweets", times=1)
    run_task(XCreatePostOperator, **set_up.ids, text="Hello")
    (first,) = set_up.ledger.posts.all()
    assert first.state is PartState.REFUSED
    second = post_of(text="Hello")
    assert (second.id, second.state) == (first.id, PartState.PLANNED)


def test_every_field_of_a_calendars_entry_reaches_the_ledger(post_of, picture):
    post = post_of(
        text="Everything",
        media=[{"file": picture(), "alt": "A dome"}],
        at="2030-01-01 09:00",
        timezone="Europe/Berlin",
        late={"grace": timedelta(minutes=5), "then": "skip"},
        reply_settings="verified",
        reply_to=1460323737035677698,
        community_id="1493446837214187523",
        share_with_followers=True,
        place_id="df51dec6f4ee2b2c",
        made_with_ai="true",
        paid_partnership=False,
        for_super_followers_only="no",
        nullcast=False,
        tagged_user_ids=["2244994945"],
    )
    assert post.due_at == pendulum.datetime(2030, 1, 1, 8)
    assert (post.late_grace_seconds, post.late_then) == (300, "skip")
    content = post.parts[0].content
    (medium,) = content.pop("media")
    assert (medium["source"], medium["alt"]) == (str(picture()), "A dome")
    assert content == {
        "text": "Everything",
        "reply_settings": "verified",
        "reply_to": "1460323737035677698",
        "community_id": "1493446837214187523",
        "share_with_followers": True,
        "place_id": "df51dec6f4ee2b2c",
        "made_with_ai": True,
        "paid_partnership": False,
        "for_super_followers_only": False,
        "nullcast": False,
        "tagged_user_ids": ["2244994945"],
    }


def test_a_thread_and_its_files_relative_to_a_folder(post_of, picture):
    folder = picture("a.png").parent
    post = post_of(
        thread=[{"text": "One"}, {"text": "Two", "media": ["a.png"]}],
        media_folder=str(folder),
        at=IN_TWO_DAYS,
    )
    assert [part.content["text"] for part in post.parts] == ["One", "Two"]
    assert post.parts[1].content["media"][0]["source"] == str(folder / "a.png")


def test_what_comes_after_a_post_reaches_the_ledger_with_its_links_tagged(post_of, set_up):
    post = post_of(
        text="All dates: https://example.org",
        at=IN_TWO_DAYS,
        links="reply",
        utm={"source": "x", "campaign": "{{ ds }}"},
        first_comment={"text": "For {{ ds }}:", "after": timedelta(minutes=5)},
        follow_ups=[{"likes": 100, "within": "2 days", "repost": True, "text": "Thank you"}],
    )
    link = "https://example.org?utm_source=x&utm_campaign=2026-12-01"
    assert [part.content for part in post.parts] == [
        {"text": "All dates:"},
        {"text": f"For 2026-12-01:\n{link}", "after_seconds": 300},
    ]
    with set_up.ledger.database.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT likes, within_seconds, repost, content FROM x_follow_ups"
        ).all()
    assert [(*row[:3], json.loads(row[3])) for row in rows] == [(100, 172_800, 1, {"text": "Thank you"})]


def test_links_name_the_dag_and_the_task_and_nothing_of_the_run(post_of):
    utm = {"source": "x", "campaign": "{calendar}", "content": "{id}"}
    (part,) = post_of(text="See https://example.org", at=IN_TWO_DAYS, utm=utm).parts
    dag_id = "test_links_name_the_dag_and_the_task_and_nothing_of_the_run"
    query = f"utm_source=x&utm_campaign={dag_id}&utm_content=only"
    assert part.content["text"] == f"See https://example.org?{query}"


def test_a_long_text_is_planned_as_a_thread(post_of):
    post = post_of(text="Doors open at seven. " * 20, split="{{ 'numbered' }}", at=IN_TWO_DAYS)
    assert [part.content["text"][-4:] for part in post.parts] == [" 1/2", " 2/2"]


def test_a_file_that_cannot_be_had_now_is_tried_again_and_a_mistake_is_not(run_task, set_up, monkeypatch):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, not listening: whoever connects is refused
        host = f"127.0.0.1:{nobody.getsockname()[1]}"
        monkeypatch.setenv("AIRFLOW__X__MEDIA_PRIVATE_HOSTS", host)
        again = {"retries": 1, "retry_delay": timedelta(0)}
        away = {**set_up.ids, **again, "text": "A", "media": [f"https://{host}/a.jpg"]}
        tries = [
            run_task(
                XPlanPostOperator, **away, **more, logical_date=pendulum.datetime(2026, 12, day)
            ).try_number
            for day, more in ((1, {}), (2, {"reply_settings": "nobody"}))
        ]
    assert tries == [2, 1]


def test_fields_are_templates(post_of):
    post = post_of(
        text="On {{ ds }}", at="{{ data_interval_end or '2030-01-01 09:00' }}", x_conn_id="{{ 'x_' }}a"
    )
    assert post.parts[0].content["text"] == "On 2026-12-01"
    assert post.account == "x_a"


def test_every_mistake_is_named_at_once(run_task, set_up, capfd):
    ti = run_task(
        XPlanPostOperator, **set_up.ids, text="x" * 300, at="soon", reply_settings="folowing", late=3
    )
    assert ti.state == "failed"
    out, err = capfd.readouterr()
    for words in (
        "task test_every_mistake_is_named_at_once.only: error: text: is 20 too long",
        'at: "soon" is no time',
        "Did you mean following?",
        "late: must have the fields grace, then",
    ):
        assert words in out + err
    assert set_up.ledger.posts.all() == []


def test_a_value_that_no_field_can_have_is_named(run_task, set_up, capfd):
    assert run_task(XPlanPostOperator, **set_up.ids, text=b"Hello").state == "failed"
    assert "text is a Python bytes" in "".join(capfd.readouterr())


OPERATORS = (
    XCreatePostOperator,
    XDeletePostOperator,
    XFetchMetricsOperator,
    XLintCalendarOperator,
    XPlanPostOperator,
    XUploadMediaOperator,
)


def test_a_dag_may_say_whatever_a_calendar_may():
    arguments = inspect.signature(XContentOperator.__init__).parameters
    assert set(DIRECT_FIELDS) <= set(arguments)
    assert set(DIRECT_FIELDS) <= set(XContentOperator.template_fields)


@pytest.mark.parametrize("operator", OPERATORS)
def test_operators_take_keywords_only(operator):
    _self, *own = inspect.signature(operator.__init__).parameters.values()
    assert {argument.kind for argument in own} <= {Parameter.KEYWORD_ONLY, Parameter.VAR_KEYWORD}


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_template_field_is_an_argument(operator):
    arguments = {name for cls in operator.__mro__ for name in inspect.signature(cls.__init__).parameters}
    assert set(operator.template_fields) <= arguments


def test_a_retry_does_not_send_what_a_person_gave_up_meanwhile(post_of, set_up):
    post = post_of(text="Hello", at=IN_TWO_DAYS)
    set_up.ledger.deciding.void(post.id, why="not wanted", now=pendulum.now("UTC"))
    assert post_of(text="Hello", at=IN_TWO_DAYS).state is PartState.REFUSED
    again = post_of(text="Something else", at=IN_TWO_DAYS)
    assert again.state is PartState.PLANNED
    set_up.ledger.sending.give_up(again, PartState.REFUSED, why="its file is missing")
    assert post_of(text="Something else", at=IN_TWO_DAYS).state is PartState.PLANNED


def test_a_retry_leaves_what_a_stop_kept_past_its_time_to_people(post_of, set_up):
    now = pendulum.now("UTC")
    at = now.subtract(minutes=1)
    late = {"grace": "5 min", "then": "ask"}
    post = post_of(text="Hello", at=at, late=late)
    set_up.ledger.controls.stop(account="*", why="a storm", by="ann", now=now.subtract(minutes=2))
    set_up.ledger.sending.give_up(post, PartState.MISSED, why="a stop kept it back")
    assert post_of(text="Hello", at=at, late=late).state is PartState.MISSED
