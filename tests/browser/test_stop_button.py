"""The stop button in Airflow's navigation, pressed in a browser, with a post on its way to X."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from airflow_harness import RunningAirflow, wait_for

from x_provider.ledger import AccountOnX, Ledger, PartState
from x_provider.publishing import utc_now

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no browser tests")

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.timeout(300)]
expect = sync_api.expect
STOPPED = "Stopped: nothing is sent."
GOING = "Posts go out as planned."


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    ledger = Ledger(f"sqlite:///{tmp_path_factory.mktemp('ledger')}/ledger.db")
    yield ledger
    ledger.database.dispose()


@pytest.fixture(scope="module")
def airflow(browser, sandbox_server, ledger, standalone) -> Iterator[RunningAirflow]:
    """The running Airflow; it publishes to the sandbox, its ledger the test's own."""
    account = json.loads(sandbox_server.connection())
    stored = [
        {**account, "connection_id": "x_default", "extra": json.dumps(account["extra"])},
        {"connection_id": "x_ledger", "conn_type": "sqlite", "host": ledger.database.url.database},
    ]
    for connection in stored:
        answer = standalone.request("POST", "/api/v2/connections", json=connection)
        assert answer.status_code == 201, answer.text
    wait_for("DAG x_post", lambda: standalone.request("GET", "/api/v2/dags/x_post").ok, within=60)
    assert standalone.request("PATCH", "/api/v2/dags/x_post", json={"is_paused": False}).ok
    yield standalone
    assert standalone.request("PATCH", "/api/v2/dags/x_post", json={"is_paused": True}).ok
    for connection in stored:
        standalone.request("DELETE", f"/api/v2/connections/{connection['connection_id']}")


@pytest.fixture
def open_x(browser, airflow, ledger) -> Iterator[Any]:
    """Open *X* in Airflow's navigation as a user, and give the page inside; a script error fails the test."""
    contexts, errors = [], []

    def open_x(user: str = "admin", theme: str = "light") -> Any:
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 900}))
        contexts[-1].add_cookies([{"name": "_token", "value": airflow.token(user), "url": airflow.url}])
        contexts[-1].add_init_script(f"localStorage.setItem('theme', '{theme}')")
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{airflow.url}/")
        page.get_by_role("link", name="X", exact=True).click()
        return page.frame_locator("iframe")

    yield open_x
    for context in contexts:
        context.close()
    for halt in ledger.controls.halts(utc_now()):
        ledger.controls.go(account=halt.account, now=utc_now())
    assert errors == []


def send(airflow: RunningAirflow, text: str) -> None:
    body = {"logical_date": None, "conf": {"text": text, "account": "x_default"}}
    answer = airflow.request("POST", "/api/v2/dags/x_post/dagRuns", json=body)
    assert answer.ok, answer.text


def test_a_post_is_not_sent_from_stop_until_go(open_x, airflow, ledger, sandbox) -> None:
    x = open_x()
    expect(x.get_by_role("status")).to_have_text(GOING, timeout=30_000)
    x.get_by_label("Why").fill("Wrong <b>price</b>")
    x.get_by_role("button", name="STOP").click()
    expect(x.get_by_role("status")).to_have_text(STOPPED)
    expect(x.locator("#halts li")).to_contain_text("by admin")
    expect(x.locator(".why")).to_have_text("Wrong <b>price</b>")

    send(airflow, "Only when it goes on")

    def held() -> bool:
        posts = ledger.posts.all()
        return bool(posts) and "was stopped by admin" in (posts[0].parts[0].why or "")

    wait_for("the post held back", held, within=90)
    assert sandbox.posts() == []
    expect(x.locator("#counts")).to_contain_text("ready to go", timeout=15_000)

    x.get_by_role("button", name="GO: All accounts").click()
    expect(x.get_by_role("status")).to_have_text(GOING)
    wait_for("the post on X", sandbox.posts, within=60)
    wait_for("its receipt", lambda: ledger.posts.all()[0].state is PartState.POSTED, within=30)
    assert len(sandbox.posts()) == 1


def test_one_account_is_stopped_and_the_others_go_on(open_x, ledger) -> None:
    other = AccountOnX("x_other", "https://api.x.com", "1", "other", "fingerprint")
    ledger.accounts.put(other, now=utc_now())
    x = open_x("op")
    x.get_by_label("Which account").select_option("x_other", timeout=30_000)
    x.get_by_role("button", name="STOP").click()
    expect(x.get_by_role("status")).to_have_text("Stopped: x_other. Other accounts go on.")
    assert [(halt.account, halt.by) for halt in ledger.controls.halts(utc_now())] == [("x_other", "op")]


def test_who_may_only_look_sees_it_and_finds_the_button_off(open_x, ledger) -> None:
    ledger.controls.stop(why="A drill", by="somebody", now=utc_now())
    x = open_x("viewer")
    expect(x.get_by_role("status")).to_have_text(STOPPED, timeout=30_000)
    expect(x.get_by_role("button", name="STOP")).to_be_disabled()
    expect(x.get_by_role("button", name="GO: All accounts")).to_be_disabled()
    expect(x.locator("#note")).to_contain_text("may trigger DAG x_publish")


@pytest.mark.parametrize(("theme", "channel"), [("light", 255), ("dark", 11)])
def test_it_follows_airflows_theme(open_x, theme, channel) -> None:
    x = open_x(theme=theme)
    expect(x.get_by_role("status")).to_have_text(GOING, timeout=30_000)
    background = x.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    assert background.startswith(f"rgb({channel}, ")


def test_a_ledger_that_is_away_is_said_and_the_terminal_named(open_x, airflow, ledger) -> None:
    x = open_x()
    expect(x.get_by_role("status")).to_have_text(GOING, timeout=30_000)
    page = x.owner.page
    page.route("**/x/stop", lambda route: route.fulfill(status=503, json={"detail": "the disk is full"}))
    x.get_by_role("button", name="STOP").click()
    expect(x.get_by_role("alert")).to_have_text("NOT DONE. the disk is full From a terminal: airflow x stop")
    assert ledger.controls.halts(utc_now()) == []
