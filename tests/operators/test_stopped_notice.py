"""The notice that a post has stopped."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from airflow.sdk import Connection
from airflow.sdk.exceptions import ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse
from drafting import described, plan_post
from other_processes import wake_post

from x_provider.calendar import PartSpec
from x_provider.ledger import PartState, tables
from x_provider.notifications.stopped import XPostStoppedNotifier
from x_provider.notifications.webhook import WebhookError, send_text
from x_provider.operators.publishing import XCreatePostOperator
from x_provider.operators.uploading import XUploadMediaOperator
from x_provider.publishing import utc_now

SECRET = "T0SECRET/B0SECRET/xoxSECRETxox"


class Chat:
    """A chat's incoming webhook: what was posted to it, and what it answers."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict]] = []
        self.status = 200
        chat = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                chat.got.append((self.path, json.loads(body)))
                self.send_response(chat.status)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/services/{SECRET}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def texts(self) -> list[str]:
        return [body["text"] for _, body in self.got]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def chat():
    chat = Chat()
    yield chat
    chat.close()


@pytest.fixture
def notices(chat, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_X_NOTICES", json.dumps({"conn_type": "http", "password": chat.url}))


@pytest.fixture
def stop_a_post(run_task, set_up, sandbox):
    """Have X refuse the second part of a thread, and give its post."""

    def stop(**more):
        sandbox.faults("status", path="/2/tweets", method="POST", skip=1, times=1, problem="not-permitted")
        thread = [{"text": "One"}, {"text": "Two, @everyone <!channel>"}]
        notifier = XPostStoppedNotifier()
        task = {"thread": thread, "on_failure_callback": notifier, "retries": 2, **set_up.ids, **more}
        ti = run_task(XCreatePostOperator, **task)
        assert ti.state == "failed"
        return set_up.ledger.posts.all()[0]

    return stop


def test_it_says_which_post_why_what_is_on_x_where_to_look_and_how_to_go_on(
    stop_a_post, notices, chat, sandbox, set_up
):
    post = stop_a_post()
    (text,) = chat.texts
    assert post.state is PartState.REFUSED
    assert f"post {post.name} has stopped" in text
    assert f"Account {set_up.x_conn_id}" in text
    assert post.parts[1].why in text
    assert f"1 of 2 parts: {sandbox.url}/alice/status/{sandbox.posts()[0]['id']}" in text
    assert "Two, @\u200beveryone <\u200b!channel>" in text
    assert f"/dags/{post.calendar.removeprefix('dag:')}/runs/" in text
    assert f"Post: http://localhost:8080/x/?post={quote(post.name, safe='/')}" in text
    assert f"airflow x resume '{post.name}'" in text or f"airflow x resume {post.name}" in text


def test_the_task_log_says_it_too_and_holds_no_address(stop_a_post, notices, chat, capfd):
    stop_a_post()
    log = "".join(capfd.readouterr())
    assert "has stopped: it is not sent any further" in log
    assert SECRET not in log


def test_a_stopped_post_is_told_once_however_often_its_task_is_tried(
    stop_a_post, run_task, notices, chat, set_up
):
    post = stop_a_post()
    again = {"post_id": post.id, "ledger_conn_id": set_up.ledger_conn_id}
    assert (
        run_task(XCreatePostOperator, on_failure_callback=XPostStoppedNotifier(), **again).state == "failed"
    )
    assert len(chat.texts) == 1


def test_it_is_told_again_when_it_stops_after_it_was_resumed(
    stop_a_post, run_task, notices, chat, set_up, sandbox
):
    post = stop_a_post()
    set_up.ledger.deciding.resume(post.id, now=utc_now())
    sandbox.faults("status", path="/2/tweets", method="POST", times=1, problem="not-permitted")
    again = {"post_id": post.id, "ledger_conn_id": set_up.ledger_conn_id}
    assert (
        run_task(XCreatePostOperator, on_failure_callback=XPostStoppedNotifier(), **again).state == "failed"
    )
    assert len(chat.texts) == 2


def test_an_account_that_is_stopped_is_told_once_for_each_cause(run_task, notices, chat, set_up, sandbox):
    def attempt(problem):
        sandbox.faults("status", path="/2/tweets", method="POST", times=1, problem=problem)
        ti = run_task(
            XCreatePostOperator, text="Hello", on_failure_callback=XPostStoppedNotifier(), **set_up.ids
        )
        assert ti.state == "failed"
        set_up.ledger.controls.reset(set_up.x_conn_id, now=utc_now())
        return len(chat.texts)

    assert [attempt("credits"), attempt("credits"), attempt("spend-cap-reached")] == [1, 1, 2]
    assert "DAG x_publish tries it again" in chat.texts[0]
    assert "Nothing of it is known to be on X" in chat.texts[0]


@pytest.fixture
def publish(run_task, set_up):
    """Run an operator of x_publish on a post, with the notice for its failure, and give the task's state."""

    def publish(operator, post):
        task = {"post_id": post.id, "ledger_conn_id": set_up.ledger_conn_id}
        return run_task(operator, on_failure_callback=XPostStoppedNotifier(), **task).state

    return publish


@pytest.fixture
def plan(set_up):
    """Have x_publish take on a thread of two parts, the second with these files, that was due some seconds ago."""

    def plan(*media, late=0):
        second = PartSpec(text="Two", media=list(media))
        post = plan_post(set_up.ledger, "One", second, account=set_up.x_conn_id, due_in=-late)
        wake_post(set_up.ledger, post.id, utc_now().add(minutes=15))
        return post

    return plan


def test_a_thread_that_x_cut_in_half_is_told_and_finished_once_the_cause_is_removed(
    publish, plan, notices, chat, set_up, sandbox
):
    post = plan()
    sandbox.faults("status", path="/2/tweets", method="POST", skip=1, times=1, problem="not-permitted")
    assert publish(XCreatePostOperator, post) == "failed"
    (text,) = chat.texts
    assert "1 of 2 parts" in text
    assert f"this sends what is missing:\n  airflow x resume {post.name}" in text
    set_up.ledger.deciding.resume(post.id, now=utc_now())
    assert publish(XCreatePostOperator, post) == "success"
    assert [on_x["text"] for on_x in sandbox.posts()] == ["Two", "One"]
    assert len(chat.texts) == 1


def test_a_revoked_token_is_told_and_the_post_goes_out_with_a_new_one(
    publish, plan, notices, chat, set_up, sandbox, monkeypatch
):
    connection = f"AIRFLOW_CONN_{set_up.x_conn_id.upper()}"
    revoked = json.loads(sandbox.connection())
    revoked["extra"]["access_token"] = "revoked"
    monkeypatch.setenv(connection, json.dumps(revoked))
    post = plan(late=180)  # what a 401 may be for seconds is over
    assert publish(XCreatePostOperator, post) == "failed"
    (text,) = chat.texts
    assert "X does not accept the credentials (HTTP 401" in text
    assert "Check the keys and tokens of the connection" in text
    assert f"DAG x_publish tries it again. To have it tried at once:\n  airflow x resume {post.name}" in text
    monkeypatch.setenv(connection, sandbox.connection())
    assert publish(XCreatePostOperator, post) == "success"
    assert [on_x["text"] for on_x in sandbox.posts()] == ["Two", "One"]


def test_a_revoked_token_is_told_ahead_of_the_time_and_not_once_more_at_it(
    publish, plan, picture, notices, chat, set_up, sandbox, monkeypatch
):
    revoked = json.loads(sandbox.connection())
    revoked["extra"]["access_token"] = "revoked"
    monkeypatch.setenv(f"AIRFLOW_CONN_{set_up.x_conn_id.upper()}", json.dumps(revoked))
    post = plan(described(picture(), alt="The dome"), late=-300)
    assert publish(XUploadMediaOperator, post) == "failed"
    make_due(set_up.ledger, post, late=180)
    assert publish(XCreatePostOperator, post) == "failed"
    (text,) = chat.texts
    assert "X does not accept the credentials" in text


def test_a_month_that_is_used_up_half_way_is_told_and_only_the_rest_goes_out_later(
    publish, plan, notices, chat, sandbox
):
    post = plan()
    sandbox.faults("status", path="/2/tweets", method="POST", skip=1, times=1, problem="usage-capped")
    assert publish(XCreatePostOperator, post) == "failed"
    (text,) = chat.texts
    assert "usage-capped" in text
    assert "1 of 2 parts" in text
    assert "DAG x_publish tries it again" in text
    assert publish(XCreatePostOperator, post) == "success"
    assert [on_x["text"] for on_x in sandbox.posts()] == ["Two", "One"]


def test_a_file_that_is_gone_is_told_ahead_of_its_time_and_not_once_more_at_it(
    publish, plan, picture, notices, chat, set_up, sandbox
):
    path = picture()
    content = path.read_bytes()
    post = plan(described(path, alt="The dome"), late=-300)
    path.unlink()
    assert publish(XUploadMediaOperator, post) == "failed"
    (text,) = chat.texts
    assert f"post {post.name} is not on X yet" in text
    assert f"the file {path} is not there (any more)" in text
    assert "Once the cause is removed it goes out, at its time if that is yet to come" in text
    assert f"airflow x resume {post.name}" in text
    make_due(set_up.ledger, post)
    assert publish(XCreatePostOperator, post) == "failed"
    assert set_up.ledger.posts.get(post.id).state is PartState.REFUSED
    assert len(chat.texts) == 1
    path.write_bytes(content)
    set_up.ledger.deciding.resume(post.id, now=utc_now())
    assert publish(XCreatePostOperator, post) == "success"
    assert [on_x["text"].split()[0] for on_x in sandbox.posts()] == ["Two", "One"]


def test_a_file_that_is_put_back_in_time_goes_out_without_anybody_s_help(
    publish, plan, picture, notices, chat, set_up, sandbox
):
    path = picture()
    content = path.read_bytes()
    post = plan(described(path, alt="The dome"), late=-300)
    path.unlink()
    assert publish(XUploadMediaOperator, post) == "failed"
    path.write_bytes(content)
    make_due(set_up.ledger, post)
    assert publish(XCreatePostOperator, post) == "success"
    assert len(sandbox.posts()) == 2


def make_due(ledger, post, *, late=0):
    """Its time has come, so many seconds ago."""
    with ledger.database.write() as connection:
        this = tables.posts.c.id == post.id
        connection.execute(tables.posts.update().where(this).values(due_at=utc_now().subtract(seconds=late)))


class Supervisor:
    """Answers every question with the same error, as the supervisor of a task does."""

    def __init__(self, error: ErrorType) -> None:
        self.answer = ErrorResponse(error=error)

    def send(self, message: object) -> ErrorResponse:
        return self.answer


@pytest.mark.parametrize(
    ("error", "told_again"), [(ErrorType.API_SERVER_ERROR, True), (ErrorType.CONNECTION_NOT_FOUND, False)]
)
def test_a_chat_that_airflow_could_not_look_up_is_told_by_the_next_failure(
    plan, chat, set_up, monkeypatch, error, told_again
):
    post = plan()
    set_up.ledger.sending.give_up(post, PartState.REFUSED, why="X refuses it")
    task = XCreatePostOperator(task_id="only", post_id=post.id, ledger_conn_id=set_up.ledger_conn_id)
    context = {"task": task, "ti": SimpleNamespace(log_url="http://localhost:8080/dags/d/runs/r/tasks/only")}
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor(error), raising=False)
    XPostStoppedNotifier().notify(context)
    monkeypatch.setenv("AIRFLOW_CONN_X_NOTICES", json.dumps({"conn_type": "http", "password": chat.url}))
    XPostStoppedNotifier().notify(context)
    assert len(chat.texts) == told_again


