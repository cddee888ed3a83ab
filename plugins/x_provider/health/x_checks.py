"""What X is asked for nothing: its clock beside ours, and the webhooks of the accounts' apps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from x_provider.client import AppBearer, AppKeys, XClient, XError, XUnavailable, XUnreachable
from x_provider.client.clock import seconds_behind_x
from x_provider.client.listening import Webhook
from x_provider.client.sending import Repeats, Timeouts
from x_provider.health.check import Check
from x_provider.hooks.credentials import secrets_of
from x_provider.hooks.fields import base_url_of, fields_of
from x_provider.hooks.problems import XConnectionError

MOST_SKEW_SECONDS = 60
_TIMEOUTS = Timeouts(connect=3, read=3)
_ONCE = Repeats(attempts=1)


@dataclass(frozen=True)
class AppOnX:
    """An app that X is asked as, and where.

    :param conn_id: a connection that names it.
    :param secret: what X signs with, where the connection has it.
    """

    conn_id: str
    base_url: str
    api_key: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    bearer: str | None = field(default=None, repr=False)

    @property
    def key(self) -> tuple[str, str] | None:
        """What it is at X; None where the connection has no credentials of the app, which is who may ask."""
        credential = self.api_key if self.api_key and self.secret else self.bearer
        return (self.base_url, credential) if credential else None

    def client(self) -> XClient:
        """X's client, as the app.

        :raises XError: when its credentials cannot be ones.
        """
        app = (
            AppKeys(self.api_key, self.secret)
            if self.api_key and self.secret
            else AppBearer(self.bearer or "")
        )
        return XClient(self.base_url, app, app=app, timeouts=_TIMEOUTS, repeats=_ONCE)


def apps(conn_ids: Iterable[str]) -> Iterator[AppOnX]:
    """The apps of connections; those that cannot be used are left out, since the checks of the accounts name them."""
    for conn_id in conn_ids:
        try:
            connection = BaseHook.get_connection(conn_id)
            mask_secret(secrets_of(connection))
            fields, base_url = fields_of(connection), base_url_of(connection)
        except (AirflowNotFoundException, XConnectionError):
            continue
        yield AppOnX(
            conn_id,
            base_url,
            api_key=fields.get("api_key"),
            secret=fields.get("api_key_secret"),
            bearer=fields.get("bearer_token"),
        )


def clock(address: str) -> Iterator[Check | str]:
    """This machine's clock beside X's, then the address where that answers; a refusal that costs nothing tells."""
    name = f"clock, {address}"
    try:
        behind = seconds_behind_x(address, timeouts=_TIMEOUTS)
    except XError as error:
        yield Check(name, "failed", f"X does not tell its time: {error.words}", _network(address))
        return
    words = f"this machine is {abs(behind):.0f} s {'behind' if behind > 0 else 'ahead of'} {address}"
    if abs(behind) > MOST_SKEW_SECONDS:
        step = "Set the clock by NTP: posts go out by it, and X refuses OAuth 1.0a beyond some minutes"
        yield Check(name, "failed", words, step)
    else:
        yield Check(name, "ok", words)
    yield address


def webhooks(app: AppOnX, answering: list[str]) -> Iterator[Check | Webhook]:
    """The app's webhooks, as X lists them.

    :param answering: the addresses at which X answers; this one is taken out where it does not.
    """
    try:
        client = app.client()
        try:
            yield from client.webhooks()
        finally:
            client.close()
    except XError as error:
        if isinstance(error, (XUnreachable, XUnavailable)) and error.status is None:
            answering.remove(app.base_url)
        yield Check(
            f"webhooks of {app.conn_id}", "warning", str(error), "Check the app's keys, and try again"
        )


def _network(address: str) -> str:
    return f"Check the network, and the connection's base URL ({address})"
