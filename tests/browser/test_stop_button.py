"""The provider's pages in Airflow, in a browser: the stop button, with a post on its way, and a post's story."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pendulum
import pytest
from airflow_harness import RunningAirflow, wait_for
from drafting import described, plan_post
from other_processes import begin_attempt
from PIL import Image

from x_provider.calendar import PartSpec
from x_provider.ledger import AccountOnX, Cost, Ledger, PartState, Post, Receipt
from x_provider.ledger.tables import metadata
from x_provider.publishing import utc_now

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no browser tests")

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.timeout(300)]
expect = sync_api.expect
STOPPED = "Stopped: nothing is sent."
GOING = "Posts go out as planned."


@pytest.fixture(scope="module")
def ledger(standalone) -> Iterator[Ledger]:
    """The file that Airflow takes without a connection, emptied: a triggerer that has looked for the connection
    less than a minute ago takes it still, and a post of another ledger for the one of its number here.
    """
    ledger = Ledger(f"sqlite:///{standalone.home}/x_ledger.db")
    with ledger.database.write() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    yield ledger
    ledger.database.dispose()


@pytest.fixture(scope="module")
def airflow(browser, sandbox_server, ledger, standalone) -> Iterator[RunningAirflow]:
    """The running Airflow; it publishes to the sandbox."""
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
    expect(x.get_by_role("status")).to_have_text(GOING, timeout=60_000)
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


@pytest.fixture
def open_post(browser, airflow) -> Iterator[Any]:
    """Open a post's own page, as the link in a notice does; a script error fails the test."""
    contexts, errors = [], []

    def open_post(name: str, user: str = "viewer", scheme: str = "light") -> Any:
        contexts.append(
            browser.new_context(
                viewport={"width": 1000, "height": 1200}, color_scheme=scheme, timezone_id="Asia/Tokyo"
            )
        )
        contexts[-1].add_cookies([{"name": "_token", "value": airflow.token(user), "url": airflow.url}])
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if "Security Policy" in said.text else None)
        page.goto(f"{airflow.url}/x/?post={name}")
        return page

    yield open_post
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture(scope="module")
def half_way(ledger, tmp_path_factory: pytest.TempPathFactory) -> Post:
    """A thread that X cut in half, with a text that would be a script."""
    path = tmp_path_factory.mktemp("media") / "dome.png"
    Image.new("RGB", (64, 36), (10, 20, 60)).save(path)
    picture = described(path, alt="The dome at night")
    due_at = pendulum.datetime(2026, 12, 1, 8)
    second = PartSpec(text="Doors open <script>alert(1)</script>\nat nine", media=[picture])
    when = {"due_at": due_at, "at": "2026-12-01 09:00", "timezone": "Europe/Berlin"}
    post = plan_post(ledger, "We are open", second, key="half-way", **when)
    on_x = "https://x.com/observatory/status/1900000000000000001"
    receipt = Receipt("1900000000000000001", on_x, due_at.add(seconds=1), due_at.add(seconds=1))
    ledger.sending.arm(post, post.parts[0])
    assert ledger.sending.posted(begin_attempt(ledger, post, at=due_at), receipt, account="x_default")
    post = ledger.posts.get(post.id)
    ledger.sending.arm(post, post.parts[1])
    said = {"why": "post december/half-way, part 2: X does not allow it", "http_status": 403}
    ledger.sending.finish(
        begin_attempt(ledger, post, post.parts[1], at=due_at.add(seconds=2)),
        PartState.REFUSED,
        outcome="refused",
        now=due_at.add(seconds=3),
        wake_at=None,
        words="You are not permitted to perform this action.",
        request_id="f00",
        **said,
    )
    return ledger.posts.get(post.id)


