"""Tokens that are always good: refreshed before they end and when X refuses them, by one process of many."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NoReturn

from pendulum import DateTime, Duration, duration, now

from x_provider.accounts.refreshing import NOT_REFRESHED, Refresher, again, needs_login, outage
from x_provider.client import XNeedsLogin
from x_provider.client.oauth2 import SCOPES, OAuth2App, Tokens
from x_provider.ledger import Ledger, LedgerError
from x_provider.ledger.sealing import Sealer
from x_provider.ledger.tokens import StoredTokens, TokenState, UserOnX

AHEAD = duration(minutes=5)
"""A token with less left is refreshed by whoever uses it."""
YOUNG_SECONDS = 60
"""A token that X refuses so soon after giving it is not what is wrong."""
NOBODY = "nobody has logged it in yet"
"""Why an account without tokens needs a login."""
LOGGED_OUT = "it was logged out"
"""Why one needs a login that had one."""
LOOK_SECONDS = 20.0
"""After it the ledger is read again: another user may have logged in meanwhile."""

_FIRST_LOOK_SECONDS, _LAST_LOOK_SECONDS = 0.05, 0.5
_NO_TIME = duration()

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seed:
    """Tokens that somebody wrote into the Airflow connection by hand.

    :param access: may be long gone: nobody knows when it was made.
    :param read_at: when they were read there: a login or a logout since stands.
    """

    refresh: str = field(repr=False)
    access: str | None = field(default=None, repr=False)
    read_at: DateTime = field(default_factory=lambda: now("UTC"), compare=False)


@dataclass(frozen=True)
class _Pair:
    """The account's tokens, opened.

    :param looked_at: when they were read, by the process's own clock.
    """

    stored: StoredTokens
    tokens: Tokens
    looked_at: float


def fingerprint(refresh_token: str) -> str:
    """Tells one refresh token from another, and is no secret: what it was made from cannot be guessed."""
    return hashlib.sha256(refresh_token.encode()).hexdigest()[:32]


def nobody(ledger: Ledger, account: str, seed: Seed | None = None) -> str:
    """Why an account without tokens needs a login.

    :param seed: what its connection holds.
    """
    holder = ledger.tokens.taken_up_by(fingerprint(seed.refresh)) if seed is not None else None
    if holder not in (None, account):
        return f"the refresh token in its connection is that of account {holder}, and serves one account"
    return LOGGED_OUT if ledger.logouts.last(account) is not None else NOBODY


def misfit(stored: StoredTokens, *, base_url: str, client_id: str) -> str | None:
    """Why a login does not serve a connection, in words; None where it does.

    Tokens are for the X and the app that gave them, and are sent to no other.

    :param base_url: what the connection says by now.
    :param client_id: the same.
    """
    if stored.base_url != base_url:
        return f"its login is one at {stored.base_url}, and its connection says {base_url} by now"
    if stored.client_id != client_id:
        return "its login is one of another app than that of its connection's client_id"
    return None


class TokenKeeper:
    """The access token of one account, for any number of threads and processes.

    What it holds of the ledger it keeps in memory for some seconds. Who refreshes is settled in the ledger
    (:class:`~x_provider.ledger.tokens.TokenShelf`), so that a refresh token is sent to X once.

    :param app: the developer app that the account has let in.
    :param account: the Airflow connection.
    :param seed: what the connection holds; used once, and not where the ledger has taken it up before, nor after a
        logout since.
    :param refreshes: False to use what there is and never spend a refresh token.
    :param on_new: told each pair of tokens when it is first seen, so that they can be masked.
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
        on_new: Callable[[Tokens], None] = lambda _tokens: None,
        refreshes: bool = True,
    ) -> None:
        self._ledger = ledger
        self._sealer = sealer
        self._app = app
        self._account = account
        self._clock = clock
        self._seed = seed
        self._on_new = on_new
        self._refreshes = refreshes
        self._refresher = Refresher(ledger, sealer, app, clock=clock)
        self._lock = threading.Lock()
        self._held: _Pair | None = None
        self._dead: str | None = None

    def __repr__(self) -> str:
        return f"TokenKeeper({self._account!r})"

    def read_again(self, at: DateTime) -> None:
        """The connection was read again, and holds the same."""
        if self._seed is not None:
            self._seed = replace(self._seed, read_at=at)

    def access(self) -> str:
        """An access token that X takes.

        :raises XNeedsLogin: when a person has to log the account in.
        :raises XUnreachable: when it has ended and X gives no other at the moment; nothing was sent.
        :raises XPermission: when X does not know the app.
        :raises LedgerError: when the ledger cannot be used.
        """
        return self._good(rejected=None, left=AHEAD).tokens.access

    def identity(self) -> str:
        """What stays the same while tokens change: the user on X, or the login where X has not said who it is.

        Errors as of :meth:`access`.
        """
        stored = self._good(rejected=None, left=_NO_TIME).stored
        return stored.user.user_id or f"{self._account} since {stored.logged_in_at.isoformat()}"

    def renew(self, rejected: str) -> bool:
        """Whether there is another token by now than the one that X did not accept.

        X says 401 to good tokens now and then.

        :raises XUnreachable: when X does not refresh either, or has given that token just now: an outage.
        :raises XError: as :meth:`access`.
        """
        try:
            self._good(rejected=rejected, left=AHEAD)
        except XNeedsLogin:
            self._dead = rejected  # it has time left, but X is not to be asked with it again and again
            raise
        return True

    def has_ended(self) -> bool:
        """Whether the present token has ended and the next use refreshes it; nothing is refreshed now.

        :raises XNeedsLogin: when no refresh would help.
        :raises XUnreachable: when X gave no new one when it was last asked.
        :raises LedgerError: when the ledger cannot be used.
        """
        stored = self._read()
        if stored.expires_at > self._clock():
            return False
        if stored.state is TokenState.NEEDS_LOGIN or stored.failures:
            self._refuse(stored)
        if self._open(stored).refresh is None:
            raise needs_login(self._account, NOT_REFRESHED)
        return True

    def expires_at(self) -> DateTime:
        """When the present token ends; it is refreshed before. Errors as of :meth:`access`."""
        return self._good(rejected=None, left=_NO_TIME).stored.expires_at

    def scopes(self) -> tuple[str, ...]:
        """What the user has let the app do. Errors as of :meth:`access`."""
        return self._good(rejected=None, left=_NO_TIME).stored.scopes

    def refresh_ahead(self, left: Duration) -> bool:
        """Refresh unless the token has so much time left; whether there is another one by now.

        :raises XError: as :meth:`access`, and also where the present token would do for a while.
        """
        before = self._read()
        if before.expires_at > self._clock() + left:
            return False
        self._good(rejected=None, left=left)
        after = self._read()
        if after.version == before.version and after.refreshing_until is None:
            self._refuse(after)
        return after.version != before.version

    def _good(self, *, rejected: str | None, left: Duration) -> _Pair:
        if not self._lock.acquire(blocking=False):
            # Another thread looks, or refreshes: with time left, nobody has to wait for X.
            held = self._held
            if held is not None and self._serves(held, rejected, _NO_TIME) and _is_fresh(held):
                return held
            self._lock.acquire()
        try:
            held = self._held
            if held is not None and self._serves(held, rejected, left) and _is_fresh(held):
                return held
            return self._settle(rejected, left)
        finally:
            self._lock.release()

    def _settle(self, rejected: str | None, left: Duration) -> _Pair:
        """Look, refresh or wait for who refreshes, until there is a token that serves or a reason why not."""
        pause = _FIRST_LOOK_SECONDS
        self._refresher.finish()
        while True:
            pair = self._look(rejected)
            stored = pair.stored
            if self._serves(pair, rejected, left):
                return pair
            may_wait = self._serves(pair, rejected, _NO_TIME)
            if self._is_left_alone(stored):
                if may_wait:
                    return pair
                self._refuse(stored)
            if pair.tokens.access == rejected and self._is_young(stored):
                raise outage("X refuses a token that it has given just now", "It is tried again.")
            if stored.refreshing_by is not None:
                self._refresher.write_off(stored)
                if may_wait:
                    return pair
                time.sleep(pause)
                pause = min(pause * 2, _LAST_LOOK_SECONDS)
            elif self._refresher.claim(stored) and not self._refresher.refresh(
                stored, pair.tokens, may_wait=may_wait
            ):
                return pair

    def _serves(self, pair: _Pair, rejected: str | None, left: Duration) -> bool:
        access = pair.tokens.access
        return (
            bool(access)
            and access not in (rejected, self._dead)
            and pair.stored.expires_at > self._clock() + left
        )

    def _is_left_alone(self, stored: StoredTokens) -> bool:
        """Whether nobody is to refresh it now, be it for good or until X answers again."""
        if stored.state is TokenState.NEEDS_LOGIN or not self._refreshes:
            return True
        return (
            stored.refreshing_by is None and stored.retry_at is not None and stored.retry_at > self._clock()
        )

    def _is_young(self, stored: StoredTokens) -> bool:
        return self._clock() < stored.obtained_at.add(seconds=YOUNG_SECONDS)

    def _refuse(self, stored: StoredTokens) -> NoReturn:
        if stored.state is TokenState.NEEDS_LOGIN:
            raise needs_login(self._account, stored.why or "X does not take its tokens any more")
        raise outage(stored.why or "X gave no new token", again(stored.retry_at))

    def _look(self, rejected: str | None) -> _Pair:
        held = self._held
        try:
            stored = self._read()
            is_new = held is None or (held.stored.version, held.stored.sealed) != (
                stored.version,
                stored.sealed,
            )
            tokens = self._open(stored) if is_new or held is None else held.tokens
        except LedgerError as error:
            # A post must not be late for what is in memory.
            if held is None or not self._serves(held, rejected, _NO_TIME):
                raise
            _log.warning("account %s goes on with the token in memory: %s", self._account, error)
            return held
        except XNeedsLogin:
            self._held = None  # what is over must not come back where the ledger is away
            raise
        self._held = _Pair(stored, tokens, time.monotonic())
        if is_new:
            self._on_new(tokens)
        return self._held

    def _open(self, stored: StoredTokens) -> Tokens:
        opened = self._sealer.open(stored.sealed, what=f"the tokens of account {self._account}")
        return Tokens(opened.get("access", ""), opened.get("refresh"), stored.scopes)

    def _read(self) -> StoredTokens:
        stored = self._ledger.tokens.find(self._account)
        if (seed := self._seed) is not None:
            stored = self._taken_up(seed, stored)
        if stored is None:
            raise needs_login(self._account, nobody(self._ledger, self._account, seed))
        if why := misfit(stored, base_url=self._app.base_url, client_id=self._app.client_id):
            raise needs_login(self._account, why)
        return stored

    def _taken_up(self, seed: Seed, stored: StoredTokens | None) -> StoredTokens | None:
        """What is stored once the seed was taken up, if it is to be: it is good for one use, in one account."""
        mark = fingerprint(seed.refresh)
        if stored is None or mark not in stored.seeds:
            if stored is not None and stored.logged_in_at > seed.read_at:
                return stored
            # How old an access token from a connection is, nobody knows: it counts as ended, and is not used.
            at = self._clock()
            login = {
                "base_url": self._app.base_url,
                "client_id": self._app.client_id,
                "user": UserOnX(),
                "scopes": tuple(SCOPES),
                "sealed": self._sealer.seal({"access": seed.access or "", "refresh": seed.refresh}),
                "expires_at": at,
                "logged_in_by": "the connection",
                "seed": mark,
            }
            if not self._ledger.tokens.plant(self._account, login=login, read_at=seed.read_at, now=at):
                return self._ledger.tokens.find(self._account)
            stored = self._ledger.tokens.find(self._account)
        self._seed = None
        return stored


def _is_fresh(pair: _Pair) -> bool:
    return time.monotonic() - pair.looked_at < LOOK_SECONDS
