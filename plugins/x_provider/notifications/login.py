"""The notice that an account has to be logged in."""

from __future__ import annotations

from airflow.sdk import Context

from x_provider.hooks.standing import Standing, look
from x_provider.ledger import Ledger, Refusals, StoredTokens, TokenShelf, TokenState
from x_provider.notifications.addresses import page_of_accounts
from x_provider.notifications.chat import ChatNotifier, send_notice
from x_provider.publishing import utc_now

_STOPPED = "Its posts stop where they stand, and go on after the login."


class XLoginNeededNotifier(ChatNotifier):
    """Tell people that accounts have to be logged in on X: which, why, since when nothing goes out, and where.

    It looks at every account that has lost its OAuth 2.0 login, or whose keys or token X refused, whoever found out;
    each need is told once, and again when it is another. The notice goes to the task's log, and as a message to the
    chat whose incoming webhook the connection holds. It never fails the task.

    :param notices_conn_id: the Airflow connection (type ``http``) with the webhook's address as its password.
    :param ledger_conn_id: the Airflow connection of the ledger's database; the task's own when left out.
    """

    about = "a needed login"

    def _tell(self, context: Context, ledger: Ledger) -> None:  # noqa: ARG002
        logins = {tokens.account: tokens for tokens in ledger.tokens.all()}
        for account, tokens in logins.items():
            self._look_at(account, tokens, ledger, ledger.tokens)
        for refusal in ledger.refusals.all():
            if refusal.account not in logins:
                self._look_at(refusal.account, None, ledger, ledger.refusals)

    def _look_at(
        self, account: str, tokens: StoredTokens | None, ledger: Ledger, shelf: TokenShelf | Refusals
    ) -> None:
        """:param shelf: what remembers that it was told."""
        standing = look(account, ledger)
        why = _why(standing, tokens)
        if why is None or not shelf.say(account, why):
            return
        if not send_notice(_words(standing, tokens, why), self.notices_conn_id, self.log):
            shelf.unsay(account)


def _why(standing: Standing, tokens: StoredTokens | None) -> str | None:
    """Why the account needs a login; None where a login is not what it needs."""
    if standing.state == "needs_login":
        return standing.why
    is_lost = tokens is not None and tokens.state is TokenState.NEEDS_LOGIN
    if tokens is not None and standing.state == "broken" and is_lost:  # or it could not be looked up
        return tokens.why or ""
    return None


def _words(standing: Standing, tokens: StoredTokens | None, why: str) -> str:
    account = standing.conn_id
    username = tokens.user.username if tokens is not None else _named(standing)
    who = f"{account} (@\u200b{username})" if username else account
    return (
        f"X: account {who} needs login.\n"
        f"Why: {why}.\n"
        f"{_STOPPED if tokens is None else _what_stops(tokens)}\n"
        f"Log it in: {page_of_accounts()}\n"
        f"or in a terminal:\n  airflow x login {account}"
    )


def _named(standing: Standing) -> str | None:
    if standing.login is not None and standing.login.user.username:
        return standing.login.user.username
    return standing.account.username if standing.account is not None else None


def _what_stops(tokens: StoredTokens) -> str:
    ends = tokens.expires_at.to_datetime_string()
    if tokens.state is not TokenState.NEEDS_LOGIN and tokens.expires_at > utc_now():
        return _STOPPED  # its token is for another X or app, or may not post
    if tokens.expires_at > utc_now():
        return f"Its last token serves until {ends} UTC; then its posts stop."
    return f"Its last token ended at {ends} UTC: its posts stop where they stand, and go on after the login."
