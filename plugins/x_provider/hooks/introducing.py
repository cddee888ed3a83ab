"""What the button *Test* says: who an X connection is, what it may do, until when, and by whose clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from x_provider.hooks.credentials import AUTH_NAMES, Account

if TYPE_CHECKING:
    from x_provider.accounts import TokenKeeper
    from x_provider.client import User, XClient

MOST_SKEW_SECONDS = 60
"""Posts go out by this machine's clock, and X refuses OAuth 1.0a signatures whose time is some minutes off."""

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


def of_nobody(account: Account) -> tuple[bool, str]:
    """What is said of a connection that waits for its login."""
    return False, (
        "Needs login: nobody has logged this account in yet. Save the connection, then log it in: page X > Accounts,"
        f" or `airflow x login` with the connection's name. API: {place_of(account)}. {_FOR_NOTHING}"
    )


def of_user(
    account: Account, client: XClient, auth_name: str, keeper: TokenKeeper | None
) -> tuple[bool, str]:
    """Ask X who the account is.

    :param keeper: of its tokens, where they are kept.
    :raises XError: when X does not say.
    :raises LedgerError: when the tokens cannot be read.
    """
    user = client.me()
    if contradiction := _contradiction(account, user):
        return False, f"{contradiction} {_COST}"
    told = [
        f"You are @{user.username} (user id {user.id}) by {auth_name}.",
        _permissions(client.access_level),
        _subscription(user),
        _plan(client),
        *(_login(keeper) if keeper is not None else ()),
        *_clock(account),
        f"API: {place_of(account)}.",
        _COST,
    ]
    return True, " ".join(told)


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


def _permissions(access_level: str | None) -> str:
    if access_level is None:
        return "Permissions: X did not say."
    if access_level == "read":
        return (
            "Permissions: read only, so posting will be refused. Set the app to Read and Write in the X "
            "developer portal, then generate the access token again."
        )
    return f"Permissions: {access_level}."


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
        return f"Plan: not known ({error})."
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
