"""Logging an account in: from the page in Airflow over X's consent page and back, in a browser; and its attacks."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import pytest
import requests
from airflow_harness import RunningAirflow
from kept_tokens import as_new
from PIL import Image

from x_provider.hooks.keys import sealer
from x_provider.ledger import Ledger, TokenState

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no browser tests")

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.timeout(300)]
expect = sync_api.expect
ACCOUNT = "x_login"


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    ledger = Ledger(f"sqlite:///{tmp_path_factory.mktemp('ledger')}/ledger.db")
    yield ledger
    ledger.database.dispose()


@pytest.fixture
def airflow(sandbox, ledger, standalone) -> Iterator[RunningAirflow]:
    """The running Airflow with an account on the sandbox that nobody has logged in."""
    app = sandbox.accounts[0]["oauth2"]
    stored = [
        {
            "connection_id": ACCOUNT,
            "conn_type": "x",
            "host": sandbox.url,
            "login": sandbox.credentials["api_key"],
            "password": sandbox.credentials["api_secret"],
            "extra": json.dumps({"client_id": app["client_id"], "client_secret": app["client_secret"]}),
        },
        {"connection_id": "x_ledger", "conn_type": "sqlite", "host": ledger.database.url.database},
    ]
    for connection in stored:
        answer = standalone.request("POST", "/api/v2/connections", json=connection)
        assert answer.status_code == 201, answer.text
    yield standalone
    for connection in stored:
        standalone.request("DELETE", f"/api/v2/connections/{connection['connection_id']}")
    as_new(ledger)


@pytest.fixture
def open_accounts(browser, airflow) -> Iterator[Any]:
    """Open the accounts page as a user; a script error fails the test."""
    contexts, errors = [], []

    def open_accounts(user: str = "admin", *, scheme: str = "light", width: int = 1000) -> Any:
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme))
        contexts[-1].add_cookies([{"name": "_token", "value": airflow.token(user), "url": airflow.url}])
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None,
        )
        page.goto(f"{airflow.url}/x/accounts")
        return page

    yield open_accounts
    for context in contexts:
        context.close()
    assert errors == []


def badge(page: Any) -> Any:
    return page.get_by_role("listitem", name=ACCOUNT).locator(".badge")


def log_in(page: Any, airflow: RunningAirflow, *, as_user: str = "Bob", scheme: str | None = None) -> None:
    """Go from the accounts page to X, consent, and come back."""
    page.get_by_role("button", name="Log in").click()
    if scheme:
        page.get_by_label(scheme).check()
    page.get_by_role("button", name="Go on to X").click()
    page.get_by_label(re.compile(as_user)).check()
    page.get_by_role("button", name="Authorize app").click()
    page.wait_for_url(f"{airflow.url}/x/**")


def extra_of(airflow: RunningAirflow) -> dict[str, Any]:
    return json.loads(airflow.get(f"/api/v2/connections/{ACCOUNT}")["extra"])


def test_an_account_is_logged_in_from_airflow_to_connected_and_out_again(
    open_accounts, airflow, ledger, sandbox
) -> None:
    page = open_accounts()
    expect(badge(page)).to_have_text("needs login", timeout=30_000)
    expect(page.locator("#callback")).to_have_text(f"{airflow.url}/x/login/callback")
    expect(page.locator("#callback")).to_be_visible()
    page.get_by_role("button", name="Log in").click()
    scopes = page.get_by_role("group", name="What the app may do")
    expect(scopes).to_contain_text("tweet.write to post")
    page.get_by_label("tweet.moderate.write").check()
    page.get_by_role("button", name="Go on to X").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("An app wants to access an account")
    page.get_by_label(re.compile("Bob")).check()
    page.get_by_role("button", name="Authorize app").click()
    expect(page.get_by_role("status")).to_have_text("Connected: x_login is @bob.")
    assert page.url == f"{airflow.url}/x/accounts"
    expect(badge(page)).to_have_text("logged in")

    tokens, bob = ledger.tokens.find(ACCOUNT), sandbox.accounts[1]
    assert tokens is not None
    assert (tokens.state, tokens.user.user_id, tokens.user.username, tokens.user.name) == (
        TokenState.GOOD, bob["id"], "bob", "Bob Example",
    )  # fmt: skip
    assert tokens.logged_in_by == "admin"
    assert "tweet.moderate.write" in tokens.scopes
    extra = extra_of(airflow)
    assert (extra["auth"], extra["user_id"], extra["username"]) == ("oauth2", bob["id"], "bob")
    declared = {"access_token", "bearer_token", "media_api", "app_owner_id", "oauth2_refresh_token"}
    assert declared <= extra.keys()
    opened = sealer().open(tokens.sealed, what="the tokens")
    posted = requests.post(
        f"{sandbox.url}/2/tweets",
        json={"text": "Hello"},
        headers={"Authorization": f"Bearer {opened['access']}"},
        timeout=10,
    )
    assert posted.status_code == 201
    assert len([each for each in sandbox.requests() if each["path"] == "/2/users/me"]) == 1

    expect(page.locator("#callback")).to_be_hidden()
    page.get_by_role("button", name="Log out").dblclick()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Log out: its posts will wait")).to_have_count(0)
    assert ledger.tokens.find(ACCOUNT) is not None
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="Log out: its posts will wait").click()
    expect(page.get_by_role("status")).to_have_text("x_login is logged out.")
    expect(badge(page)).to_have_text("needs login")
    assert ledger.tokens.find(ACCOUNT) is None
    after = requests.get(
        f"{sandbox.url}/2/users/me", headers={"Authorization": f"Bearer {opened['access']}"}, timeout=10
    )
    assert after.status_code == 401
    assert opened["access"] not in airflow.logs()
    assert opened["refresh"] not in airflow.logs()


def test_from_the_page_inside_airflow_too(browser, airflow, ledger) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_cookies([{"name": "_token", "value": airflow.token(), "url": airflow.url}])
    page = context.new_page()
    page.goto(f"{airflow.url}/")
    page.get_by_role("link", name="X", exact=True).click()
    x = page.frame_locator("iframe")
    x.get_by_role("link", name="Accounts").click(timeout=30_000)
    x.get_by_role("button", name="Log in").click()
    x.get_by_role("button", name="Go on to X").click()
    page.get_by_label(re.compile("Bob")).check()
    page.get_by_role("button", name="Authorize app").click()
    expect(page.get_by_role("status")).to_have_text("Connected: x_login is @bob.")
    page.get_by_role("link", name="Airflow").click()
    expect(page.get_by_role("link", name="X", exact=True)).to_be_visible(timeout=30_000)
    context.close()
    assert ledger.tokens.find(ACCOUNT) is not None


def test_by_oauth_1_0a_the_keys_are_sealed_in_the_ledger(open_accounts, airflow, ledger, sandbox) -> None:
    page = open_accounts("op")
    log_in(page, airflow, scheme="OAuth 1.0a")
    expect(page.get_by_role("status")).to_have_text("Connected: x_login is @bob.")
    expect(badge(page)).to_have_text("has OAuth 1.0a keys")
    extra = extra_of(airflow)
    assert (extra["auth"], extra["username"]) == ("oauth1", "bob")
    test = airflow.request("POST", "/api/v2/connections/test", json={
        "connection_id": ACCOUNT, "conn_type": "x", "host": sandbox.url, "port": None,
        "login": sandbox.credentials["api_key"], "password": sandbox.credentials["api_secret"],
        "extra": json.dumps(extra),
    })  # fmt: skip
    assert "You are @bob" in test.text, test.text
    assert ledger.tokens.find(ACCOUNT) is None
    keys = {name: sandbox.accounts[1][name] for name in ("access_token", "access_token_secret")}
    assert sealer().open(ledger.user_keys.find(ACCOUNT).sealed, what="the keys") == keys
    assert not any(key in json.dumps(extra) for key in keys.values())


def test_where_oauth_1_0a_is_the_only_way_its_form_says_what_that_is(open_accounts, airflow, sandbox) -> None:
    keys = {"login": sandbox.credentials["api_key"], "password": sandbox.credentials["api_secret"]}
    stored = {"connection_id": "x_keys", "conn_type": "x", "host": sandbox.url, **keys}
    assert airflow.request("POST", "/api/v2/connections", json=stored).status_code == 201
    try:
        card = open_accounts().get_by_role("listitem", name="x_keys")
        card.get_by_role("button", name="Log in").click(timeout=30_000)
        expect(card.get_by_role("group", name="How")).to_contain_text(
            "OAuth 1.0a (its keys do not end, and may do everything that the app may)"
        )
    finally:
        airflow.request("DELETE", "/api/v2/connections/x_keys")


def test_who_denies_the_consent_is_told_the_way_on(open_accounts, airflow, ledger) -> None:
    page = open_accounts()
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Go on to X").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alert")).to_contain_text("The consent for account x_login was denied on X")
    expect(page.locator("code")).to_have_text("airflow x login")
    background = page.get_by_role("alert").evaluate("alert => getComputedStyle(alert).backgroundColor")
    assert background == "rgb(253, 236, 236)"
    page.get_by_role("link", name="To the accounts").click()
    expect(badge(page)).to_have_text("needs login")


def test_somebody_else_is_refused_unless_that_was_said(open_accounts, airflow, ledger, sandbox) -> None:
    page = open_accounts()
    log_in(page, airflow)
    before = ledger.tokens.find(ACCOUNT)
    log_in(page, airflow, as_user="Alice")
    expect(page.get_by_role("alert")).to_contain_text("@alice logged in, but account x_login is @bob")
    expect(page.get_by_role("alert")).to_contain_text("the tokens were given back")
    expect(page.locator("code")).to_have_text("airflow x login x_login --another-user")
    assert ledger.tokens.find(ACCOUNT) == before
    page.get_by_role("link", name="To the accounts").click()
    page.get_by_role("button", name="Log in").click()
    page.get_by_label("Another user").check()
    page.get_by_role("button", name="Go on to X").click()
    page.get_by_label(re.compile("Alice")).check()
    page.get_by_role("button", name="Authorize app").click()
    expect(page.get_by_role("status")).to_have_text("Connected: x_login is @alice.")
    assert extra_of(airflow)["user_id"] == sandbox.accounts[0]["id"]


def begin(airflow: RunningAirflow, user: str = "admin", **how: Any) -> str:
    answer = airflow.request("POST", f"/x/accounts/{ACCOUNT}/login", user=user, json=how)
    assert answer.status_code == 200, answer.text
    return answer.json()["url"]


def consent(url: str, account: str = "bob") -> dict[str, str]:
    """What X's consent page sends back."""
    form = {"account": account, "decision": "allow"}
    answer = requests.post(url, data=form, allow_redirects=False, timeout=10)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def come_back(airflow: RunningAirflow, query: dict[str, str], *, user: str = "admin") -> requests.Response:
    return requests.get(
        f"{airflow.url}/x/login/callback",
        params=query,
        cookies={"_token": airflow.token(user)},
        allow_redirects=False,
        timeout=30,
    )


