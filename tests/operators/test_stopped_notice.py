"""The notice that a post has stopped."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from airflow.sdk import Connection

from x_provider.ledger import PartState
from x_provider.notifications.stopped import XPostStoppedNotifier
from x_provider.notifications.webhook import WebhookError, send_text
from x_provider.operators.publishing import XCreatePostOperator
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
        return len(chat.texts)

    assert [attempt("credits"), attempt("credits"), attempt("spend-cap-reached")] == [1, 1, 2]
    assert "DAG x_publish tries it again" in chat.texts[0]
    assert "Nothing of it is known to be on X" in chat.texts[0]


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