@pytest.mark.parametrize(("scheme", "channel"), [("light", 255), ("dark", 11)])
def test_a_post_s_page_shows_its_evidence(open_post, half_way, scheme, channel) -> None:
    page = open_post(half_way.name, scheme=scheme)
    expect(page.get_by_role("heading", level=1)).to_have_text("december/half-way", timeout=30_000)
    expect(page.get_by_role("status")).to_have_text("refused (1 of 2 parts are on X)")
    expect(page.locator("#next code")).to_have_text("airflow x resume december/half-way")
    expect(page.locator("#facts")).to_contain_text("9:00:00 AM")  # in the post's zone, wherever the reader is
    expect(page.locator("#parts .text").nth(1)).to_have_text("Doors open <script>alert(1)</script>\nat nine")
    expect(page.locator("#parts .media")).to_have_text("dome.png: The dome at night")
    expect(page.locator("#parts .why")).to_have_text("post december/half-way, part 2: X does not allow it")
    on_x = page.get_by_role("link", name="https://x.com/observatory/status/1900000000000000001")
    expect(on_x).to_have_attribute("rel", "noopener noreferrer")
    attempts = page.get_by_role("region", name="Attempts to send it").locator("tbody tr")
    expect(attempts).to_have_count(2)
    expect(attempts.nth(1)).to_contain_text("You are not permitted to perform this action.")
    expect(attempts.nth(1).locator("td.when").first).to_have_text("Dec 1, 2026 9:00:02.000 AM")
    background = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    assert background.startswith(f"rgb({channel}, ")
    for width in (1000, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_what_stands_still_leads_to_its_page_and_back(open_x, half_way) -> None:
    x = open_x("viewer")
    x.locator("#still").get_by_role("link", name=half_way.name).click(timeout=30_000)
    expect(x.get_by_role("heading", level=1)).to_have_text(half_way.name)
    airflow = x.owner.page
    airflow.context.route("https://x.com/**", lambda route: route.fulfill(body="The post"))
    with airflow.context.expect_page() as opened:
        x.get_by_role("link", name="https://x.com/").click()
    expect(opened.value.locator("body")).to_have_text("The post")
    x.get_by_role("link", name="X: what is stopped").click()
    expect(x.get_by_role("status")).to_have_text("1 post stands still. The others go out as planned.")
    expect(x.get_by_role("status")).to_have_class("waiting")


def test_a_post_that_the_ledger_does_not_have_is_said(open_post) -> None:
    page = open_post("december/nobody")
    expect(page.get_by_role("alert")).to_contain_text("The ledger has no post 'december/nobody'")
    expect(page.locator("#state")).to_be_hidden()


def test_every_post_s_page_is_reached_from_page_x(open_x, half_way) -> None:
    x = open_x("viewer")
    newest = x.locator("#newest li", has_text=half_way.name)
    expect(newest).to_contain_text("We are open", timeout=30_000)
    newest.get_by_role("link").click()
    expect(x.get_by_role("heading", level=1)).to_have_text(half_way.name)
    x.get_by_role("link", name="X: what is stopped").click()
    x.get_by_role("textbox", name="Post", exact=True).fill(str(half_way.id))
    x.get_by_role("button", name="Show it").click()
    expect(x.get_by_role("heading", level=1)).to_have_text(half_way.name)
    expect(x.get_by_role("status")).to_have_text("refused (1 of 2 parts are on X)")


def test_a_ledger_that_is_away_is_said_and_the_terminal_named(open_x, airflow, ledger) -> None:
    x = open_x()
    expect(x.get_by_role("status")).to_contain_text("as planned", timeout=30_000)
    page = x.owner.page
    page.route("**/x/stop", lambda route: route.fulfill(status=503, json={"detail": "the disk is full"}))
    x.get_by_role("button", name="STOP").click()
    expect(x.get_by_role("alert")).to_have_text("NOT DONE. the disk is full From a terminal: airflow x stop")
    assert ledger.controls.halts(utc_now()) == []


def test_what_holds_an_account_s_money_back_is_shown_with_the_way_on(open_x, ledger) -> None:
    ledger.charges.set_budget("x_default", Decimal("0.010"), by="eve", now=utc_now())
    ledger.charges.add("x_default", Cost("user_read", Decimal("0.010")), what="me", at=utc_now())
    ledger.controls.break_off("x_default", why="X: credits depleted", now=utc_now())
    try:
        x = open_x()
        expect(x.locator("#halts")).to_contain_text("airflow x budget x_default --reset")
        expect(x.locator("#budgets")).to_contain_text("of its budget of $0.010")
        ledger.controls.reset("x_default", now=utc_now())
        used_up = "Budget used up: x_default. Other accounts go on."
        expect(open_x().locator("#state")).to_have_text(used_up)
        expect(x.get_by_role("button", name="GO: x_default")).to_have_count(0)
    finally:
        ledger.controls.reset("x_default", now=utc_now())
        ledger.charges.remove_budget("x_default")