@pytest.mark.parametrize("how", [{}, {"scheme": "oauth1"}])
def test_an_answer_of_x_is_good_once_and_only_for_who_began(airflow, ledger, how) -> None:
    back = consent(begin(airflow, **how))
    stranger = come_back(airflow, back, user="op")
    assert stranger.status_code == 400
    assert "begun by somebody else than op" in stranger.text
    forged = come_back(airflow, {**back, "state" if "state" in back else "oauth_token": "x" * 43})
    assert (forged.status_code, "belongs to no login" in forged.text) == (400, True)
    nobody = requests.get(f"{airflow.url}/x/login/callback", params=back, timeout=30)
    assert nobody.status_code == 401
    assert 'href="../../api/v2/auth/login?next=%2Fx%2Faccounts"' in nobody.text
    assert back.get("code", "no code") not in nobody.text
    assert ledger.tokens.find(ACCOUNT) is None

    good = come_back(airflow, back)
    assert (good.status_code, good.headers["location"]) == (303, "../accounts?done=x_login")
    assert (good.headers["cache-control"], good.headers["referrer-policy"]) == ("no-store", "no-referrer")
    replayed = come_back(airflow, back)
    assert (replayed.status_code, "was ended before" in replayed.text) == (400, True)


def test_a_changed_redirect_and_a_swapped_code_get_no_tokens(airflow, ledger, sandbox) -> None:
    url = begin(airflow)
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    elsewhere = urlencode({**query, "redirect_uri": "https://attacker.example/callback"})
    stolen = consent(urlunsplit(parts._replace(query=elsewhere)))
    refused = come_back(airflow, stolen)
    assert (refused.status_code, "Value passed for the redirect uri" in refused.text) == (400, True)

    mine, theirs = consent(begin(airflow)), consent(begin(airflow, "op"), "alice")
    swapped = come_back(airflow, {"state": mine["state"], "code": theirs["code"]})
    assert (swapped.status_code, "Value passed for the code verifier" in swapped.text) == (400, True)
    assert ledger.tokens.find(ACCOUNT) is None

    sandbox.settings(redirect_uris=["https://airflow.example/x/login/callback"])
    page = requests.get(begin(airflow), timeout=10)
    assert "not one of the app&#x27;s callbacks" in page.text


