"""Connections that know whether anything has left, and pools that do not trust a connection that idled.

urllib3 alone cannot tell the two apart where it matters: a TLS error in the handshake and one after the
request was written are the same exception, and a pooled connection may have been closed by the server
unnoticed.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from queue import Empty
from typing import Any

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.proxy import connection_requires_http_tunnel

FRESH_SECONDS = 4.0
"""How long a connection may idle and still carry a create: less than 5 s, the shortest usual keep-alive."""

POOL_SIZE = 64


class TooLateError(RuntimeError):
    """The request may not leave any more: its sender was held up for too long, or everything was stopped."""


class _Outgoing(threading.local):
    """What this thread is sending: whether any of it may have left, and until when it may leave."""

    begun = False
    may_leave: Callable[[], bool] | None = None

    def leave(self) -> None:
        """Note that something leaves now.

        :raises TooLateError: when it may not any more.
        """
        if self.may_leave is not None and not self.may_leave():
            raise TooLateError("it was held up until it was not to be sent any more")
        self.begun = True


outgoing = _Outgoing()


class _Connection(HTTPConnection):
    idle_since: float = 0.0

    def connect(self) -> None:
        try:
            super().connect()
        finally:
            # What left so far was the way to X (a proxy's CONNECT, a handshake), no byte of the request.
            outgoing.begun = False

    def send(self, data: Any) -> None:
        if self.sock is None and self.auto_open:
            self.connect()
        outgoing.leave()
        super().send(data)


class _TLSConnection(HTTPSConnection):
    idle_since: float = 0.0

    @property
    def is_connected(self) -> bool:
        # To urllib3 a connection with something to read is closed. One that was opened ahead has TLS 1.3's
        # session tickets to read, and would be thrown away just when it is needed.
        return super().is_connected or (
            isinstance(self.sock, ssl.SSLSocket) and _holds_no_more_than_tickets(self.sock)
        )

    def connect(self) -> None:
        try:
            super().connect()
        finally:
            outgoing.begun = False

    def send(self, data: Any) -> None:
        if self.sock is None and self.auto_open:
            self.connect()
        outgoing.leave()
        super().send(data)


def _holds_no_more_than_tickets(sock: ssl.SSLSocket) -> bool:
    timeout = sock.gettimeout()
    sock.setblocking(False)
    try:
        sock.recv(1)
    except ssl.SSLWantReadError:
        return True
    except OSError:
        return False
    else:
        return False  # the server's close, or words before it was asked
    finally:
        sock.settimeout(timeout)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class _FreshMixin(HTTPConnectionPool):
    """A pool whose connections are closed instead of used after ``FRESH_SECONDS`` of idling.

    A server that drops an idle connection does so without a word until the next request is on its way, and
    then nobody knows whether that request was read. urllib3 looks whether the close has arrived; this leaves
    the moment in which it is still travelling, and not idling for long makes that moment improbable. The
    request is not sent again in any case.
    """

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection: Any = super()._get_conn(timeout)
        if time.monotonic() - connection.idle_since > FRESH_SECONDS:
            connection.close()
        return connection

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.idle_since = time.monotonic()
        super()._put_conn(conn)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._counting = threading.Lock()
        self._opening = 0

    def open_ahead(self, timeout: float, *, at_most: int) -> None:
        """Add one open connection, unless so many stand ready or are being opened."""
        with self._counting:
            if self._drop_stale() + self._opening >= at_most:
                return
            self._opening += 1
        try:
            self._open(timeout)
        finally:
            with self._counting:
                self._opening -= 1

    def _open(self, timeout: float) -> None:
        connection: Any = self._new_conn()
        connection.timeout = timeout
        if self.proxy is not None and connection_requires_http_tunnel(
            self.proxy, self.proxy_config, self.scheme
        ):
            self._prepare_proxy(connection)
        else:
            connection.connect()
        self._put_conn(connection)

    def _drop_stale(self) -> int:
        """Close what has idled for too long; how many are left.

        Also makes room: the queue comes full of placeholders, and a full queue throws away what is put into it.
        """
        fresh = []
        while self.pool is not None:
            try:
                connection: Any = self.pool.get(block=False)
            except Empty:
                break
            if connection is None:
                continue
            if time.monotonic() - connection.idle_since > FRESH_SECONDS:
                connection.close()
            else:
                fresh.append(connection)
        for connection in reversed(fresh):
            super()._put_conn(connection)
        return len(fresh)


class _FreshPool(_FreshMixin, _Pool):
    pass


class _FreshTLSPool(_FreshMixin, _TLSPool):
    pass


class WatchedAdapter(HTTPAdapter):
    """Keeps connections that report into ``outgoing``; never sends anything twice by itself."""

    _pools: dict[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _TLSPool}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__(pool_connections=4, pool_maxsize=POOL_SIZE, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **proxy_kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = self._pools
        return manager

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        # A SOCKS proxy has connections of its own, which report nothing: then nothing is provably unsent.
        outgoing.begun = not isinstance(pool, (_Pool, _TLSPool))
        return pool


class FreshAdapter(WatchedAdapter):
    """For calls that must not meet a connection that the server has given up; opens them ahead, too."""

    _pools: dict[str, type[HTTPConnectionPool]] = {"http": _FreshPool, "https": _FreshTLSPool}  # noqa: RUF012

    def open_ahead(self, request: PreparedRequest, *, timeout: float, settings: Any, at_most: int) -> None:
        """Open a connection for that request without sending anything.

        :param settings: proxies, verify and cert, as the request will be sent with.
        :param at_most: open none where so many stand ready.
        """
        pool: Any = self.get_connection_with_tls_context(
            request, settings["verify"], proxies=settings["proxies"], cert=settings["cert"]
        )
        if isinstance(pool, _FreshMixin):
            pool.open_ahead(timeout, at_most=at_most)
