"""The accounts: their connections, their logins, and X's clock beside ours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from x_provider.client import XError, XPermission
from x_provider.client.clock import seconds_behind_x
from x_provider.client.oauth2 import SCOPES
from x_provider.health.check import Check
from x_provider.hooks.credentials import AUTH_NAMES
from x_provider.hooks.finding import known_accounts
from x_provider.hooks.problems import XConnectionError
from x_provider.hooks.standing import Standing, login_step, look
from x_provider.hooks.x import XHook
from x_provider.ledger import Ledger, LedgerError, StoredTokens
from x_provider.publishing import utc_now

MOST_SKEW_SECONDS = 60
_NOT_TAKEN = "Correct the connection, or log the account in again: page X > Accounts, or `airflow x login {}`"


names = known_accounts


def account(
    conn_id: str, ledger: Ledger, *, ask_x: bool, ledger_conn_id: str = "x_ledger"
) -> Iterator[Check]:
    """One account: whether its connection adds up, and whether it can go on without a person.

    :param ask_x: read the account's user at X, which costs $0.010.
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    """
    name = f"account {conn_id}"
    standing = look(conn_id, ledger)
    who, kind = standing.account, standing.auth
    if who is None or kind is None:
        yield Check(name, "skipped" if standing.is_over else "failed", standing.why, standing.next_step)
        return
    words = f"{f'@{who.username}' if who.username else _nameless(standing)} by {AUTH_NAMES[kind]}, at"
    words += f" {who.base_url} ({'X itself' if who.is_on_x else 'not X itself: a sandbox or a proxy'})"
    if standing.state == "app_only":
        yield Check(name, "warning", f"{words}; it cannot post", standing.next_step)
    elif ask_x and (standing.can_post or standing.refused_since is not None):
        good, said = XHook(conn_id, ledger_conn_id).test_connection()
        yield Check(name, "ok" if good else "failed", said, "" if good else _NOT_TAKEN.format(conn_id))
        if good and standing.refused_since is not None:
            ledger.refusals.forget(conn_id)
            standing = look(conn_id, ledger)
    else:
        yield Check(name, "ok", words)
    yield from _login(standing)


def _nameless(standing: Standing) -> str:
    return "whoever logs in" if standing.state == "needs_login" else "whoever the keys belong to"


def _login(standing: Standing) -> Iterator[Check]:
    name, tokens = f"login {standing.conn_id}", standing.login
    if not isinstance(tokens, StoredTokens):
        if standing.state == "needs_login":
            yield Check(name, "failed", f"needs login: {standing.why}", standing.next_step)
        elif tokens is not None:
            since = tokens.logged_in_at.to_datetime_string()
            yield Check(
                name, "ok", f"its keys do not end; logged in since {since} UTC by {tokens.logged_in_by}"
            )
        return
    left = (tokens.expires_at - utc_now()).total_seconds() / 60
    ends = f"its token ends in {left:,.0f} minutes" if left > 0 else "its token has ended"
    if standing.state == "needs_login":
        yield Check(name, "failed", f"needs login: {standing.why}; {ends}", standing.next_step)
    elif "offline.access" not in tokens.scopes:
        yield Check(name, "warning", f"{ends} and is not refreshed", login_step(standing.conn_id))
    elif tokens.failures:
        words = f"{tokens.failures} refreshes in a row failed ({standing.why}); {ends}"
        yield Check(name, "warning" if left > 0 else "failed", words, "It is tried again by itself")
    elif lacking := [f"{scope} ({why})" for scope, why in SCOPES.items() if scope not in tokens.scopes]:
        words = f"X did not grant {', '.join(lacking)}; {ends}"
        yield Check(
            name, "warning", words, f"{login_step(standing.conn_id)}, and grant all that is asked for"
        )
    else:
        then = "and is refreshed before" if left > 0 else "and the next use, or x_upkeep, refreshes it"
        yield Check(name, "ok", f"{ends}, {then}; scopes {' '.join(tokens.scopes)}")


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


def webhooks(conn_ids: Iterable[str], *, ledger_conn_id: str = "x_ledger") -> Iterator[Check]:
    """Whether X reaches the webhooks of the accounts' apps, as X itself says, for nothing.

    :param ledger_conn_id: the Airflow connection of the ledger's database, where the logins are that X is asked by.
    """
    seen: set[str] = set()
    asked = False
    for conn_id in conn_ids:
        try:
            known = XHook(conn_id, ledger_conn_id).get_conn().webhooks()
        except (XConnectionError, XPermission):
            continue  # it has no credentials of the app, which is who may ask
        except LedgerError as error:
            step = "Look at the ledger and the keys above"
            yield Check(f"webhooks of {conn_id}", "failed", str(error), step)
            continue
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
