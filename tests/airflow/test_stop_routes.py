"""The routes behind the stop button, over HTTP, in a whole running Airflow."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pendulum
import pytest
import requests
from drafting import plan_post
from other_processes import send_without_answer

from x_provider.ledger import Blackout, Ledger, PartState
from x_provider.publishing import utc_now

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


@pytest.fixture
def ledger(standalone, tmp_path: Path):
    """The ledger that a connection in Airflow's own database points to."""
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    stored = {"connection_id": "x_ledger", "conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    answer = standalone.request("POST", "/api/v2/connections", json=stored)
    assert answer.status_code == 201, answer.text
    yield ledger
    standalone.request("DELETE", "/api/v2/connections/x_ledger")
    ledger.database.dispose()


def press(standalone, button: str, *, user: str = "admin", **what: Any) -> requests.Response:
    return standalone.request("POST", f"/x/{button}", user=user, json=what)


def halted(ledger: Ledger) -> list[tuple[str, str, str]]:
    return [(halt.account, halt.by, halt.why) for halt in ledger.controls.halts(utc_now())]


@pytest.mark.parametrize("user", ["admin", "op", "user"])
def test_who_may_trigger_x_publish_stops_and_lets_go_under_their_name(standalone, ledger, user) -> None:
    stopped = press(standalone, "stop", user=user, why="A drill")
    assert stopped.status_code == 200
    assert halted(ledger) == [("*", user, "A drill")]
    (halt,) = stopped.json()["halts"]
    assert (halt["account"], halt["by"], halt["why"], halt["in_force"]) == ("*", user, "A drill", True)
    gone = press(standalone, "go", user=user)
    assert (gone.status_code, gone.json()["halts"], halted(ledger)) == (200, [], [])


def test_who_may_only_look_may_not_press(standalone, ledger) -> None:
    ledger.controls.stop(account="x_brand", why="A drill", by="somebody", now=utc_now())
    assert press(standalone, "stop", user="viewer").status_code == 403
    assert press(standalone, "go", user="viewer", account="x_brand").status_code == 403
    assert halted(ledger) == [("x_brand", "somebody", "A drill")]
    status = standalone.get("/x/status", user="viewer")
    assert (status["may_stop"], [halt["account"] for halt in status["halts"]]) == (False, ["x_brand"])
    assert standalone.request("GET", "/x/", user="viewer").status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/x/"),
        ("GET", "/x/?post=december/hello"),
        ("GET", "/x/status"),
        ("GET", "/x/posts?name=december/hello"),
        ("POST", "/x/stop"),
        ("POST", "/x/go"),
    ],
)
def test_nobody_gets_nothing(standalone, ledger, method, path) -> None:
    body = {"account": "*"} if method == "POST" else None
    answer = requests.request(method, standalone.url + path, json=body, timeout=30, allow_redirects=False)
    assert answer.status_code == 401
    assert halted(ledger) == []


def test_who_opens_a_page_logged_out_finds_the_way_to_log_in_and_back(standalone) -> None:
    session = requests.Session()
    answer = session.get(f"{standalone.url}/x/?post=december/hello", timeout=30)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "text/html; charset=utf-8")
    (login,) = re.findall(r'href="([^"]+)"', answer.text)
    followed = session.get(urljoin(answer.url, login), timeout=30, allow_redirects=False)
    (back,) = parse_qs(urlsplit(followed.headers["location"]).query)["next"]
    assert back == "/x/?post=december/hello"


@pytest.mark.parametrize("path", ["/x/docs", "/x/redoc", "/x/openapi.json"])
def test_no_documentation_is_public(standalone, path) -> None:
    assert requests.get(standalone.url + path, timeout=30).status_code == 404


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None],
)
def test_a_form_on_another_site_cannot_press_with_the_users_cookie(standalone, ledger, content_type) -> None:
    def send(content_type: str | None) -> int:
        return requests.post(
            f"{standalone.url}/x/stop",
            data=b'{"account": "*"}',
            headers={"Content-Type": content_type} if content_type else {},
            cookies={"_token": standalone.token("op")},
            timeout=30,
        ).status_code

    assert send(content_type) == 415
    assert halted(ledger) == []
    assert send("application/json; charset=utf-8") == 200
    assert [by for _, by, _ in halted(ledger)] == ["op"]


@pytest.mark.parametrize("what", [{"account": ""}, {"acount": "x_brand"}, {"why": "x" * 501}])
def test_what_cannot_be_meant_stops_nothing(standalone, ledger, what) -> None:
    assert press(standalone, "stop", **what).status_code == 422
    assert halted(ledger) == []


def test_go_for_what_is_not_stopped_says_so(standalone, ledger) -> None:
    answer = press(standalone, "go", account="x_brand")
    assert (answer.status_code, "x_brand was not stopped" in answer.json()["detail"]) == (409, True)


def test_a_stop_of_an_account_that_nobody_knows_is_recorded_with_a_warning(standalone, ledger) -> None:
    plan_post(ledger, "Hello", account="x_brand")
    answer = press(standalone, "stop", account="x_brnad")
    assert (answer.status_code, halted(ledger)) == (200, [("x_brnad", "admin", "")])
    assert "the ledger knows no account 'x_brnad'" in answer.json()["warning"]
    assert "the ledger knows x_brand" in answer.json()["warning"]
    assert press(standalone, "stop", account="x_brand").json()["warning"] is None
    assert press(standalone, "stop").json()["warning"] is None