def test_a_notice_that_could_not_be_written_is_told_by_the_next_failure(plan, notices, chat, set_up, capfd):
    post = plan()
    set_up.ledger.sending.give_up(post, PartState.REFUSED, why="X refuses it")
    task = XCreatePostOperator(task_id="only", post_id=post.id, ledger_conn_id=set_up.ledger_conn_id)
    XPostStoppedNotifier().notify({"task": task, "ti": None})
    assert chat.texts == []
    address = "http://localhost:8080/dags/d/runs/r/tasks/only"
    XPostStoppedNotifier().notify({"task": task, "ti": SimpleNamespace(log_url=address)})
    assert len(chat.texts) == 1


def test_what_could_not_be_delivered_is_told_by_the_next_failure_and_leaks_nothing(
    stop_a_post, run_task, notices, chat, set_up, capfd
):
    chat.status = 404
    post = stop_a_post()
    log = "".join(capfd.readouterr())
    assert "127.0.0.1 answered 404" in log
    assert SECRET not in log
    chat.status = 200
    again = {"post_id": post.id, "ledger_conn_id": set_up.ledger_conn_id}
    run_task(XCreatePostOperator, on_failure_callback=XPostStoppedNotifier(), **again)
    assert len(chat.texts) == 2


def test_a_chat_that_is_down_changes_nothing_for_the_task_and_leaks_nothing(
    stop_a_post, notices, chat, capfd
):
    chat.close()
    stop_a_post()
    log = "".join(capfd.readouterr())
    assert "127.0.0.1 could not be reached" in log
    assert SECRET not in log


