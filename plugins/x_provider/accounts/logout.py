"""Logging accounts out: what acts as them ends here, and on X as far as X can be told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pendulum import DateTime

from x_provider.accounts.pending import CONNECTED_APPS, untold
from x_provider.accounts.tokens import fingerprint
from x_provider.accounts.user_keys import misfit_of_keys, opened
from x_provider.client import XError
from x_provider.client.oauth1_login import OAuth1App, UserKeys
from x_provider.client.oauth2 import OAuth2App
from x_provider.ledger import Ledger, LedgerError, StoredKeys, StoredTokens
from x_provider.ledger.sealing import Sealer


@dataclass(frozen=True)
class Held:
    """What an account's connection holds that acts as the account.

    :param keys: an OAuth 1.0a access token and its secret.
    """

    refresh_token: str | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)
    keys: tuple[str, str] | None = field(default=None, repr=False)

    def __bool__(self) -> bool:
        return any((self.refresh_token, self.access_token, self.keys))


def log_out(
    ledger: Ledger,
    sealer: Callable[[], Sealer],
    *,
    account: str,
    oauth2_app: Callable[[StoredTokens | None], OAuth2App | None] = lambda _tokens: None,
    oauth1_app: OAuth1App | None = None,
    held: Held = Held(),
    others: Callable[[], Mapping[tuple[str, ...], str]] = dict,
    now: DateTime,
) -> list[str]:
    """End the account's logins; what X did not do, each a sentence.

    :param oauth2_app: the app that its tokens are taken back by; None where nobody names one.
    :param oauth1_app: the app of its keys; None where the connection names none.
    :param held: what its connection held, which X forgets too.
    :param others: by which pairs of keys somebody acts besides those of the ledger, and who, in words: X gives an app
        and a user the same ones each time.
    """
    seed = fingerprint(held.refresh_token) if held.refresh_token else None
    ended = ledger.logouts.end(account, seed=seed, now=now)
    remarks = revoke_tokens(sealer, oauth2_app(ended.tokens), ended.tokens, held=held)
    return remarks + _revoke_keys(ledger, sealer, oauth1_app, ended.keys, held=held, others=others)


def revoke_tokens(
    sealer: Callable[[], Sealer], app: OAuth2App | None, stored: StoredTokens | None, *, held: Held = Held()
) -> list[str]:
    """Make X forget OAuth 2.0 tokens that were removed here; what X did not do, each a sentence.

    Tokens are sent to the X and by the app that gave them, and to no other, whatever the connection says by now.
    """
    tokens: dict[str, str | None] = {
        "connection's refresh token": held.refresh_token,
        "connection's access token": held.access_token,
    }
    if stored is None and not any(tokens.values()):
        return []
    if app is None:
        return [untold("the connection names no app that they could be of")]
    if stored is not None and (stored.base_url, stored.client_id) != (app.base_url, app.client_id):
        named = f"they are of app {stored.client_id} at {stored.base_url}, and the connection names another by now"
        return [untold(named)]
    if stored is not None:
        try:
            kept = sealer().open(stored.sealed, what=f"the tokens of account {stored.account}")
        except LedgerError as error:
            return [untold(str(error).rstrip("."))]
        tokens = {"refresh token": kept.get("refresh"), "access token": kept.get("access"), **tokens}
    return [
        f"They are removed here, but X did not forget the {which} ({why}): remove the app at {CONNECTED_APPS}."
        for which, why in zip(tokens, why_not_revoked(app, tokens.values()), strict=True)
        if why is not None
    ]


def why_not_revoked(app: OAuth2App, tokens: Iterable[str | None]) -> list[str | None]:
    """Why X did not revoke each of them; None where it did, or there was none."""
    failed: list[str | None] = []
    for token in tokens:
        try:
            if token:
                app.revoke(token)
            failed.append(None)
        except XError as error:
            failed.append(error.words)
    return failed


def _revoke_keys(
    ledger: Ledger,
    sealer: Callable[[], Sealer],
    app: OAuth1App | None,
    stored: StoredKeys | None,
    *,
    held: Held,
    others: Callable[[], Mapping[tuple[str, ...], str]],
) -> list[str]:
    if stored is None and held.keys is None:
        return []
    if app is None or (stored is not None and misfit_of_keys(stored, app) is not None):
        return [untold("they are of an app that the connection does not name")]
    try:
        kept = opened(sealer(), stored) if stored is not None else None
    except LedgerError as error:
        return [untold(str(error).rstrip("."))]
    pairs = dict.fromkeys(pair for pair in (kept, held.keys) if pair is not None)
    logins = {each.credentials: each.account for each in ledger.user_keys.all()}
    outside, remarks = others(), []
    for pair in pairs:
        other = logins.get(app.acting_as(UserKeys(*pair, "", "")).fingerprint()) or outside.get(pair)
        if other is not None:
            remarks.append(f"They are removed here. X was not told, for {other} acts by the same keys.")
        elif (why := _why_not_forgotten(app, *pair)) is not None:
            remarks.append(
                f"X did not forget the OAuth 1.0a keys ({why}): remove the app at {CONNECTED_APPS}."
            )
    return remarks


def _why_not_forgotten(app: OAuth1App, access_token: str, access_token_secret: str) -> str | None:
    try:
        app.revoke(access_token, access_token_secret)
    except XError as error:
        return error.words
    return None