def test_what_stands_still_is_listed(standalone, ledger) -> None:
    refused = plan_post(ledger, "No", key="refused")
    ledger.sending.give_up(refused, PartState.REFUSED, why="X refuses it")
    plan_post(ledger, "Late", key="late", due_in=-120)
    plan_post(ledger, "Later", key="later", due_in=3600)
    status = standalone.get("/x/status", user="viewer")
    assert [(post["post"], post["state"]) for post in status["still"]] == [
        ("december/refused", "refused"),
        ("december/late", "planned"),
    ]
    refusal, missing = (post["why"] for post in status["still"])
    assert refusal == "X refuses it"
    assert missing.startswith("account x_default: its connection is not defined, and posts of it are still")
    assert status["more"] == 0


def test_the_story_of_a_post_is_told_to_who_may_look(standalone, ledger) -> None:
    due_at = pendulum.datetime(2026, 12, 1, 8)
    post = plan_post(ledger, "One", "Two", due_at=due_at, at="2026-12-01 09:00", timezone="Europe/Berlin")
    send_without_answer(ledger, post, at=due_at.add(seconds=1))
    ledger.deciding.void(post.id, why="given up by ann", now=due_at.add(hours=2), by="ann")
    story = standalone.get("/x/posts", user="viewer", name="december/hello")
    assert (story["post"], story["account"], story["state"]) == ("december/hello", "x_default", "refused")
    assert (story["due_at"], story["at"]) == ("2026-12-01T09:00:00+01:00", "2026-12-01 09:00")
    assert [(part["text"], part["state"], part["why"]) for part in story["parts"]] == [
        ("One", "refused", "given up by ann"),
        ("Two", "refused", "given up by ann"),
    ]
    (attempt,) = story["attempts"]
    assert (attempt["part"], attempt["outcome"], attempt["started_at"]) == (
        1,
        "uncertain",
        "2026-12-01T08:00:01+00:00",
    )
    (decision,) = story["decisions"]
    assert (decision["by"], decision["decision"], decision["words"]) == ("ann", "void", "given up by ann")
    assert "airflow x resume december/hello" in story["next_step"]


@pytest.mark.parametrize("name", ["december/nobody", "99999999999999999999", "hello", ""])
def test_a_post_that_the_ledger_does_not_have_is_not_found(standalone, ledger, name) -> None:
    answer = standalone.request("GET", "/x/posts", params={"name": name})
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("The ledger has no post ")
    assert "write calendar/entry as in the calendar file" in answer.json()["detail"]


def test_a_calendars_blackout_is_shown_and_is_not_lifted_by_hand(standalone, ledger) -> None:
    now = utc_now()
    quiet = Blackout("*", now.add(hours=1), now.add(hours=2), "Election night")
    ledger.controls.set_blackouts("december", [quiet], now=now)
    (halt,) = standalone.get("/x/status")["halts"]
    assert (halt["in_force"], halt["calendar"], halt["why"]) == (False, "december", "Election night")
    assert press(standalone, "go").status_code == 409
    assert len(standalone.get("/x/status")["halts"]) == 1


def test_a_ledger_that_is_away_is_said_with_the_cause(standalone) -> None:
    stored = {"connection_id": "x_ledger", "conn_type": "sqlite", "host": "not/absolute.db"}
    assert standalone.request("POST", "/api/v2/connections", json=stored).status_code == 201
    try:
        answer = press(standalone, "stop")
        assert answer.status_code == 503
        assert answer.json()["detail"].startswith("Nothing was changed: Connection 'x_ledger'")
    finally:
        standalone.request("DELETE", "/api/v2/connections/x_ledger")


def test_without_a_connection_it_is_the_file_in_the_airflow_home(standalone) -> None:
    assert press(standalone, "stop", why="A drill").status_code == 200
    default = Ledger(f"sqlite:///{standalone.home}/x_ledger.db")
    assert halted(default) == [("*", "admin", "A drill")]
    assert press(standalone, "go").status_code == 200
    default.database.dispose()


def test_it_is_done_within_a_second(standalone, ledger) -> None:
    press(standalone, "go")  # opens the ledger
    pressed = time.monotonic()
    assert press(standalone, "stop").status_code == 200
    assert time.monotonic() - pressed < 1


@pytest.mark.parametrize("path", ["/x/", "/x/?post=december/hello"])
def test_the_page_runs_its_own_script_only_and_in_no_other_sites_frame(standalone, path) -> None:
    policy = standalone.request("GET", path).headers["content-security-policy"]
    assert "default-src 'none'; script-src 'sha256-" in policy
    assert "frame-ancestors 'self'" in policy


def test_it_stands_in_airflows_navigation(standalone) -> None:
    (view,) = (
        view
        for plugin in standalone.get("/api/v2/plugins")["plugins"]
        for view in plugin["external_views"]
        if plugin["name"] == "x"
    )
    assert (view["name"], view["href"], view["nav_top_level"]) == ("X", "x/", True)
