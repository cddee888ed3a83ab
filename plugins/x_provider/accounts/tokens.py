"""Tokens that are always good: refreshed before they end and when X refuses them, by one process of many."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from pendulum import DateTime, Duration, duration

from x_provider.client import XError, XNeedsLogin, XPermission, XUnreachable
from x_provider.client.oauth2 import SCOPES, OAuth2App, Tokens
from x_provider.ledger import Ledger, LedgerError
from x_provider.ledger.sealing import Sealer
from x_provider.ledger.tokens import StoredTokens, TokenState, UserOnX

AHEAD = duration(minutes=5)
"""A token with less left is refreshed by whoever uses it."""
CLAIM_SECONDS = 90
"""How long one refresh may take: longer than its time-outs together."""
LONGEST_PAUSE_SECONDS = 600

_FIRST_LOOK_SECONDS, _LAST_LOOK_SECONDS = 0.05, 0.5
_SAVE_PAUSES = (0.1, 0.3, 1.0, 3.0, 10.0)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seed:
    """Tokens that somebody wrote into the Airflow connection by hand.

    :param access: may be long gone: nobody knows when it was made.
    """

    refresh: str = field(repr=False)
    access: str | None = field(default=None, repr=False)


def fingerprint(refresh_token: str) -> str:
    """Tells one refresh token from another, and is no secret: what it was made from cannot be guessed."""
    return hashlib.sha256(refresh_token.encode()).hexdigest()[:32]


class TokenKeeper:
    """The access token of one account, for any number of threads and processes.

    What it holds of the ledger it keeps in memory until it ends. Who refreshes is settled in the ledger
    (:class:`~x_provider.ledger.tokens.TokenShelf`), so that a refresh token is sent to X once.

    :param app: the developer app that the account has let in.
    :param account: the Airflow connection.
    :param seed: what the connection holds; used where the ledger has nothing newer.
    """

    def __init__(
        self,
        ledger: Ledger,
        sealer: Sealer,
        app: OAuth2App,
        *,
        account: str,
        clock: Callable[[], DateTime],
        seed: Seed | None = None,
    ) -> None:
        self._ledger = ledger
        self._sealer = sealer
        self._app = app
        self._account = account
        self._clock = clock
        self._seed = seed
        self._me = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._lock = threading.Lock()
        self._held: tuple[StoredTokens, Tokens] | None = None

    def access(self) -> str:
        """An access token that X takes.

        :raises XNeedsLogin: when a person has to log the account in.
        :raises XUnreachable: when it has ended and X gives no other at the moment; nothing was sent.
        :raises XPermission: when X does not know the app.
        :raises LedgerError: when the ledger cannot be used.
        """
        return self._good(rejected=None, left=AHEAD).access

    def identity(self) -> str:
        """What stays the same while tokens change: the user on X, or the login where X has not said who it is."""
        self._good(rejected=None, left=duration())
        with self._lock:
            assert self._held is not None  # noqa: S101
            stored = self._held[0]
        return stored.user.user_id or f"{self._account} since {stored.logged_in_at.isoformat()}"

    def renew(self, rejected: str) -> bool:
        """Whether there is another token by now than the one that X did not accept.

        X says 401 to good tokens now and then. Where it does not refresh either, that is an outage, and the call's
        own refusal says enough.
        """
        try:
            self._good(rejected=rejected, left=AHEAD)
        except XUnreachable as error:
            _log.warning("account %s: %s", self._account, error)
            return False
        return True

    def refresh_ahead(self, left: Duration) -> bool:
        """Refresh unless the token has so much time left; whether it was refreshed, by whomever.

        :raises XError: as :meth:`access`, and also where the present token would do for a while.
        """
        before = self._read()
        if before.expires_at > self._clock() + left:
            return False
        self._good(rejected=None, left=left)
        after = self._read()
        if after.version == before.version:
            self._refuse(after)
        return True

    def _good(self, *, rejected: str | None, left: Duration) -> Tokens:
        with self._lock:
            if self._held is not None and self._serves(*self._held, rejected, left):
                return self._held[1]
            pause = _FIRST_LOOK_SECONDS
            while True:
                stored, tokens = self._look()
                if self._serves(stored, tokens, rejected, left):
                    return tokens
                if self._is_left_alone(stored):
                    if self._serves(stored, tokens, rejected, duration()):
                        return tokens
                    self._refuse(stored)
                if stored.refreshing_by is not None:
                    self._outlive(stored)
                    if self._serves(stored, tokens, rejected, duration()):
                        return tokens
                    time.sleep(pause)
                    pause = min(pause * 2, _LAST_LOOK_SECONDS)
                elif self._claim(stored):
                    self._refresh(stored, tokens, may_wait=self._serves(stored, tokens, rejected, duration()))

    def _serves(self, stored: StoredTokens, tokens: Tokens, rejected: str | None, left: Duration) -> bool:
        return bool(tokens.access) and tokens.access != rejected and stored.expires_at > self._clock() + left

    def _is_left_alone(self, stored: StoredTokens) -> bool:
        """Whether nobody is to refresh it now, be it for good or until X answers again."""
        if stored.state is TokenState.NEEDS_LOGIN:
            return True
        return (
            stored.refreshing_by is None and stored.retry_at is not None and stored.retry_at > self._clock()
        )

    def _refuse(self, stored: StoredTokens) -> NoReturn:
        if stored.state is TokenState.NEEDS_LOGIN:
            raise needs_login(self._account, stored.why or "X does not take its tokens any more")
        raise XUnreachable(
            family="oauth2_token",
            detail=stored.why or "X gave no new token",
            next_step=f"It is tried again at {stored.retry_at}.",
        )

    def _look(self) -> tuple[StoredTokens, Tokens]:
        stored = self._read()
        opened = self._sealer.open(stored.sealed, what=f"the tokens of account {self._account}")
        tokens = Tokens(opened.get("access", ""), opened.get("refresh"), stored.scopes)
        self._held = stored, tokens
        return stored, tokens

    def _read(self) -> StoredTokens:
        stored = self._ledger.tokens.find(self._account)
        if self._seed is not None and (stored is None or stored.seed != fingerprint(self._seed.refresh)):
            self._plant(self._seed, is_first=stored is None)
            stored = self._ledger.tokens.find(self._account)
        if stored is None:
            raise needs_login(self._account, "nobody has logged it in yet")
        return stored

    def _plant(self, seed: Seed, *, is_first: bool) -> None:
        # How old an access token from a connection is, nobody knows: it counts as ended, and is not used.
        now = self._clock()
        login = {
            "base_url": self._app.base_url,
            "client_id": self._app.client_id,
            "user": UserOnX(),
            "scopes": tuple(SCOPES),
            "sealed": self._sealer.seal({"access": seed.access or "", "refresh": seed.refresh}),
            "expires_at": now,
            "logged_in_by": "the connection",
            "seed": fingerprint(seed.refresh),
        }
        self._ledger.tokens.put(self._account, login=login, now=now, only_new=is_first)

    def _outlive(self, stored: StoredTokens) -> None:
        """Write off a refresh whose process is dead: X may have spent the token, so nobody sends it again."""
        until = stored.refreshing_until
        if until is not None and until <= self._clock():
            why = (
                f"a refresh of its tokens broke off ({stored.refreshing_by}, before {until.to_iso8601_string()}), and"
                " X may have spent the refresh token"
            )
            self._ledger.tokens.lose(stored, why=why)

    def _claim(self, stored: StoredTokens) -> bool:
        now = self._clock()
        return self._ledger.tokens.claim(stored, by=self._me, until=now.add(seconds=CLAIM_SECONDS), now=now)

    def _refresh(self, stored: StoredTokens, tokens: Tokens, *, may_wait: bool) -> None:
        """Send the refresh token, once; what becomes of it is in the ledger afterwards.

        :param may_wait: the present token serves a while longer, so that a failure is no news yet.
        """
        if tokens.refresh is None:
            why = "its login did not ask for the scope offline.access, so that it ends after two hours"
            self._ledger.tokens.lose(stored, why=why, by=self._me)
            return
        try:
            new = self._app.refresh(tokens.refresh, scopes=stored.scopes)
        except XNeedsLogin as error:
            why = f"X does not take its refresh token any more ({error.detail or error.title})"
            self._ledger.tokens.lose(stored, why=why, by=self._me)
        except XError as error:
            self._give_back(stored, error)
            if not may_wait and isinstance(error, XPermission):
                raise
        else:
            self._save(stored, new, spent=tokens.refresh)

    def _give_back(self, stored: StoredTokens, error: XError) -> None:
        pause = min(2**stored.failures, LONGEST_PAUSE_SECONDS)
        self._ledger.tokens.release(
            stored, by=self._me, retry_at=self._clock().add(seconds=pause), why=str(error)
        )

    def _save(self, stored: StoredTokens, new: Tokens, *, spent: str) -> None:
        sealed = self._sealer.seal({"access": new.access, "refresh": new.refresh or spent})
        now = self._clock()
        for pause in (*_SAVE_PAUSES, None):
            try:
                self._ledger.tokens.renewed(
                    stored,
                    by=self._me,
                    sealed=sealed,
                    scopes=new.scopes or stored.scopes,
                    expires_at=now.add(seconds=new.expires_in),
                    now=now,
                )
            except LedgerError:
                if pause is None:
                    raise
                time.sleep(pause)  # they exist nowhere else: it is worth some patience
            else:
                return


def needs_login(account: str, why: str) -> XNeedsLogin:
    """The error that stops an account until a person has logged it in."""
    return XNeedsLogin(
        family="oauth2_token",
        detail=f"account {account}: {why.rstrip('.')}",
        next_step=f"Log it in: page X > Accounts in Airflow, or `airflow x login {account}`.",
    )
