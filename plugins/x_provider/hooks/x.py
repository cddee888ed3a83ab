"""The hook for one account on X."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import amask_secret, mask_secret

from x_provider.hooks import introducing
from x_provider.hooks.account import Account, account_of
from x_provider.hooks.credentials import (
    AUTH_NAMES,
    AuthKind,
    Credentials,
    KeptLogin,
    credentials_of,
    schemes_kept,
    secrets_of,
)
from x_provider.hooks.keeping import keeper_for_a_test, keeper_of
from x_provider.hooks.kept import chosen, keys_for_a_test
from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.missing import adoubt, doubt
from x_provider.hooks.problems import XConnectionError, login_step, unsure
from x_provider.hooks.shared import SharedLookups

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from x_provider.accounts import TokenKeeper
    from x_provider.client import XClient


@dataclass(frozen=True)
class _Known:
    """The connection, where no ``repr`` shows it."""

    connection: Connection = field(repr=False)


class XHook(BaseHook):
    """Speak to X as the account of one Airflow connection of type ``x``.

    A trigger uses ``await XHook.aget(conn_id)``, when it starts: a lookup at the due instant would cost 50 ms
    or, when the triggerer is busy, seconds.

    :param x_conn_id: the Airflow connection.
    :param ledger_conn_id: the Airflow connection of the ledger's database, where the tokens of OAuth 2.0 logins are
        kept.
    """

    conn_name_attr = "x_conn_id"
    default_conn_name = "x_default"
    conn_type = "x"
    hook_name = "X (Twitter)"

    def __init__(
        self,
        x_conn_id: str = default_conn_name,
        ledger_conn_id: str = LedgerHook.default_conn_name,
    ) -> None:
        super().__init__()
        self.x_conn_id = x_conn_id
        self.ledger_conn_id = ledger_conn_id

    @classmethod
    async def aget(
        cls,
        x_conn_id: str = default_conn_name,
        ledger_conn_id: str = LedgerHook.default_conn_name,
    ) -> XHook:
        """The hook with connection and client ready, for code on an event loop; shared for a minute.

        :raises XConnectionError: when the connection is missing or cannot be used.
        :raises LedgerError: when its tokens are in a ledger that cannot be used.
        """
        return await _hooks.get((x_conn_id, ledger_conn_id))

    @property
    def account(self) -> Account:
        """Who posts and where, without asking X.

        :raises XConnectionError: when the connection is missing or cannot be used.
        """
        return account_of(self._connection)

    @property
    def auth(self) -> AuthKind:
        """The kind of credentials that were chosen.

        :raises XConnectionError: when the connection is missing or cannot be used.
        """
        return self._credentials.kind

    @property
    def keeper(self) -> TokenKeeper | None:
        """Who keeps the account's tokens, for all that this process does; None where the connection holds them.

        :raises XConnectionError: when the connection is missing or cannot be used.
        :raises LedgerError: when the ledger cannot be used, or there is no key to open its tokens with.
        """
        login = self._credentials.kept
        if not isinstance(login, KeptLogin):
            return None
        return keeper_of(self._ledger_hook.ledger(), self.account, login)

    @property
    def can_post(self) -> bool:
        """Whether the credentials are a user's; an app-only bearer token reads only."""
        return self._credentials.kind != "bearer"

    def get_conn(self, *, to_post: bool = False) -> XClient:
        """The client, authenticated as the account; one for the hook's life, usable from several threads.

        What it costs is written down nowhere, and no budget holds it back: for that take
        ``hooks.publisher.open_publisher(…).client``, which the operators use.

        :param to_post: say so before posting, so that a bearer token is refused here and not by X.
        :raises XConnectionError: when the connection is missing, cannot be used, or cannot post.
        :raises LedgerError: when its tokens are in a ledger that cannot be used.
        """
        if to_post and not self.can_post:
            raise XConnectionError(
                self.x_conn_id,
                "its credentials are an app-only bearer token, which reads public posts but cannot post",
                "Add the account's four OAuth 1.0a keys or an OAuth 2.0 user token, and set auth to auto",
            )
        return self._client

    def test_connection(self) -> tuple[bool, str]:
        """Say who the credentials belong to, what they may do and until when; the button *Test* of the connection
        form.

        Reads one user, which X charges $0.010; https://docs.x.com/x-api/users/get-my-user.
        """
        # requests and SQLAlchemy, which parsing a DAG does not need
        from x_provider.client import XError  # noqa: PLC0415
        from x_provider.ledger import LedgerError  # noqa: PLC0415

        try:
            return self._introduce()
        except XConnectionError as error:
            # The form tests under a random connection id: naming it would only confuse.
            return False, f"{error.problem[0].upper()}{error.problem[1:]}. {error.next_step}."
        except XError as error:
            return False, f"Asking {self.account.base_url} who you are ({self._auth_name}) failed: {error}"
        except LedgerError as error:
            return False, f"The account's login could not be looked up: {error}"

    def _introduce(self) -> tuple[bool, str]:
        keys = keys_for_a_test(self._connection, self._ledger_hook.ledger)
        credentials = keys or self._credentials
        if credentials.kind == "bearer":
            return introducing.of_app(self.account)
        if credentials.waits is not None:
            return introducing.of_nobody(self.account, credentials.waits)
        login = credentials.kept
        if not isinstance(login, KeptLogin):
            client = _client(self.account, credentials, None)
            return introducing.of_user(self.account, client, AUTH_NAMES[credentials.kind], None)
        keeper = keeper_for_a_test(self._ledger_hook.ledger(), self.account, login)
        if keeper is None:
            told = introducing.of_untouched if login.refresh else introducing.of_nobody
            return told(self.account)
        if keeper.has_ended():
            return introducing.of_ended(self.account)
        client = _client(self.account, self._credentials, keeper)
        return introducing.of_user(self.account, client, self._auth_name, keeper)

    @property
    def _auth_name(self) -> str:
        return AUTH_NAMES[self._credentials.kind]

    @cached_property
    def _client(self) -> XClient:
        return _client(self.account, self._credentials, self.keeper)

    @cached_property
    def _credentials(self) -> Credentials:
        if schemes_kept(self._connection):
            return chosen(self._connection, self._ledger_hook.ledger())
        return credentials_of(self._connection)

    @cached_property
    def _ledger_hook(self) -> LedgerHook:
        return LedgerHook(self.ledger_conn_id)

    @property
    def _connection(self) -> Connection:
        return self._known.connection

    @cached_property
    def _known(self) -> _Known:
        try:
            connection = self.get_connection(self.x_conn_id)
        except AirflowNotFoundException:
            raise _missing(self.x_conn_id, doubt(self.x_conn_id)) from None
        mask_secret(secrets_of(connection))
        return _Known(connection)

    async def _read(self) -> None:
        try:
            connection = await self.aget_connection(self.x_conn_id)
        except AirflowNotFoundException:
            raise _missing(self.x_conn_id, await adoubt(self.x_conn_id)) from None
        await amask_secret(secrets_of(connection))
        self._known = _Known(connection)
        if schemes_kept(connection):
            self._ledger_hook = await LedgerHook.aget(self.ledger_conn_id)


