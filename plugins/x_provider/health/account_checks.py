"""The accounts: their connections and their logins."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from x_provider.client.oauth2 import SCOPES
from x_provider.health.check import Check
from x_provider.hooks.account import Account
from x_provider.hooks.credentials import AUTH_NAMES
from x_provider.hooks.finding import known_accounts
from x_provider.hooks.problems import login_step
from x_provider.hooks.standing import Standing, look
from x_provider.hooks.x import XHook
from x_provider.ledger import Ledger, StoredTokens
from x_provider.publishing import utc_now

_NOT_TAKEN = "Correct the connection, or log the account in again: page X > Accounts, or `airflow x login {}`"


names = known_accounts


def account(
    conn_id: str, ledger: Ledger, *, ask_x_at: Collection[str] | None, ledger_conn_id: str = "x_ledger"
) -> Iterator[Check]:
    """One account: whether its connection adds up, and whether it can go on without a person.

    :param ask_x_at: the addresses at which X answers, to read the account's user there, which costs $0.010; None
        where it is not to be asked.
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    """
    name = f"account {conn_id}"
    standing = look(conn_id, ledger)
    who, kind = standing.account, standing.auth
    if who is None or kind is None:
        yield Check(name, "skipped" if standing.is_over else "failed", standing.why, standing.next_step)
        return
    username = who.username or _known_as(standing, who, ledger)
    words = f"{f'@{username}' if username else _nameless(standing)} by {AUTH_NAMES[kind]}, at"
    words += f" {who.base_url} ({'X itself' if who.is_on_x else 'not X itself: a sandbox or a proxy'})"
    if standing.state == "app_only":
        yield Check(name, "warning", f"{words}; it cannot post", standing.next_step)
    elif ask_x_at is not None and who.base_url not in ask_x_at:
        yield Check(name, "ok", f"{words}; X was not asked, since it does not answer")
    elif ask_x_at is not None and (standing.can_post or standing.refused_since is not None):
        good, said = XHook(conn_id, ledger_conn_id).test_connection()
        yield Check(name, "ok" if good else "failed", said, "" if good else _NOT_TAKEN.format(conn_id))
        if good and standing.refused_since is not None:
            ledger.refusals.forget(conn_id)
            standing = look(conn_id, ledger)
    else:
        yield Check(name, "ok", words)
    yield from _login(standing)


def _known_as(standing: Standing, who: Account, ledger: Ledger) -> str | None:
    """The @name that the page Accounts shows: of its login, else as the ledger met it."""
    met = (
        standing.login.user if standing.login is not None else ledger.accounts.find(who.conn_id, who.base_url)
    )
    return met.username if met is not None and standing.state != "needs_login" else None


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
