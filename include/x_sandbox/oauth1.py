"""The three-legged login of OAuth 1.0a: request tokens between their making and their end."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from x_sandbox.accounts import token
from x_sandbox.clock import Clock
from x_sandbox.journal import Event

REQUEST_SECONDS = 600
PIN = "oob"


@dataclass(frozen=True)
class RequestToken:
    """One login under way.

    :param callback: where the user goes back to, or ``oob``: then the verifier is a PIN that the user types in.
    :param account_id: who has consented.
    :param verifier: proves to the app that the user came back.
    """

    token: str
    secret: str = field(repr=False)
    callback: str
    issued_at: float
    account_id: str | None = None
    verifier: str | None = field(default=None, repr=False)


class RequestTokens:
    """Logins under way; each is good for one consent and one exchange, within ten minutes.

    An account's keys stay the same; X would make others after it has forgotten them.
    """

    def __init__(self, clock: Clock, commit: Callable[[Event], None]) -> None:
        self._clock = clock
        self._commit = commit
        self.issued: list[str] = []
        """As of :class:`x_sandbox.oauth2.Grants`."""
        self.clear()

    def clear(self) -> None:
        self._known: dict[str, RequestToken] = {}
        self._forgotten: set[str] = set()

    def apply(self, event: Event) -> None:
        """Bring one event of the journal about."""
        if event["forgotten"]:
            self._forgotten.add(event["token"])
        else:
            self._forgotten.discard(event["token"])

    def is_forgotten(self, access_token: str) -> bool:
        return access_token in self._forgotten

    def forget(self, access_token: str) -> None:
        """Take the app's access to an account away, until the next login."""
        self._commit({"what": "oauth1", "token": access_token, "forgotten": True})

    def make(self, callback: str) -> RequestToken:
        made = RequestToken(token(27), token(32), callback, self._clock.now())
        self._known[made.token] = made
        self.issued.append(made.secret)
        return made

    def find(self, request_token: str) -> RequestToken | None:
        """Return a living one."""
        found = self._known.get(request_token)
        return found if found and self._clock.now() <= found.issued_at + REQUEST_SECONDS else None

    def consent(self, login: RequestToken, account_id: str) -> RequestToken:
        """Note who has consented, and make the verifier."""
        verifier = f"{secrets.randbelow(9_000_000) + 1_000_000}" if login.callback == PIN else token(32)
        consented = replace(login, account_id=account_id, verifier=verifier)
        self._known[login.token] = consented
        return consented

    def end(self, login: RequestToken, access_token: str | None = None) -> None:
        """Forget a login.

        :param access_token: what it ended with.
        """
        self._known.pop(login.token, None)
        if access_token in self._forgotten:
            self._commit({"what": "oauth1", "token": access_token, "forgotten": False})
