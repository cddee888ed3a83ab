"""The hook for the ledger's database."""

from __future__ import annotations

import asyncio
import json
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from x_provider.hooks.missing import adoubt, doubt
from x_provider.hooks.problems import XConnectionError, unsure
from x_provider.hooks.shared import SharedLookups

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from sqlalchemy import URL

    from x_provider.ledger import Ledger

_POSTGRES_TYPES = ("postgres", "postgresql", "postgresql+psycopg")
_LIBPQ_OPTIONS = (
    "application_name",
    "channel_binding",
    "connect_timeout",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "options",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "target_session_attrs",
)


class LedgerHook(BaseHook):
    """Open the ledger that one Airflow connection points to: SQLite or PostgreSQL.

    SQLite as ``sqlite:////absolute/path.db``, or a connection of type ``sqlite`` with the path as host;
    PostgreSQL as a connection of type ``postgres``. Where ``x_ledger`` does not exist, the ledger is the SQLite
    file ``x_ledger.db`` in AIRFLOW_HOME, which is right for one machine; any other name has to be defined.

    :param ledger_conn_id: the Airflow connection.
    """

    conn_name_attr = "ledger_conn_id"
    default_conn_name = "x_ledger"

    def __init__(self, ledger_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.ledger_conn_id = ledger_conn_id

    @classmethod
    async def aget(cls, ledger_conn_id: str = default_conn_name) -> LedgerHook:
        """The hook with its ledger at hand, for code on an event loop; shared for a minute.

        :raises XConnectionError: as :meth:`url`.
        """
        return await _hooks.get(ledger_conn_id)

    def url(self) -> URL:
        """The database's SQLAlchemy URL; its password shows in no ``str`` or ``repr``.

        :raises XConnectionError: when the connection describes no database that the ledger can live in, or is one
            that nobody has defined.
        """
        return self._url

    def ledger(self) -> Ledger:
        """The ledger; its schema is brought up to date at first use.

        :raises XConnectionError: as :meth:`url`.
        """
        return self._ledger

    @cached_property
    def _ledger(self) -> Ledger:
        from x_provider.ledger import Ledger  # noqa: PLC0415  (SQLAlchemy, which parsing a DAG does not need)

        return Ledger(self._url)

    @cached_property
    def _url(self) -> URL:
        try:
            return _url_of(self.get_connection(self.ledger_conn_id))
        except AirflowNotFoundException:
            return _default_url(self.ledger_conn_id, doubt(self.ledger_conn_id))

    async def _read(self) -> None:
        try:
            self._url = _url_of(await self.aget_connection(self.ledger_conn_id))
        except AirflowNotFoundException:
            self._url = _default_url(self.ledger_conn_id, await adoubt(self.ledger_conn_id))


async def _look_up(ledger_conn_id: str) -> LedgerHook:
    hook = LedgerHook(ledger_conn_id)
    await hook._read()
    # The first ledger of a process costs an import of 0.1 s, which must not hold up the loop.
    await asyncio.to_thread(hook.ledger)
    return hook


_hooks = SharedLookups(_look_up, seconds=60)


def _url_of(connection: Connection) -> URL:
    if connection.conn_type == "sqlite":
        return _sqlite_url(connection)
    if connection.conn_type in _POSTGRES_TYPES:
        return _postgres_url(connection)
    raise XConnectionError(
        connection.conn_id,
        f"its type is {connection.conn_type!r}, but the ledger lives in SQLite or PostgreSQL",
        "Set the type to postgres (host, database, login, password), or to sqlite with the file's absolute "
        "path as host",
    )


def _sqlite_url(connection: Connection) -> URL:
    # Of the URI sqlite:////abs/path.db Airflow makes a schema; in the form the path stands in the host.
    path = connection.schema or connection.host or ""
    if not PurePosixPath(path).is_absolute():
        raise XConnectionError(
            connection.conn_id,
            f"the SQLite file {path!r} is not an absolute path, so every process would open another file"
            if path
            else "it names no SQLite file",
            "Write it as sqlite:////absolute/path.db (four slashes), or put the absolute path into the host",
        )
    return _sqlite(path)


def _postgres_url(connection: Connection) -> URL:
    from sqlalchemy import URL  # noqa: PLC0415  (as above)

    if not connection.schema:
        raise XConnectionError(
            connection.conn_id,
            "it names no database (the field schema, called Database in the form)",
            "Enter the database's name",
        )
    if find_spec("psycopg") is None:
        raise XConnectionError(
            connection.conn_id,
            "the ledger is in PostgreSQL, but the driver psycopg is not installed",
            'Install it: pip install "airflow-provider-x[postgres]"',
        )
    return URL.create(
        "postgresql+psycopg",
        username=connection.login or None,
        password=connection.password or None,
        host=connection.host or None,
        port=connection.port,
        database=connection.schema,
        query=_libpq_options(connection),
    )


def _libpq_options(connection: Connection) -> dict[str, str]:
    try:
        extra = json.loads(connection.extra or "{}")
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise XConnectionError(
            connection.conn_id, "the field extra is not a JSON object", 'Write it as {"sslmode": "require"}'
        )
    return {name: str(extra[name]) for name in _LIBPQ_OPTIONS if extra.get(name) not in (None, "")}


def _default_url(conn_id: str, doubt: str | None) -> URL:
    """The default, where the connection certainly does not exist and is no slip of the pen.

    Opening the default file else would mean a second, empty ledger, and what is planned in both could go out twice.
    """
    if doubt is not None:
        raise unsure(conn_id, doubt)
    if conn_id != LedgerHook.default_conn_name:
        raise XConnectionError(
            conn_id,
            "the ledger's connection is not defined",
            f"Correct its name, or define it: `airflow connections add {conn_id} --conn-uri …`, or the environment"
            f" variable AIRFLOW_CONN_{conn_id.upper()}",
        )
    from airflow.configuration import get_airflow_home  # noqa: PLC0415  (slow to import, rarely needed)

    return _sqlite(str(Path(get_airflow_home()).resolve() / "x_ledger.db"))


def _sqlite(path: str) -> URL:
    from sqlalchemy import URL  # noqa: PLC0415  (as above)

    return URL.create("sqlite", database=path)
