"""The developer apps behind connections of type ``x``. Everything here blocks: call it from a thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from x_provider.hooks.fields import base_url_of, fields_of
from x_provider.hooks.missing import doubt
from x_provider.hooks.problems import XConnectionError, unsure
from x_provider.hooks.x import XHook

if TYPE_CHECKING:
    from x_provider.events.reach import Relation

_IDS = ("api_key", "client_id")
_SECRETS = ("api_key_secret", "client_secret")


@dataclass(frozen=True)
class App:
    """An app, as far as a connection says which.

    :param base_url: the X that it is an app of.
    :param api_key_secret: what X signs deliveries with, and ``client_secret`` too.
    """

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    api_key_secret: str | None = field(default=None, repr=False)
    client_id: str | None = field(default=None, repr=False)
    client_secret: str | None = field(default=None, repr=False)

    def relation(self, other: App) -> Relation:
        """Whether it is the same app. An app has one key and one client id, so one that differs says that it is not.

        Of secrets one may be out of date: where they differ and the ids do not, nobody knows.
        """
        if self.base_url != other.base_url or False in self._agreements(other, _IDS):
            return "another"
        agreements = [*self._agreements(other, _SECRETS), *self._agreements(other, _IDS)]
        return "same" if agreements and all(agreements) else "unknown"

    def _agreements(self, other: App, names: tuple[str, ...]) -> list[bool]:
        pairs = ((getattr(self, name), getattr(other, name)) for name in names)
        return [mine == theirs for mine, theirs in pairs if mine and theirs]


def app_of(conn_id: str) -> App | None:
    """The app behind a connection; None where there is no such connection of type ``x``, or it does not add up.

    :raises XConnectionError: when Airflow cannot be asked.
    """
    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        if (reason := doubt(conn_id)) is not None:
            raise unsure(conn_id, reason) from None
        return None
    if connection.conn_type != XHook.conn_type:
        return None
    try:
        fields, base_url = fields_of(connection), base_url_of(connection)
    except XConnectionError:
        return None
    return App(base_url, **{name: fields.get(name) for name in (*_IDS, *_SECRETS)})


class Apps:
    """The apps of connections, each looked up once."""

    def __init__(self) -> None:
        self._known: dict[str, App | None] = {}

    def relation(self, conn_id: str, other: str) -> Relation:
        """Whether two connections are of the same app.

        :raises XConnectionError: when Airflow cannot be asked.
        """
        mine, theirs = self._app(conn_id), self._app(other)
        return "unknown" if mine is None or theirs is None else mine.relation(theirs)

    def _app(self, conn_id: str) -> App | None:
        if conn_id not in self._known:
            self._known[conn_id] = app_of(conn_id)
        return self._known[conn_id]