def test_what_x_says_is_shown_as_text(airflow) -> None:
    begin_state = consent(begin(airflow))["state"]
    answer = come_back(airflow, {"state": begin_state, "error": "<script>alert(1)</script>"})
    assert answer.status_code == 400
    assert "<script>" not in answer.text
    assert "script-src" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize(("user", "status"), [("user", 403), ("viewer", 403), ("op", 200)])
def test_who_may_edit_connections_may_log_in_and_out(airflow, user, status) -> None:
    answer = airflow.request("POST", f"/x/accounts/{ACCOUNT}/login", user=user, json={})
    assert answer.status_code == status
    logout = airflow.request("POST", f"/x/accounts/{ACCOUNT}/logout", user=user, json={})
    assert logout.status_code == (409 if status == 200 else 403)
    (account,) = [
        each
        for each in airflow.get("/x/accounts/status", user=user)["accounts"]
        if each["account"] == ACCOUNT
    ]
    assert account["may_change"] == (status == 200)


def test_a_form_on_another_site_cannot_begin_a_login(airflow, ledger) -> None:
    answer = requests.post(
        f"{airflow.url}/x/accounts/{ACCOUNT}/login",
        data=b"{}",
        headers={"Content-Type": "text/plain"},
        cookies={"_token": airflow.token()},
        timeout=30,
    )
    assert answer.status_code == 415


