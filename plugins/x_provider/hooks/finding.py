"""Finding connections of type ``x``, and where they are kept; for the API server and the terminal only."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied
from airflow.sdk.log import mask_secret

from x_provider.hooks.credentials import secrets_of
from x_provider.hooks.problems import XConnectionError, failure_of, unsure

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from x_provider.ledger import Ledger

_ENVIRONMENT = "AIRFLOW_CONN_"


class UndefinedError(XConnectionError):
    """A connection that is defined nowhere."""


@dataclass(frozen=True)
class Found:
    """A connection, where no ``repr`` shows it.

    :param kept_in: where it is kept if Airflow cannot write it there, in words; None for its database.
    """

    connection: Connection = field(repr=False)
    kept_in: str | None


def found(conn_id: str) -> Found:
    """The connection, and where it is kept; each place that keeps connections is asked once.

    :raises UndefinedError: when it does not exist.
    :raises XConnectionError: when it could not be looked up.
    """
    from airflow.configuration import ensure_secrets_loaded  # noqa: PLC0415  (slow to import, rarely needed)

    failed = None
    for backend in ensure_secrets_loaded():
        name = type(backend).__name__
        try:
            connection = backend.get_connection(conn_id=conn_id)
        except AirflowSecretsBackendAccessDenied:
            raise unsure(conn_id, f"{name} denies it") from None
        except Exception as error:  # as Airflow does: the next one is asked
            failed = failed or failure_of(backend, error)
            continue
        if connection is not None:
            mask_secret(secrets_of(cast("Connection", connection)))
            return Found(cast("Connection", connection), _place(name, conn_id))
    if failed is not None:
        raise unsure(conn_id, failed)
    raise UndefinedError(
        conn_id,
        "it is not defined",
        "Create it as type X (Twitter) under Admin > Connections, or let the login do it:"
        f" `airflow x login {conn_id} --client-id …`",
    )


def accounts_in_airflow() -> list[str]:
    """The connections of type ``x`` in Airflow's database, by name; others cannot be listed."""
    from airflow.models.connection import Connection  # noqa: PLC0415  (the database, which tasks must not touch)
    from airflow.utils.session import create_session  # noqa: PLC0415
    from sqlalchemy import select  # noqa: PLC0415

    with create_session() as session:
        query = select(Connection.conn_id).where(Connection.conn_type == "x").order_by(Connection.conn_id)
        return list(session.scalars(query))


def accounts_in_environment() -> list[str]:
    """The connections of type ``x`` in environment variables, by name, which Airflow reads in lower case."""
    return sorted(
        name.removeprefix(_ENVIRONMENT).lower()
        for name, value in os.environ.items()
        if name.startswith(_ENVIRONMENT) and _is_x(value)
    )


def known_accounts(ledger: Ledger | None, *, in_airflow: bool = True) -> list[str]:
    """Every account that anybody has spoken of: connections of type ``x`` in Airflow's database and in environment
    variables, accounts in the ledger, and those that a post to be sent names. What a secrets backend keeps cannot be
    listed.

    :param in_airflow: Airflow's own database can be asked.
    :raises LedgerError: when the ledger cannot be used.
    """
    known = set(accounts_in_airflow()) if in_airflow else set()
    if ledger is not None:
        known |= {*ledger.accounts.names(), *ledger.accounts.awaited()}
        known |= {tokens.account for tokens in ledger.tokens.all()}
        known |= {each.account for each in ledger.user_keys.all()}
        known |= {each.account for each in ledger.refusals.all()}
    # Its name in the environment has lost its case.
    spelt = {name.lower() for name in known}
    return sorted({*known, *(name for name in accounts_in_environment() if name not in spelt)})


def _place(backend: str, conn_id: str) -> str | None:
    if backend == "MetastoreBackend":
        return None
    if backend == "EnvironmentVariablesBackend":
        return f"the environment variable {_ENVIRONMENT}{conn_id.upper()}"
    return f"the secrets backend {backend}"


def _is_x(value: str) -> bool:
    if value.lstrip().startswith("{"):
        try:
            return bool(json.loads(value).get("conn_type") == "x")
        except (ValueError, AttributeError):
            return False
    return value.startswith("x://")
