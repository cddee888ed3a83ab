"""The form: what people send with it, and what becomes of it."""

from __future__ import annotations

import pendulum
import pytest

from x_provider.ledger import PartState

TASKS = ("plan", "upload_media", "create_post")


@pytest.fixture
def submit(run_dag, load_dag, set_up):
    """Trigger x_post as the form does: it sends every field, those left alone with their defaults."""
    dag = load_dag("x_post")

    def submit(**fields):
        return run_dag(dag, run_conf={**dag.params.dump(), "account": set_up.x_conn_id, **fields})

    return submit


@pytest.fixture
def planned(set_up):
    """The posts that x_post has planned."""
    return set_up.ledger.posts.all


def states(dag_run):
    return {name: str(dag_run.get_task_instance(name).state) for name in TASKS}


def test_a_text_goes_out_at_once_and_the_run_knows_where(submit, sandbox):
    dag_run = submit(text="Hello from the form")
    assert dag_run.state == "success"
    (post,) = sandbox.posts()
    assert post["text"] == "Hello from the form"
    receipt = dag_run.get_task_instance("create_post").xcom_pull(task_ids="create_post")
    assert receipt["x_ids"] == [post["id"]]


def test_pictures_go_out_with_their_descriptions(submit, sandbox, picture):
    files = [str(picture("a.png")), str(picture("b.png", (200, 0, 0)))]
    submit(text="Two", media=["", *files, ""], alt_texts=["The dome", "The sun", ""])
    (post,) = sandbox.posts()
    assert [medium["alt_text"] for medium in post["media"]] == ["The dome", "The sun"]


@pytest.mark.parametrize(
    "left_alone",
    [
        dict.fromkeys(
            (
                "media",
                "alt_texts",
                "at",
                "first_comment",
                "reply_settings",
                "poll_options",
                "poll_duration",
            )
        ),
        {
            "media": [""],
            "alt_texts": [""],
            "at": "",
            "first_comment": " ",
            "poll_options": ["", " "],
            "poll_duration": "",
        },
    ],
    ids=["null", "empty"],
)
def test_fields_left_alone_or_emptied_count_as_not_given(submit, sandbox, left_alone):
    submit(text="Only this", **left_alone)
    (post,) = sandbox.posts()
    assert (post["text"], post["media"], post["poll"]) == ("Only this", [], None)


def test_a_poll_takes_the_forms_duration(submit, sandbox):
    submit(text="Which one?", poll_options=["Red", "Blue", ""], reply_settings="following")
    (post,) = sandbox.posts()
    assert [option["label"] for option in post["poll"]["options"]] == ["Red", "Blue"]
    assert post["poll"]["duration_minutes"] == 1440
    assert post["reply_settings"] == "following"


def test_a_long_text_goes_out_as_a_thread_and_is_commented(submit, sandbox, picture):
    text = " ".join(f"Tour {number} of the dome starts at seven." for number in range(12))
    submit(text=text, split=True, media=[str(picture())], alt_texts=["A"], first_comment="Dates: example.org")
    comment, second, first = sandbox.posts()
    assert text.startswith(first["text"].rpartition(" https://t.co/")[0])
    assert text.endswith(f" {second['text']}")
    assert (len(first["media"]), second["media"]) == (1, [])
    assert comment["text"].startswith("Dates: ")
    assert (second["in_reply_to"], comment["in_reply_to"]) == (first["id"], second["id"])


@pytest.mark.parametrize("text", ["2026", "[1, 2]", "{{ 7 * 6 }}", "None", "true"])
def test_a_text_is_posted_as_written_whatever_it_looks_like(submit, sandbox, text):
    submit(text=text)
    assert [post["text"] for post in sandbox.posts()] == [text]


def test_a_post_for_the_next_seconds_goes_out_on_the_second(submit, sandbox):
    at = pendulum.now("UTC").add(seconds=8).start_of("second")
    submit(text="In a moment", at=at.isoformat())
    (post,) = sandbox.posts()
    assert 0 <= (pendulum.parse(post["created_at"]) - at).total_seconds() < 1.5


def test_a_post_for_later_is_left_to_x_publish(submit, sandbox, planned, picture):
    at = pendulum.now("UTC").add(days=2).start_of("second")
    dag_run = submit(text="Later", media=[str(picture())], at=at.isoformat())
    assert dag_run.state == "success"
    assert states(dag_run) == {"plan": "success", "upload_media": "success", "create_post": "skipped"}
    (post,) = planned()
    assert (post.state, post.due_at, post.wake_at) == (PartState.PLANNED, at, at.subtract(minutes=10))
    assert not [r for r in sandbox.requests() if "media" in r["path"]]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"text": "Hello", "at": "tomorrow"}, 'task x_post.plan: error: at: "tomorrow" is no time'),
        ({"text": "Hello", "at": "2020-01-01T09:00:00.000Z"}, "at: was due"),
        ({"text": None}, "text: is missing"),
        ({"text": "  "}, "text: is missing"),
        ({"text": "x" * 281}, "text: is 1 too long"),
        ({"text": "Hello", "media": ["no-such.png"]}, "there is no file"),
        ({"text": "Hello", "alt_texts": ["What?"]}, "alt_texts: 1 for 0 files"),
        ({"text": "Hello", "poll_options": ["One"]}, "poll.options: has 1"),
        ({"text": "Hello", "poll_options": ["a", "b"], "poll_duration": "soon"}, "poll.duration"),
        ({"text": "Hello", "timezone": "Berlin"}, "Did you mean Europe/Berlin?"),
    ],
)
def test_a_mistake_fails_at_the_plan_with_what_to_correct(submit, planned, capfd, fields, words):
    dag_run = submit(**fields)
    assert dag_run.state == "failed"
    assert states(dag_run) == {
        "plan": "failed",
        "upload_media": "upstream_failed",
        "create_post": "upstream_failed",
    }
    assert planned() == []
    out, err = capfd.readouterr()
    assert words in out + err
