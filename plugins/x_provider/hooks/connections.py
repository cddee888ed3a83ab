"""Writing connections of type ``x`` in Airflow's database, whole; for the API server and the terminal only.

Tasks and triggers may read connections and not write them. The connection form shows the fields that the stored
connection has, so every declared one is written, empty where there is nothing to say.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from x_provider.hooks import credentials
from x_provider.hooks.credentials import XConnectionError, account_of, secrets_of
from x_provider.hooks.missing import doubt
from x_provider.provider_info import get_provider_info

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.models.connection import Connection
    from sqlalchemy.orm import Session

_OAUTH2_SECRETS = ("oauth2_access_token", "oauth2_refresh_token")


@dataclass(frozen=True)
class LoginSettings:
    """What a login needs of a connection.

    :param kept_in: where the connection is kept if Airflow cannot write it there, in words; None for its database.
    :param keys: the OAuth 1.0a access token and secret that it holds.
    :param uses_keys: it also authenticates by them.
    :param user_id: who the account is, as the connection says.
    :param username: the same, its @name.
    """

    conn_id: str
    base_url: str
    kept_in: str | None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    api_key: str | None = None
    api_key_secret: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    keys: tuple[str, str] | None = field(default=None, repr=False)
    uses_keys: bool = False
    user_id: str | None = None
    username: str | None = None


def login_settings(conn_id: str) -> LoginSettings:
    """What the connection says of its app and its account.

    :raises XConnectionError: when it does not exist, cannot be used, or is of another type.
    """
    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        if (why := doubt(conn_id)) is not None:
            raise credentials.unsure(conn_id, why) from None
        raise XConnectionError(
            conn_id,
            "it is not defined",
            "Create it as type X (Twitter) under Admin > Connections, or let the login do it:"
            f" `airflow x login {conn_id} --client-id …`",
        ) from None
    if connection.conn_type != "x":
        raise XConnectionError(
            conn_id, f"its type is {connection.conn_type!r}, not x", "Name a connection of type X (Twitter)"
        )
    mask_secret(secrets_of(connection))
    account, fields = account_of(connection), credentials.fields_of(connection)
    pair = tuple(fields[name] for name in ("access_token", "access_token_secret") if name in fields)
    return LoginSettings(
        conn_id=conn_id,
        base_url=account.base_url,
        kept_in=_kept_elsewhere(conn_id),
        client_id=fields.get("client_id"),
        client_secret=fields.get("client_secret"),
        api_key=fields.get("api_key"),
        api_key_secret=fields.get("api_key_secret"),
        refresh_token=fields.get("oauth2_refresh_token"),
        keys=pair if len(pair) == 2 else None,
        uses_keys=len(pair) == 2 and fields.get("auth", "auto") in ("auto", "oauth1"),
        user_id=account.user_id,
        username=account.username,
    )


def accounts_in_airflow() -> list[str]:
    """The connections of type ``x`` in Airflow's database, by name; others cannot be listed."""
    from airflow.models.connection import Connection  # noqa: PLC0415  (the database, which tasks must not touch)
    from airflow.utils.session import create_session  # noqa: PLC0415
    from sqlalchemy import select  # noqa: PLC0415

    with create_session() as session:
        query = select(Connection.conn_id).where(Connection.conn_type == "x").order_by(Connection.conn_id)
        return list(session.scalars(query))


def create_connection(
    conn_id: str, *, client_id: str, client_secret: str | None, base_url: str | None
) -> None:
    """Make a connection that can be logged in.

    :raises XConnectionError: when it exists already, or the name cannot be one.
    """
    from airflow.models.connection import Connection, sanitize_conn_id  # noqa: PLC0415  (as above)
    from airflow.utils.session import create_session  # noqa: PLC0415

    if sanitize_conn_id(conn_id) != conn_id:
        raise XConnectionError(
            conn_id,
            "its name cannot be one",
            "Choose at most 250 letters, digits and characters of #!()-.:/\\_",
        )
    with create_session() as session:
        if _stored(session, conn_id) is not None or _kept_elsewhere(conn_id) is not None:
            raise XConnectionError(conn_id, "it exists already", "Leave out what would create it")
        connection = Connection(conn_id=conn_id, conn_type="x", host=base_url)
        extra = {"client_id": client_id, "client_secret": client_secret or "", "auth": "oauth2"}
        connection.set_extra(json.dumps(_whole(extra)))
        session.add(connection)


def write_oauth2_login(conn_id: str, *, user_id: str | None, username: str | None) -> str | None:
    """Write down whose the connection is by now; its tokens are in the ledger, and leave it.

    :returns: why it was not written, as a sentence; None where it was.
    """
    changes = {
        "auth": "oauth2",
        "user_id": user_id or "",
        "username": username or "",
        "media_api": "2",  # v1.1 takes no OAuth 2.0
        **dict.fromkeys(_OAUTH2_SECRETS, ""),
    }
    return _change(conn_id, changes)


def write_oauth1_login(
    conn_id: str, *, access_token: str, access_token_secret: str, user_id: str, username: str
) -> str | None:
    """Write the account's keys into the connection; returns as :func:`write_oauth2_login`."""
    return _change(
        conn_id,
        {
            "auth": "oauth1",
            "access_token": access_token,
            "access_token_secret": access_token_secret,
            "user_id": user_id,
            "username": username,
        },
    )


def forget_tokens(conn_id: str) -> str | None:
    """Take everything out of the connection that acts as the account; returns as :func:`write_oauth2_login`."""
    return _change(conn_id, dict.fromkeys(("access_token", "access_token_secret", *_OAUTH2_SECRETS), ""))


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
    from airflow.configuration import ensure_secrets_loaded  # noqa: PLC0415  (slow to import, rarely needed)

    for backend in ensure_secrets_loaded():
        name = type(backend).__name__
        if name == "MetastoreBackend":
            return None
        try:
            found = backend.get_connection(conn_id=conn_id)
        except Exception:  # noqa: S112  (as Airflow does: the next one is asked)
            continue
        if found is not None:
            is_variable = name == "EnvironmentVariablesBackend"
            return (
                f"the environment variable AIRFLOW_CONN_{conn_id.upper()}"
                if is_variable
                else f"the secrets backend {name}"
            )
    return None
