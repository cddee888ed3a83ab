"""Naming an account on the page Accounts whose connection cannot be listed; and forgetting one that is gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pendulum
import pytest

from x_provider.ledger import AccountOnX, Ledger

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no browser tests")

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.timeout(300)]
expect = sync_api.expect


@pytest.fixture
def ledger(standalone, tmp_path) -> Iterator[Ledger]:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    stored = {"connection_id": "x_ledger", "conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    assert standalone.request("POST", "/api/v2/connections", json=stored).status_code == 201
    yield ledger
    standalone.request("DELETE", "/api/v2/connections/x_ledger")
    ledger.database.dispose()


@pytest.fixture
def open_accounts(browser, standalone, ledger) -> Iterator[Any]:
    contexts = []

    def open_accounts(user: str) -> Any:
        contexts.append(browser.new_context())
        cookie = {"name": "_token", "value": standalone.token(user), "url": standalone.url}
        contexts[-1].add_cookies([cookie])
        page = contexts[-1].new_page()
        page.goto(f"{standalone.url}/x/accounts")
        return page

    yield open_accounts
    for context in contexts:
        context.close()


def name(page: Any, account: str) -> None:
    page.get_by_label("Connection").fill(account)
    page.get_by_role("button", name="Show it").click()


def test_who_may_edit_connections_names_one_and_sees_how_it_stands(open_accounts) -> None:
    page = open_accounts("op")
    name(page, "x_vault")
    card = page.get_by_role("listitem", name="x_vault")
    expect(card.locator(".badge")).to_have_text("not defined", timeout=30_000)
    expect(card.get_by_role("button", name="Forget")).to_be_disabled()
    page = open_accounts("viewer")
    name(page, "x_vault")
    expect(page.get_by_role("alert")).to_contain_text("Your role may not do this.", timeout=30_000)
    expect(page.get_by_role("listitem", name="x_vault")).to_have_count(0)


def test_an_account_whose_connection_is_gone_is_forgotten(open_accounts, ledger) -> None:
    user = AccountOnX("x_old", "https://api.x.com", "7", "brand", "fingerprint")
    ledger.accounts.put(user, now=pendulum.now("UTC"))
    page = open_accounts("admin")
    card = page.get_by_role("listitem", name="x_old")
    expect(card).to_contain_text(
        "is not defined any more, and no post of it is still to be sent", timeout=30_000
    )
    card.get_by_role("button", name="Forget").click()
    card.get_by_role("button", name="Forget who it was on X").click()
    expect(page.get_by_role("status")).to_have_text("x_old is forgotten.")
    expect(card).to_have_count(0)
    assert ledger.accounts.names() == []
