"""What the button *Test* says: who an X connection is, what it may do, until when, and by whose clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from x_provider.hooks.account import Account
from x_provider.hooks.credentials import AUTH_NAMES

if TYPE_CHECKING:
    from x_provider.accounts import TokenKeeper
    from x_provider.client import User, XClient

MOST_SKEW_SECONDS = 60
"""Posts go out by this machine's clock, and X refuses OAuth 1.0a signatures whose time is some minutes off."""

_POSTING = "tweet.write"
_COST = "This test read one user ($0.010)."
_FOR_NOTHING = "Cost: nothing."


def place_of(account: Account) -> str:
    """Where the account's API is, in words."""
    return f"{account.base_url} ({'X itself' if account.is_on_x else 'not X itself: a sandbox or a proxy'})"


def of_app(account: Account) -> tuple[bool, str]:
    """What is said of an app-only token, which names nobody."""
    return True, (
        f"The {AUTH_NAMES['bearer']} is well-formed; it was not sent, for X has no owner to name. "
        f"It reads public posts and cannot post. API: {place_of(account)}. {_FOR_NOTHING}"
    )


def of_untouched(account: Account) -> tuple[bool, str]:
    """What is said of a refresh token that no task has used yet."""
    return True, (
        "The OAuth 2.0 refresh token is well-formed; it was not sent, for it is good for one use, and what X gives"
        " for it could not be kept under the name that a connection is tested by. The first task of the account uses"
        f" it. API: {place_of(account)}. {_FOR_NOTHING}"
    )


def of_nobody(
    account: Account, why: str = "nobody has logged this account in yet, with this client id and at this API"
) -> tuple[bool, str]:
    """What is said of a connection that waits for its login.

    :param why: in words, without a full stop.
    """
    return False, (
        f"Needs login: {why}. Save the connection, then log it in: page X > Accounts,"
        f" or `airflow x login` with the connection's name. API: {place_of(account)}. {_FOR_NOTHING}"
    )


def of_ended(account: Account) -> tuple[bool, str]:
    """What is said of a login whose access token has ended, which the test does not refresh."""
    return True, (
        "The account is logged in, and its access token has ended: the next use of it, or DAG x_upkeep, refreshes it."
        " The test did not, for a refresh token is good for one use, so X was not asked who you are."
        f" API: {place_of(account)}. {_FOR_NOTHING}"
    )


def of_user(
    account: Account, client: XClient, auth_name: str, keeper: TokenKeeper | None
) -> tuple[bool, str]:
    """Ask X who the account is; False also for one that X would not let post.

    :param keeper: of its tokens, where they are kept.
    :raises XError: when X does not say.
    :raises LedgerError: when the tokens cannot be read.
    """
    user = client.me()
    if contradiction := _contradiction(account, user):
        return False, f"{contradiction} {_COST}"
    may_post, permissions = _permissions(client.access_level, keeper)
    told = [
        f"You are @{user.username} (user id {user.id}) by {auth_name}.",
        permissions,
        _subscription(user),
        _plan(client),
        *(_login(keeper) if keeper is not None else ()),
        *_clock(account),
        f"API: {place_of(account)}.",
        _COST,
    ]
    return may_post, " ".join(told)


def _contradiction(account: Account, user: User) -> str | None:
    if account.username and account.username.lower() != user.username.lower():
        field, given, found = "username", f"@{account.username}", f"@{user.username}"
    elif account.user_id and account.user_id != user.id:
        field, given, found = "user_id", account.user_id, user.id
    else:
        return None
    return (
        f"The field {field} says {given}, but the credentials belong to {found}. "
        f"Correct the field, or generate the access token as the account you mean."
    )


def _permissions(access_level: str | None, keeper: TokenKeeper | None) -> tuple[bool, str]:
    """Whether it may post, as X's answer says and the scopes of its login do; and the words."""
    if keeper is not None and (access_level == "read" or _POSTING not in (keeper.scopes() or (_POSTING,))):
        return False, (
            f"Permissions: read only, so posting will be refused. Log in again and grant {_POSTING}; the app must be "
            "Read and Write in the X developer portal."
        )
    if access_level == "read":
        return False, (
            "Permissions: read only, so posting will be refused. Set the app to Read and Write in the X "
            "developer portal, then generate the access token again."
        )
    return True, f"Permissions: {access_level or 'X did not say'}."


def _subscription(user: User) -> str:
    if user.subscription_type is None:
        return "X Premium: X did not say."
    if user.subscription_type == "None":
        return "X Premium: no, so a post has up to 280 characters."
    return f"X Premium: {user.subscription_type}."


def _plan(client: XClient) -> str:
    """What X tells of the plan of the app: to the app itself, and for nothing."""
    from x_provider.client import XError  # noqa: PLC0415  (requests, which parsing a DAG does not need)

    try:
        usage = client.usage(days=1)
    except XError as error:
        return f"Plan: not known ({str(error).rstrip('.')})."
    if usage.project_cap is None:
        return "Plan: not known, X did not say."
    used = "an unknown number" if usage.project_usage is None else f"{usage.project_usage:,}"
    return f"Plan: the app's project may read {usage.project_cap:,} posts a period, and has read {used}."


def _login(keeper: TokenKeeper) -> list[str]:
    from x_provider.client.oauth2 import SCOPES  # noqa: PLC0415  (requests, which parsing a DAG does not need)
    from x_provider.publishing import utc_now  # noqa: PLC0415

    scopes, ends_at = keeper.scopes(), keeper.expires_at()
    lacking = [f"{scope} ({why})" for scope, why in SCOPES.items() if scope not in scopes]
    minutes = max(0, round((ends_at - utc_now()).total_seconds() / 60))
    end = f"The token ends in {minutes} minutes ({ends_at.to_iso8601_string()})"
    is_renewed = "offline.access" in scopes
    return [
        f"Scopes: {' '.join(scopes)}.",
        *([f"Not granted: {', '.join(lacking)}; log in again to add it."] if lacking else []),
        f"{end} and is refreshed before."
        if is_renewed
        else f"{end} and cannot be refreshed: log in again by then.",
    ]


def _clock(account: Account) -> list[str]:
    from x_provider.client import XError  # noqa: PLC0415  (as above)
    from x_provider.client.clock import seconds_behind_x  # noqa: PLC0415

    try:
        behind = seconds_behind_x(account.base_url)
    except XError:
        return ["Clock: X did not say what time it is."]
    if abs(behind) <= MOST_SKEW_SECONDS:
        return ["Clock: agrees with X's."]
    way = "behind" if behind > 0 else "ahead of"
    return [
        f"WARNING: this machine's clock is {abs(behind):.0f} s {way} X's. Set it by NTP: posts go out by it, and X"
        " refuses signatures (OAuth 1.0a) that are some minutes off."
    ]
