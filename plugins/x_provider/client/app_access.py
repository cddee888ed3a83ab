"""The app's own access to X, for the few calls that take no user's credentials."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from x_provider.client import answers, calls
from x_provider.client.answers import Answer
from x_provider.client.auth import AppBearer, AppKeys, Auth
from x_provider.client.calls import Call
from x_provider.client.errors import XNeedsLogin, XPermission

if TYPE_CHECKING:
    from x_provider.client.transport import OnAnswer, Transport


class AppAccess:
    """Sends calls with the app's bearer token; gets one with the app's keys where it has none.

    The token is kept in memory only. Several threads may share it.

    https://docs.x.com/fundamentals/authentication/oauth-2-0/application-only

    :param credentials: the token or the keys; None where the app has shown neither.
    :param connect: makes the transport for some credentials.
    """

    def __init__(self, credentials: AppBearer | AppKeys | None, connect: Callable[[Auth], Transport]) -> None:
        self._credentials = credentials
        self._connect = connect
        self._getting = threading.Lock()
        self._transport: Transport | None = None

    def send(self, call: Call, on_answer: OnAnswer) -> Answer:
        """What X answers to the app.

        :raises XPermission: when there are no credentials of the app.
        :raises XError: for everything but a success.
        """
        transport = self._ready(call, on_answer)
        try:
            return transport.send(call, on_answer)
        except XNeedsLogin:
            if not isinstance(self._credentials, AppKeys):
                raise
        # Somebody may have made X forget the token; with the keys there is another.
        self._forget(transport)
        return self._ready(call, on_answer).send(call, on_answer)

    def close(self) -> None:
        """Close the connections; the token is kept."""
        if self._transport is not None:
            self._transport.close()

    def _ready(self, call: Call, on_answer: OnAnswer) -> Transport:
        with self._getting:
            if self._transport is None:
                self._transport = self._connect(self._bearer(call, on_answer))
            return self._transport

    def _bearer(self, call: Call, on_answer: OnAnswer) -> AppBearer:
        if self._credentials is None:
            raise XPermission(
                family=call.family,
                detail="it takes the app's own token, and there are only a user's credentials",
                next_step="Give the app's bearer token, or its API key and secret.",
            )
        if isinstance(self._credentials, AppBearer):
            return self._credentials
        asking = self._connect(self._credentials)
        try:
            return AppBearer(answers.read_app_token(asking.send(calls.app_token(), on_answer)))
        finally:
            asking.close()

    def _forget(self, transport: Transport) -> None:
        with self._getting:
            if self._transport is transport:
                self._transport = None
        transport.close()
