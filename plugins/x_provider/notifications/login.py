"""The notice that an account has to be logged in."""

from __future__ import annotations

from airflow.sdk import Context

from x_provider.hooks.standing import Standing, look
from x_provider.ledger import Ledger, StoredTokens, TokenState
from x_provider.notifications.addresses import page_of_accounts
from x_provider.notifications.chat import ChatNotifier, send_notice
from x_provider.publishing import utc_now

_STOPPED = "Its posts stop where they stand, and go on after the login."


class XLoginNeededNotifier(ChatNotifier):
    """Tell people that accounts have to be logged in on X: which, why, since when nothing goes out, and where.

    It looks at every account that has logged in or has posts to send, and at those whose keys or token X refused,
    whoever found out; each need is told once, and again when it is another. The notice goes to the task's log, and as
    a message to the chat whose incoming webhook the connection holds. It never fails the task.

    :param notices_conn_id: the Airflow connection (type ``http``) with the webhook's address as its password.
    :param ledger_conn_id: the Airflow connection of the ledger's database; the task's own when left out.
    """

    about = "a needed login"

    def _tell(self, context: Context, ledger: Ledger) -> None:  # noqa: ARG002
        known = {tokens.account for tokens in ledger.tokens.all()}
        known |= {keys.account for keys in ledger.user_keys.all()}
        known |= {refusal.account for refusal in ledger.refusals.all()}
        told = ledger.notices.told()
        for account in sorted({*known, *told, *ledger.accounts.awaited()}):
            standing, lost = look(account, ledger), _lost(account, ledger)
            if _is_needed(standing, lost, ledger):
                need, words = _need(standing, lost), _words(standing, lost)
                # Written down once it was told: rather twice than never.
                if told.get(account) != need and send_notice(words, self.notices_conn_id, self.log):
                    ledger.notices.say(account, need)
            elif not _is_unknown(standing):
                ledger.notices.forget(account)


def _lost(account: str, ledger: Ledger) -> StoredTokens | None:
    """The account's tokens if X does not take them any more; None where what X refused since are its keys."""
    tokens = ledger.tokens.find(account)
    is_lost = tokens is not None and tokens.state is TokenState.NEEDS_LOGIN
    return tokens if is_lost and ledger.refusals.find(account) is None else None


def _is_needed(standing: Standing, lost: StoredTokens | None, ledger: Ledger) -> bool:
    """Whether people are to know: something has ended that served. Nobody misses what was never there, or what
    somebody has logged out.
    """
    if standing.state == "broken":
        return lost is not None
    if standing.state != "needs_login":
        return False
    conn_id = standing.conn_id
    if standing.refused_since is not None or ledger.accounts.login(conn_id) is not None:
        return True
    return conn_id in ledger.accounts.names() and ledger.logouts.last(conn_id) is None


def _is_unknown(standing: Standing) -> bool:
    """Whether nobody can say if a need that was told is over: its connection could not be looked up, or is gone."""
    return standing.state == "broken" or (standing.state == "undefined" and not standing.is_over)


def _need(standing: Standing, lost: StoredTokens | None) -> str:
    """Which need it is, whatever words it has today and whether the connection can be looked up. A later one of the
    same kind is another need.
    """
    if lost is not None:
        return f"tokens lost (login of {lost.logged_in_at.isoformat()})"
    if standing.refused_since is not None:
        return f"refused since {standing.refused_since.isoformat()}"
    login = standing.login
    return f"{standing.why} (login of {login.logged_in_at.isoformat()})" if login else standing.why


def _words(standing: Standing, lost: StoredTokens | None) -> str:
    why = standing.why
    if standing.state == "broken" and lost is not None:  # or it could not be looked up
        why = lost.why or "X does not take its tokens any more"
    account, username = standing.conn_id, _named(standing)
    who = f"{account} (@\u200b{username})" if username else account
    tokens = standing.login if isinstance(standing.login, StoredTokens) else None
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
