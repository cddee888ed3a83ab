from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request

from x_sandbox.accounts import Account
from x_sandbox.problems import (
    Problem,
    forbidden,
    unauthorized,
    unsupported_authentication,
)
from x_sandbox.signing import parse_authorization
from x_sandbox.state import State

OAUTH1 = "OAuth 1.0a User Context"
OAUTH2 = "OAuth 2.0 User Context"
APP_ONLY = "OAuth 2.0 Application-Only"
OPEN = "none"
"""Operations that prove their caller themselves, in the body."""
USER_CONTEXTS = (OAUTH1, OAUTH2)
ANY = (OAUTH1, OAUTH2, APP_ONLY)


@dataclass(frozen=True)
class Caller:
    """Who makes a request, and how that was proven."""

    means: str
    account: Account | None = None
    scopes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The account's id and username, empty for the app itself."""
        return (self.account.id, self.account.username) if self.account else ()

    @property
    def access_level(self) -> str:
        """What `x-access-level` says."""
        if self.means == OAUTH1 and self.account:
            return self.account.access_level
        return "read-write" if "tweet.write" in self.scopes else "read"


def authenticate(state: State, request: Request, form: Sequence[tuple[str, str]] = ()) -> Caller:
    """Find out who makes a request.

    :param form: the parameters of an x-www-form-urlencoded body, which OAuth 1.0a signs.
    :raises Problem: 401; its note says what is wrong with the credentials.
    """
    header = request.headers.get("authorization", "")
    scheme, _, credential = header.partition(" ")
    if scheme.lower() == "oauth":
        return _signed(state, request, header, form)
    if scheme.lower() == "bearer":
        return _bearer(state, credential.strip())
    raise unauthorized("there is no OAuth or Bearer Authorization header")


async def form_of(request: Request) -> list[tuple[str, str]]:
    """Read the parameters of an x-www-form-urlencoded body; none of any other body."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return []
    return parse_qsl((await request.body()).decode("latin-1"), keep_blank_values=True)


def authorize(caller: Caller, *, means: Collection[str], scopes: Collection[str], writes: bool) -> None:
    """Check that a caller may use an operation at all.

    :raises Problem: 403.
    """
    if caller.means not in means:
        raise unsupported_authentication(caller.means, list(means))
    if caller.means == OAUTH2 and (missing := sorted(set(scopes) - set(caller.scopes))):
        raise Problem(403, "Forbidden", "Forbidden", note=f"the token lacks the scopes {', '.join(missing)}")
    if writes and caller.means == OAUTH1 and caller.access_level != "read-write":
        raise forbidden(
            "Your client app is not configured with the appropriate oauth1 app permissions "
            "for this endpoint.",
            "oauth1-permissions",
        )


def _signed(state: State, request: Request, header: str, form: Sequence[tuple[str, str]]) -> Caller:
    oauth = parse_authorization(header)
    if oauth.get("oauth_consumer_key") != state.app.api_key:
        raise unauthorized("oauth_consumer_key is not the app's API key")
    account = state.app.account_of_token(oauth.get("oauth_token", ""))
    if account is None or state.request_tokens.is_forgotten(account.access_token):
        raise unauthorized("oauth_token belongs to no account")
    query = request.scope["query_string"].decode("latin-1")
    raw_path = request.scope.get("raw_path") or request.url.path.encode()
    state.signatures.check(
        oauth,
        method=request.method,
        own_url=f"{request.url.scheme}://{request.headers.get('host', '').lower()}",
        path=raw_path.partition(b"?")[0].decode("latin-1"),
        parameters=[*parse_qsl(query, keep_blank_values=True), *form],
        api_secret=state.app.api_secret,
        token_secret=account.access_token_secret,
    )
    return Caller(OAUTH1, account)


def _bearer(state: State, credential: str) -> Caller:
    if credential == state.app.bearer_token:
        return Caller(APP_ONLY)
    standing = state.grants.access(credential)
    account = standing and state.app.account(standing.user_id)
    if not standing or not account:
        raise unauthorized("the bearer token is unknown, expired or revoked")
    return Caller(OAUTH2, account, standing.scopes)