async def _look_up(ids: tuple[str, str]) -> XHook:
    hook = XHook(*ids)
    await hook._read()
    # The first client of a process costs an import of 0.3 s, and a login a look into the ledger: neither must hold
    # up the loop.
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


def _client(account: Account, credentials: Credentials, keeper: TokenKeeper | None) -> XClient:
    # requests, as above
    from x_provider.client import (  # noqa: PLC0415
        AppBearer,
        AppKeys,
        Auth,
        NotLoggedIn,
        OAuth1,
        OAuth2User,
        XClient,
    )

    schemes = {"oauth1": OAuth1, "oauth2": OAuth2User, "bearer": AppBearer}
    of_app = {0: None, 1: AppBearer, 2: AppKeys}[len(credentials.app)]
    auth: Auth
    if keeper is not None:
        auth = OAuth2User(keeper.access, identity=keeper.identity, renew=keeper.renew)
    elif credentials.waits is not None:
        auth = NotLoggedIn(
            account.conn_id, why=credentials.waits, next_step=f"{login_step(account.conn_id)}."
        )
    elif credentials.check is not None:
        auth = OAuth1(*credentials.values, check=credentials.check)
    else:
        auth = schemes[credentials.kind](*credentials.values)
    return XClient(
        account.base_url,
        auth,
        media_api=account.media_api,
        upload_base_url=account.upload_base_url,
        app_owner_id=account.app_owner_id,
        app=of_app(*credentials.app) if of_app else None,
    )
