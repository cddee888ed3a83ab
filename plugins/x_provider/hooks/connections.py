"""Connections of type ``x`` in Airflow's database, written whole; for the API server and the terminal only.

Tasks and triggers may read connections and not write them. The connection form shows the fields that the stored
connection has, so every declared one is written, empty where there is nothing to say.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from x_provider.accounts import LoginRefused
from x_provider.accounts.logout import Held
from x_provider.client import XError
from x_provider.client.oauth1_login import OAuth1App
from x_provider.client.oauth2 import OAuth2App
from x_provider.hooks.account import account_of
from x_provider.hooks.addresses import BadAddressError, checked_address
from x_provider.hooks.credentials import Scheme, schemes_kept
from x_provider.hooks.fields import DEFAULT_BASE_URL, fields_of
from x_provider.hooks.finding import Found, found
from x_provider.hooks.problems import XConnectionError
from x_provider.provider_info import get_provider_info

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.models.connection import Connection
    from sqlalchemy.orm import Session

_USERS_PAIR = ("access_token", "access_token_secret")
_OAUTH2_SECRETS = ("oauth2_access_token", "oauth2_refresh_token")


@dataclass(frozen=True)
class LoginSettings:
    """What a login needs of a connection.

    :param kept_in: where the connection is kept if Airflow cannot write it there, in words; None for its database.
    :param schemes: by which schemes a login of it would be used.
    :param held: what it holds that acts as the account.
    :param user_id: who the account is, as the connection says.
    :param username: the same, its @name.
    """

    conn_id: str
    base_url: str
    kept_in: str | None
    schemes: tuple[Scheme, ...] = ()
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    api_key: str | None = None
    api_key_secret: str | None = field(default=None, repr=False)
    held: Held = field(default_factory=Held)
    user_id: str | None = None
    username: str | None = None

    def oauth2_app(self) -> OAuth2App:
        """The app that the account is logged in with.

        :raises LoginRefused: when the connection names none, or one that cannot be.
        """
        if not self.client_id:
            raise LoginRefused(
                f"The connection {self.conn_id} names no app",
                "Copy the OAuth 2.0 client id, and the client secret if the app has one, from the X developer portal"
                " into its fields client_id and client_secret",
            )
        try:
            return OAuth2App(self.client_id, self.client_secret, base_url=self.base_url)
        except XError as error:
            raise self._misspelt(error) from None

    def oauth1_app(self) -> OAuth1App:
        """The same for a login by keys; raises as :meth:`oauth2_app`."""
        if not self.api_key or not self.api_key_secret:
            raise LoginRefused(
                f"The connection {self.conn_id} holds no API key and secret, which OAuth 1.0a takes",
                "Copy them from the X developer portal (your app, Keys and tokens) into its login and password",
            )
        try:
            return OAuth1App(self.api_key, self.api_key_secret, base_url=self.base_url)
        except XError as error:
            raise self._misspelt(error) from None

    def _misspelt(self, error: XError) -> LoginRefused:
        return LoginRefused(f"Connection {self.conn_id}: {error.detail}", error.next_step)


def login_settings(conn_id: str) -> LoginSettings:
    """What the connection says of its app and its account.

    :raises UndefinedError: when it does not exist.
    :raises XConnectionError: when it cannot be used, or is of another type.
    """
    return settings_of(found(conn_id))


def settings_of(it: Found) -> LoginSettings:
    """As :func:`login_settings`, of a connection that was found.

    :raises XConnectionError: when it cannot be used, or is of another type.
    """
    connection = it.connection
    conn_id = connection.conn_id
    if connection.conn_type != "x":
        raise XConnectionError(
            conn_id, f"its type is {connection.conn_type!r}, not x", "Name a connection of type X (Twitter)"
        )
    account, fields = account_of(connection), fields_of(connection)
    pair = tuple(fields[name] for name in _USERS_PAIR if name in fields)
    return LoginSettings(
        conn_id=conn_id,
        base_url=account.base_url,
        kept_in=it.kept_in,
        # What Airflow can write, a login makes its own.
        schemes=("oauth2", "oauth1") if it.kept_in is None else schemes_kept(connection),
        client_id=fields.get("client_id"),
        client_secret=fields.get("client_secret"),
        api_key=fields.get("api_key"),
        api_key_secret=fields.get("api_key_secret"),
        held=Held(
            refresh_token=fields.get("oauth2_refresh_token"),
            access_token=fields.get("oauth2_access_token"),
            keys=pair if len(pair) == 2 else None,
        ),
        user_id=account.user_id,
        username=account.username,
    )


def create_connection(
    conn_id: str, *, client_id: str, client_secret: str | None, base_url: str | None
) -> None:
    """Make a connection that can be logged in. It gets a port: Airflow 3.3.2 tests no stored one without.

    :raises XConnectionError: when it exists already, or its name or base URL cannot be one.
    :raises LoginRefused: when the client id or secret cannot be one.
    """
    from airflow.models.connection import Connection, sanitize_conn_id  # noqa: PLC0415  (as above)
    from airflow.utils.session import create_session  # noqa: PLC0415

    if sanitize_conn_id(conn_id) != conn_id:
        raise XConnectionError(
            conn_id,
            "its name cannot be one",
            "Choose at most 250 letters, digits and characters of #!()-.:/\\_",
        )
    try:
        address = checked_address(base_url or DEFAULT_BASE_URL)
    except BadAddressError as error:
        raise XConnectionError(
            conn_id,
            f"--base-url {error}",
            "Give that of a sandbox, such as http://127.0.0.1:8090, or leave it out",
        ) from None
    LoginSettings(conn_id, address, None, client_id=client_id, client_secret=client_secret).oauth2_app()
    at = urlsplit(address)
    host = at._replace(netloc=at.netloc.removesuffix(f":{at.port}")).geturl()
    port = at.port or {"http": 80, "https": 443}[at.scheme]
    with create_session() as session:
        kept_in = _kept_elsewhere(conn_id)
        if kept_in is not None or _stored(session, conn_id) is not None:
            raise XConnectionError(
                conn_id,
                "it exists already" + (f", in {kept_in}" if kept_in else ""),
                "Leave out --client-id to log it in as it is. Where its client id or secret is mistyped, correct it "
                + (
                    "there"
                    if kept_in
                    else f"under Admin > Connections, or `airflow connections delete {conn_id}`"
                ),
            )
        connection = Connection(conn_id=conn_id, conn_type="x", host=host, port=port)
        extra = {"client_id": client_id, "client_secret": client_secret or "", "auth": "oauth2"}
        connection.set_extra(json.dumps(_whole(extra)))
        session.add(connection)


def write_login(conn_id: str, scheme: Scheme, *, user_id: str | None, username: str | None) -> str | None:
    """Write down whose the connection is by now; its tokens or keys are in the ledger, and leave it.

    :param scheme: by which it was logged in.
    :returns: why it was not written, as a sentence; None where it was.
    """
    changes = {"auth": scheme, "user_id": user_id or "", "username": username or ""}
    if scheme == "oauth2":
        changes |= {"media_api": "2", **dict.fromkeys(_OAUTH2_SECRETS, "")}  # v1.1 takes no OAuth 2.0
    else:
        changes |= dict.fromkeys((*_USERS_PAIR, *_OAUTH2_SECRETS), "")
    return _change(conn_id, changes)


def forget_tokens(conn_id: str) -> str | None:
    """Take everything out of the connection that acts as the account; returns as :func:`write_login`."""
    return _change(conn_id, dict.fromkeys((*_USERS_PAIR, *_OAUTH2_SECRETS), ""))


def _change(conn_id: str, changes: Mapping[str, str]) -> str | None:
    if (elsewhere := _kept_elsewhere(conn_id)) is not None:
        return f"The connection {conn_id} is kept in {elsewhere}, where Airflow cannot write it."
    from airflow.utils.session import create_session  # noqa: PLC0415  (as above)

    with create_session() as session:
        connection = _stored(session, conn_id)
        if connection is None:
            return f"The connection {conn_id} is gone from Airflow's database."
        connection.set_extra(json.dumps(_whole({**_extra_of(connection), **changes})))
        session.add(connection)
    return None


def _stored(session: Session, conn_id: str) -> Connection | None:
    from airflow.models.connection import Connection  # noqa: PLC0415  (as above)
    from sqlalchemy import select  # noqa: PLC0415

    # Whoever else edits it meanwhile waits, where the database can do that.
    query = select(Connection).where(Connection.conn_id == conn_id).with_for_update()
    found: Connection | None = session.scalar(query)
    return found


def _extra_of(connection: Connection) -> dict[str, Any]:
    try:
        extra = json.loads(connection.extra or "{}")
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise XConnectionError(
            connection.conn_id,
            "the field extra is not a JSON object",
            "Write it as {} and log in again",
        )
    return extra


def _whole(extra: Mapping[str, Any]) -> dict[str, Any]:
    """The same with every field that the form declares, its default where it has one."""
    (declared,) = get_provider_info()["connection-types"]
    usual = {name: spec["schema"].get("default", "") for name, spec in declared["conn-fields"].items()}
    return {**usual, **{name: value for name, value in extra.items() if value is not None}}


def _kept_elsewhere(conn_id: str) -> str | None:
    """The secrets backend or environment variable that Airflow reads it from, rather than its database."""
    try:
        return found(conn_id).kept_in
    except XConnectionError:
        return None
