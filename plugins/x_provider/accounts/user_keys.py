"""The keys of an OAuth 1.0a login: sealed in the ledger, opened for whoever acts as the account."""

from __future__ import annotations

import time

from pendulum import DateTime

from x_provider.accounts.refreshing import needs_login
from x_provider.accounts.tokens import LOGGED_OUT, LOOK_SECONDS
from x_provider.client.oauth1_login import OAuth1App, UserKeys
from x_provider.ledger import Ledger, LedgerError, StoredKeys, StoredTokens, UserOnX
from x_provider.ledger.sealing import Sealer


def keep_keys(
    ledger: Ledger,
    sealer: Sealer,
    app: OAuth1App,
    keys: UserKeys,
    *,
    account: str,
    user: UserOnX,
    logged_in_by: str,
    now: DateTime,
) -> StoredTokens | None:
    """Keep the keys of a login in place of whatever the account had in the ledger.

    :returns: the tokens of an OAuth 2.0 login that they replace.
    """
    pair = {"access_token": keys.access_token, "access_token_secret": keys.access_token_secret}
    auth = app.acting_as(keys)
    replaced = ledger.user_keys.put(
        StoredKeys(
            account=account,
            base_url=app.base_url,
            app=app.fingerprint(),
            user=user,
            credentials=auth.fingerprint(),
            sealed=sealer.seal(pair),
            logged_in_at=now,
            logged_in_by=logged_in_by,
        )
    )
    # X may give the very keys again that it was thought to refuse.
    ledger.refusals.forget(account, credentials=auth.digest())
    return replaced


def opened(sealer: Sealer, stored: StoredKeys) -> tuple[str, str]:
    """The account's access token and secret.

    :raises LedgerError: when no key opens them.
    """
    pair = sealer.open(stored.sealed, what=f"the keys of account {stored.account}")
    return pair["access_token"], pair["access_token_secret"]


def misfit_of_keys(stored: StoredKeys, app: OAuth1App) -> str | None:
    """Why a login by keys does not serve a connection, in words; None where it does.

    :param app: that of the connection.
    """
    if stored.base_url != app.base_url:
        return f"its login is one at {stored.base_url}, and its connection says {app.base_url} by now"
    if stored.app != app.fingerprint():
        return "its login is one of another app than that of its connection's API key"
    return None


class StandingLogin:
    """Whether a login by keys is still the account's; the ledger is read for that now and then."""

    def __init__(self, ledger: Ledger, stored: StoredKeys) -> None:
        self._ledger = ledger
        self._stored = stored
        self._looked_at = time.monotonic()

    def __call__(self) -> None:
        """Do nothing where it is, or the ledger is away: a post must not be late for that.

        :raises XNeedsLogin: when somebody has logged the account out, or in by others.
        """
        if time.monotonic() - self._looked_at < LOOK_SECONDS:
            return
        try:
            found = self._ledger.user_keys.find(self._stored.account)
        except LedgerError:
            return
        if found is None:
            raise needs_login(self._stored.account, LOGGED_OUT)
        if found.credentials != self._stored.credentials:
            raise needs_login(
                self._stored.account, "it was logged in anew, which takes effect within minutes"
            )
        self._looked_at = time.monotonic()
