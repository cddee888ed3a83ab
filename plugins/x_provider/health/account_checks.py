"""The accounts: their connections, their logins, and X's clock beside ours."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator

from x_provider.client import XError, XPermission
from x_provider.client.clock import seconds_behind_x
from x_provider.health.check import Check
from x_provider.hooks.connections import accounts_in_airflow
from x_provider.hooks.credentials import AUTH_NAMES, XConnectionError
from x_provider.hooks.x import XHook
from x_provider.ledger import Ledger, TokenState
from x_provider.publishing import utc_now

MOST_SKEW_SECONDS = 60
_ENVIRONMENT = "AIRFLOW_CONN_"
_LOGIN = "Log it in: page X > Accounts, or `airflow x login {}`"


def names(ledger: Ledger | None) -> list[str]:
    """Every account that anybody has spoken of: Airflow's connections of type x, and those in the ledger."""
    found = set(accounts_in_airflow())
    for name, value in os.environ.items():
        if name.startswith(_ENVIRONMENT) and _is_x(value):
            found.add(name.removeprefix(_ENVIRONMENT).lower())
    if ledger is not None:
        found |= {*ledger.accounts.names(), *(tokens.account for tokens in ledger.tokens.all())}
    return sorted(found)


def account(
    conn_id: str, ledger: Ledger, *, ask_x: bool, ledger_conn_id: str = "x_ledger"
) -> Iterator[Check]:
    """One account: whether its connection adds up, and whether it can go on without a person.

    :param ask_x: read the account's user at X, which costs $0.010.
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    """
    name = f"account {conn_id}"
    hook = XHook(conn_id, ledger_conn_id)
    try:
        who, where = hook.account, hook.account.base_url
        kind = AUTH_NAMES[hook.auth]
    except XConnectionError as error:
        yield Check(name, "failed", error.problem, error.next_step)
        return
    words = f"{f'@{who.username}' if who.username else 'whoever the keys belong to'} by {kind}, at {where}"
    words += " (X itself)" if who.is_on_x else " (not X itself: a sandbox or a proxy)"
    if not hook.can_post:
        yield Check(name, "warning", f"{words}; it cannot post", "Add a user's credentials to post with it")
    elif ask_x:
        good, said = hook.test_connection()
        yield Check(name, "ok" if good else "failed", said, "" if good else "Correct the connection")
    else:
        yield Check(name, "ok", words)
    yield from _login(conn_id, ledger)


def _login(conn_id: str, ledger: Ledger) -> Iterator[Check]:
    tokens = ledger.tokens.find(conn_id)
    if tokens is None:
        return
    name = f"login {conn_id}"
    left = (tokens.expires_at - utc_now()).total_seconds() / 60
    ends = f"its token ends in {left:,.0f} minutes" if left > 0 else "its token has ended"
    if tokens.state is TokenState.NEEDS_LOGIN:
        yield Check(name, "failed", f"needs login: {tokens.why}; {ends}", _LOGIN.format(conn_id))
    elif "offline.access" not in tokens.scopes:
        yield Check(name, "warning", f"{ends} and is not refreshed", _LOGIN.format(conn_id))
    elif tokens.failures:
        words = f"{tokens.failures} refreshes in a row failed ({tokens.why}); {ends}"
        yield Check(name, "warning" if left > 0 else "failed", words, "It is tried again by itself")
    else:
        yield Check(name, "ok", f"{ends}, and is refreshed before; scopes {' '.join(tokens.scopes)}")


def clocks(conn_ids: Iterable[str]) -> Iterator[Check]:
    """This machine's clock beside that of each X; an answer that costs nothing tells."""
    addresses = set()
    for conn_id in conn_ids:
        try:
            addresses.add(XHook(conn_id).account.base_url)
        except XConnectionError:
            continue
    for address in sorted(addresses):
        try:
            behind = seconds_behind_x(address)
        except XError as error:
            yield Check(f"clock, {address}", "failed", str(error), "Check the network and the base URL")
            continue
        way = "behind" if behind > 0 else "ahead of"
        words = f"this machine is {abs(behind):.0f} s {way} {address}"
        if abs(behind) > MOST_SKEW_SECONDS:
            step = "Set the clock by NTP: posts go out by it, and X refuses OAuth 1.0a beyond some minutes"
            yield Check(f"clock, {address}", "failed", words, step)
        else:
            yield Check(f"clock, {address}", "ok", words)


def webhooks(conn_ids: Iterable[str]) -> Iterator[Check]:
    """Whether X reaches the webhooks of the accounts' apps, as X itself says, for nothing."""
    seen: set[str] = set()
    asked = False
    for conn_id in conn_ids:
        try:
            known = XHook(conn_id).get_conn().webhooks()
        except (XConnectionError, XPermission):
            continue  # it has no credentials of the app, which is who may ask
        except XError as error:
            yield Check(
                f"webhooks of {conn_id}", "warning", str(error), "Check the app's keys, and try again"
            )
            continue
        asked = True
        for webhook in (each for each in known if each.id not in seen):
            seen.add(webhook.id)
            name = f"webhook {webhook.id}"
            if webhook.valid:
                yield Check(name, "ok", f"X reaches {webhook.url}")
            else:
                step = f"Make it public by https, then `airflow x webhooks validate {conn_id} --webhook {webhook.id}`"
                yield Check(name, "warning", f"X does not reach {webhook.url}, and tells it nothing", step)
    if asked and not seen:
        yield Check("webhooks", "skipped", "none is registered")


def _is_x(value: str) -> bool:
    if value.lstrip().startswith("{"):
        try:
            return json.loads(value).get("conn_type") == "x"
        except (ValueError, AttributeError):
            return False
    return value.startswith("x://")