@pytest.mark.parametrize(("scheme", "channel"), [("light", 255), ("dark", 11)])
def test_it_fits_a_phone_and_follows_the_theme(open_accounts, airflow, scheme, channel) -> None:
    page = open_accounts(scheme=scheme)
    expect(badge(page)).to_have_text("needs login", timeout=30_000)
    background = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    assert background.startswith(f"rgb({channel}, ")
    page.get_by_role("button", name="Log in").click()
    for width in (1000, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_pictures_come_from_x_and_the_accounts_api_only(open_accounts, airflow, ledger, sandbox) -> None:
    assert come_back(airflow, consent(begin(airflow))).status_code == 303
    user = ledger.tokens.find(ACCOUNT).user
    picture = io.BytesIO()
    Image.new("RGB", (48, 48), "teal").save(picture, "PNG")
    page = open_accounts()
    page.context.route(
        "**/bob.png", lambda route: route.fulfill(body=picture.getvalue(), content_type="image/png")
    )
    shown = page.get_by_role("listitem", name=ACCOUNT).locator("img")
    for source, is_shown in (
        (sandbox.url, True),
        ("https://pbs.twimg.com", True),
        ("https://pbs.twimg.com.attacker.example", False),
        ("javascript:", False),
    ):
        ledger.tokens.know(ACCOUNT, replace(user, picture_url=f"{source}/bob.png"))
        page.goto(f"{airflow.url}/x/accounts")
        expect(badge(page)).to_have_text("logged in", timeout=30_000)
        expect(shown).to_have_count(1 if is_shown else 0)
        if is_shown:
            page.wait_for_function("document.querySelector('img').naturalWidth === 48")


def test_alone_it_follows_the_theme_that_was_chosen_in_airflow(open_accounts) -> None:
    page = open_accounts(scheme="light")
    page.evaluate("localStorage.setItem('theme', 'dark')")
    page.reload()
    expect(page.locator("html")).to_have_class("dark")
