"""The notice that an account has to be logged in."""

from __future__ import annotations

from airflow.sdk import Context

from x_provider.hooks.standing import look
from x_provider.ledger import Ledger, StoredTokens, TokenState
from x_provider.notifications.addresses import page_of_accounts
from x_provider.notifications.chat import ChatNotifier, send_notice
from x_provider.publishing import utc_now


class XLoginNeededNotifier(ChatNotifier):
    """Tell people that accounts have to be logged in on X: which, why, since when nothing goes out, and where.

    It looks at every account whose connection uses a login in the ledger, whoever found out; each need is told once,
    and again when it is another. The notice goes to the task's log, and as a message to the chat whose incoming
    webhook the connection holds. It never fails the task.

    :param notices_conn_id: the Airflow connection (type ``http``) with the webhook's address as its password.
    :param ledger_conn_id: the Airflow connection of the ledger's database; the task's own when left out.
    """

    about = "a needed login"

    def _tell(self, context: Context, ledger: Ledger) -> None:  # noqa: ARG002
        for tokens in ledger.tokens.all():
            why = _why(tokens, ledger)
            if why is not None and ledger.tokens.say(tokens.account, why):
                self._send(tokens, why, ledger)

    def _send(self, tokens: StoredTokens, why: str, ledger: Ledger) -> None:
        if not send_notice(_words(tokens, why), self.notices_conn_id, self.log):
            ledger.tokens.unsay(tokens.account)


def _why(tokens: StoredTokens, ledger: Ledger) -> str | None:
    """Why the account needs a login; None where a login is not what it needs."""
    standing = look(tokens.account, ledger)
    if standing.state == "needs_login":
        return standing.why
    if standing.state == "broken" and tokens.state is TokenState.NEEDS_LOGIN:  # or it could not be looked up
        return tokens.why or ""
    return None


def _words(tokens: StoredTokens, why: str) -> str:
    who = f"{tokens.account} (@\u200b{tokens.user.username})" if tokens.user.username else tokens.account
    ends = tokens.expires_at.to_datetime_string()
    if tokens.state is not TokenState.NEEDS_LOGIN and tokens.expires_at > utc_now():
        # Its token is for another X or app, or may not post.
        rest = "Its posts stop where they stand, and go on after the login."
    elif tokens.expires_at > utc_now():
        rest = f"Its last token serves until {ends} UTC; then its posts stop."
    else:
        rest = (
            f"Its last token ended at {ends} UTC: its posts stop where they stand, and go on after the login."
        )
    return (
        f"X: account {who} needs login.\n"
        f"Why: {why}.\n"
        f"{rest}\n"
        f"Log it in: {page_of_accounts()}\n"
        f"or in a terminal:\n  airflow x login {tokens.account}"
    )
