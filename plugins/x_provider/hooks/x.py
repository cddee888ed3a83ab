"""The hook for one account on X."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import amask_secret, mask_secret

from x_provider.hooks.credentials import (
    AUTH_NAMES,
    Account,
    Credentials,
    XConnectionError,
    account_of,
    credentials_of,
    secrets_of,
    unsure,
)
from x_provider.hooks.missing import adoubt, doubt
from x_provider.hooks.shared import SharedLookups

if TYPE_CHECKING:
    from x_provider.client import User, XClient

_COST_OF_A_TEST = "This test read one user ($0.010)."


class XHook(BaseHook):
    """Speak to X as the account of one Airflow connection of type ``x``.

    A trigger uses ``await XHook.aget(conn_id)``, when it starts: a lookup at the due instant would cost 50 ms
    or, when the triggerer is busy, seconds.

    :param x_conn_id: the Airflow connection.
    """

    conn_name_attr = "x_conn_id"
    default_conn_name = "x_default"
    conn_type = "x"
    hook_name = "X (Twitter)"

    def __init__(self, x_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.x_conn_id = x_conn_id

    @classmethod
    async def aget(cls, x_conn_id: str = default_conn_name) -> XHook:
        """The hook with connection and client ready, for code on an event loop; shared for a minute.

        :raises XConnectionError: when the connection is missing or cannot be used.
        """
        return await _hooks.get(x_conn_id)

    @property
    def account(self) -> Account:
        """Who posts and where, without asking X.

        :raises XConnectionError: when the connection is missing or cannot be used.
        """
        return self._account_and_credentials[0]

    @property
    def can_post(self) -> bool:
        """Whether the credentials are a user's; an app-only bearer token reads only."""
        return self._account_and_credentials[1].kind != "bearer"

    def get_conn(self, *, to_post: bool = False) -> XClient:
        """The client, authenticated as the account; one for the hook's life, usable from several threads.

        What it costs is written down nowhere, and no budget holds it back: for that take
        ``hooks.publisher.open_publisher(…).client``, which the operators use.

        :param to_post: say so before posting, so that a bearer token is refused here and not by X.
        :raises XConnectionError: when the connection is missing, cannot be used, or cannot post.
        """
        if to_post and not self.can_post:
            raise XConnectionError(
                self.x_conn_id,
                "its credentials are an app-only bearer token, which reads public posts but cannot post",
                "Add the account's four OAuth 1.0a keys or an OAuth 2.0 user token, and set auth to auto",
            )
        return self._client

    def test_connection(self) -> tuple[bool, str]:
        """Say who the credentials belong to and what they may do; the button *Test* of the connection form.

        Reads one user, which X charges $0.010; https://docs.x.com/x-api/users/get-my-user.
        """
        from x_provider.client import XError  # noqa: PLC0415  (requests, which parsing a DAG does not need)

        try:
            return self._introduce()
        except XConnectionError as error:
            # The form tests under a random connection id: naming it would only confuse.
            return False, f"{error.problem[0].upper()}{error.problem[1:]}. {error.next_step}."
        except XError as error:
            return False, f"Asking {self.account.base_url} who you are ({self._auth_name}) failed: {error}"

    def _introduce(self) -> tuple[bool, str]:
        account, where = self.account, self._where
        if not self.can_post:
            return True, (
                f"The {self._auth_name} is well-formed; it was not sent, for X has no owner to name. "
                f"It reads public posts and cannot post. API: {where}. Cost: nothing."
            )
        client = self.get_conn()
        user = client.me()
        if contradiction := _contradiction(account, user):
            return False, f"{contradiction} {_COST_OF_A_TEST}"
        return True, (
            f"You are @{user.username} (user id {user.id}) by {self._auth_name}. "
            f"{_permissions(client.access_level)} API: {where}. {_COST_OF_A_TEST}"
        )

    @property
    def _where(self) -> str:
        place = "X itself" if self.account.is_on_x else "not X itself: a sandbox or a proxy"
        return f"{self.account.base_url} ({place})"

    @property
    def _auth_name(self) -> str:
        return AUTH_NAMES[self._account_and_credentials[1].kind]

    @cached_property
    def _client(self) -> XClient:
        account, credentials = self._account_and_credentials
        return _client(account, credentials)

    @cached_property
    def _account_and_credentials(self) -> tuple[Account, Credentials]:
        try:
            connection = self.get_connection(self.x_conn_id)
        except AirflowNotFoundException:
            raise _missing(self.x_conn_id, doubt(self.x_conn_id)) from None
        mask_secret(secrets_of(connection))
        return account_of(connection), credentials_of(connection)

    async def _read(self) -> None:
        try:
            connection = await self.aget_connection(self.x_conn_id)
        except AirflowNotFoundException:
            raise _missing(self.x_conn_id, await adoubt(self.x_conn_id)) from None
        await amask_secret(secrets_of(connection))
        self._account_and_credentials = account_of(connection), credentials_of(connection)


async def _look_up(x_conn_id: str) -> XHook:
    hook = XHook(x_conn_id)
    await hook._read()
    # The first client of a process costs an import of 0.3 s, which must not hold up the loop.
    await asyncio.to_thread(hook.get_conn)
    return hook


_hooks = SharedLookups(_look_up, seconds=60)


def _missing(conn_id: str, doubt: str | None) -> XConnectionError:
    if doubt is not None:
        return unsure(conn_id, doubt)
    return XConnectionError(
        conn_id,
        "it is not defined",
        "Create it as type X (Twitter) under Admin > Connections, or set the environment variable "
        f"AIRFLOW_CONN_{conn_id.upper()}",
    )


def _client(account: Account, credentials: Credentials) -> XClient:
    # requests, as above
    from x_provider.client import AppBearer, AppKeys, OAuth1, OAuth2User, XClient  # noqa: PLC0415

    schemes = {"oauth1": OAuth1, "oauth2": OAuth2User, "bearer": AppBearer}
    of_app = {0: None, 1: AppBearer, 2: AppKeys}[len(credentials.app)]
    return XClient(
        account.base_url,
        schemes[credentials.kind](*credentials.values),
        media_api=account.media_api,
        upload_base_url=account.upload_base_url,
        app_owner_id=account.app_owner_id,
        app=of_app(*credentials.app) if of_app else None,
    )


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