def test_without_a_connection_it_is_in_the_log_with_a_hint(stop_a_post, chat, capfd):
    stop_a_post()
    log = "".join(capfd.readouterr())
    assert "has stopped: it is not sent any further" in log
    assert "give the Airflow connection x_notices (type http)" in log


def test_a_mistake_that_planned_nothing_is_no_stopped_post(run_task, notices, chat, set_up, capfd):
    ti = run_task(
        XCreatePostOperator, text="x" * 300, on_failure_callback=XPostStoppedNotifier(), **set_up.ids
    )
    assert ti.state == "failed"
    assert chat.texts == []
    assert "no notice" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    "written",
    [
        {"conn_type": "http", "password": "{url}"},
        {"conn_type": "http", "host": "{url}"},
        {"uri": "{url}"},
        {"uri": "{url}?key=a%2Bb&token=c"},
    ],
    ids=["password", "host", "uri", "uri with a query"],
)
def test_the_address_may_be_written_in_these_ways(chat, written):
    send_text("Hello", Connection(conn_id="x", **{k: v.format(url=chat.url) for k, v in written.items()}))
    ((path, body),) = chat.got
    assert body == {"text": "Hello"}
    assert path == f"/services/{SECRET}" + ("?key=a%2Bb&token=c" if "?" in written.get("uri", "") else "")


@pytest.mark.parametrize("written", [{}, {"host": "hooks.example.com"}, {"password": "ftp://x/y"}])
def test_a_connection_without_an_address_says_what_to_put_where(written):
    with pytest.raises(WebhookError, match="Put the webhook's whole address into its password"):
        send_text("Hello", Connection(conn_id="x", conn_type="generic", **written))


def test_a_long_text_is_cut_to_what_every_chat_takes(chat):
    send_text("x" * 5000, Connection(conn_id="x", conn_type="http", password=chat.url))
    assert len(chat.texts[0]) == 1900
