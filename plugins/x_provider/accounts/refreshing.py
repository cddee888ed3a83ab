"""One refresh: claimed in the ledger before it is sent, and written down whatever comes of it."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from pendulum import DateTime

from x_provider.client import XError, XNeedsLogin, XPermission, XUnreachable
from x_provider.client.oauth2 import OAuth2App, Tokens
from x_provider.ledger import Ledger, LedgerError
from x_provider.ledger.sealing import Sealer
from x_provider.ledger.tokens import StoredTokens

CLAIM_SECONDS = 90
"""How long one refresh may take: longer than its time-outs together."""
LONGEST_PAUSE_SECONDS = 600
NOT_REFRESHED = "its login did not ask for the scope offline.access, so that it ends after two hours"
"""Why a login without a refresh token is over once its access token is."""

_WRITE_PAUSES = (0.1, 0.3, 1.0, 3.0, 10.0)


class Refresher:
    """Refreshes an account's tokens, as one of many who would; parameters as of
    :class:`~x_provider.accounts.tokens.TokenKeeper`.
    """

    def __init__(
        self, ledger: Ledger, sealer: Sealer, app: OAuth2App, *, clock: Callable[[], DateTime]
    ) -> None:
        self._ledger = ledger
        self._sealer = sealer
        self._app = app
        self._clock = clock
        self._me = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._end: Callable[[], object] | None = None

    def claim(self, stored: StoredTokens) -> bool:
        """Become the one who refreshes this pair; whether that came about."""
        now = self._clock()
        try:
            return self._ledger.tokens.claim(
                stored, by=self._me, until=now.add(seconds=CLAIM_SECONDS), now=now
            )
        except LedgerError:
            # It may stand all the same: a commit whose answer is lost is one.
            why = "the ledger was away when the refresh was to begin"
            self._end = self._giving_back(stored, why, self._pause_after(stored))
            raise

    def finish(self) -> None:
        """Write down what came of the last refresh, if it could not be before."""
        if self._end is not None:
            with suppress(LedgerError):
                self._write(self._end, patiently=False)

    def write_off(self, stored: StoredTokens) -> None:
        """Write off a refresh whose process is dead: X may have spent the token, so nobody sends it again."""
        until = stored.refreshing_until
        if until is not None and until <= self._clock():
            why = (
                f"a refresh of its tokens broke off ({stored.refreshing_by}, before {until.to_iso8601_string()}), and"
                " X may have spent the refresh token"
            )
            self._ledger.tokens.write_off(stored, why=why)

    def refresh(self, stored: StoredTokens, tokens: Tokens, *, may_wait: bool) -> bool:
        """Send the refresh token, once; whether the ledger knows more afterwards.

        Who is stopped meanwhile, or killed, leaves the claim: X may have spent the token.

        :param may_wait: the present token serves a while longer, so that an outage is no news yet.
        """
        if tokens.refresh is None:
            self._lose(stored, NOT_REFRESHED)
            return True
        try:
            new = self._app.refresh(tokens.refresh, scopes=stored.scopes)
        except XNeedsLogin as error:
            self._lose(stored, f"X does not take its refresh token any more ({error.words})")
        except XError as error:
            retry_at = self._pause_after(stored)
            self._write(self._giving_back(stored, str(error), retry_at))
            if may_wait:
                return False
            if isinstance(error, XPermission):
                raise
            raise outage(str(error), again(retry_at)) from None
        else:
            self._write(self._saving(stored, new, spent=tokens.refresh))
        return True

    def _write(self, end: Callable[[], object], *, patiently: bool = True) -> None:
        """Write down how a refresh ended: it is known nowhere else. What the ledger does not take now it is told
        later.
        """
        self._end = end
        for pause in (*(_WRITE_PAUSES if patiently else ()), None):
            try:
                end()
            except LedgerError:
                if pause is None:
                    raise
                time.sleep(pause)
            else:
                self._end = None
                return

    def _lose(self, stored: StoredTokens, why: str) -> None:
        self._write(lambda: self._ledger.tokens.lose(stored, why=why, by=self._me))

    def _pause_after(self, stored: StoredTokens) -> DateTime:
        return self._clock().add(seconds=min(2**stored.failures, LONGEST_PAUSE_SECONDS))

    def _giving_back(self, stored: StoredTokens, why: str, retry_at: DateTime) -> Callable[[], object]:
        return lambda: self._ledger.tokens.release(stored, by=self._me, retry_at=retry_at, why=why)

    def _saving(self, stored: StoredTokens, new: Tokens, *, spent: str) -> Callable[[], object]:
        sealed = self._sealer.seal({"access": new.access, "refresh": new.refresh or spent})
        now = self._clock()

        def save() -> None:
            kept = self._ledger.tokens.renewed(
                stored,
                by=self._me,
                sealed=sealed,
                scopes=new.scopes or stored.scopes,
                expires_at=now.add(seconds=new.expires_in),
                now=now,
            )
            if not kept and not self._is_saved(stored):
                self._revoke(new)  # the account was logged out, or in anew: nobody will use these

        return save

    def _is_saved(self, stored: StoredTokens) -> bool:
        """Whether it was committed before, and only the answer was lost."""
        found = self._ledger.tokens.find(stored.account)
        return (
            found is not None and found.logged_in_at == stored.logged_in_at and found.version > stored.version
        )

    def _revoke(self, new: Tokens) -> None:
        for token in (new.refresh, new.access):
            with suppress(XError):
                if token:
                    self._app.revoke(token)


def needs_login(account: str, why: str) -> XNeedsLogin:
    """The error that stops an account until a person has logged it in."""
    return XNeedsLogin(
        family="oauth2_token",
        detail=f"account {account}: {why.rstrip('.')}",
        next_step=f"Log it in: page X > Accounts in Airflow, or `airflow x login {account}`.",
    )


def outage(why: str, next_step: str) -> XUnreachable:
    """The error for a token that cannot be had at the moment."""
    return XUnreachable(family="oauth2_token", detail=why, next_step=next_step)


def again(at: DateTime | None) -> str:
    """What is said of the next try."""
    return f"It is tried again{f' at {at.to_iso8601_string()}' if at is not None else ''}."
