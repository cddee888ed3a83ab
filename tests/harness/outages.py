"""A ledger that cannot be used for a while: cut off (PostgreSQL, through a proxy) or locked (SQLite)."""

from __future__ import annotations

import socket
import socketserver
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

from sqlalchemy import URL

_POLL_SECONDS = 0.005


class Outage:
    """Listens on a port of its own: whoever connects there causes an outage and is answered when it has begun."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._server = _serve(self._asked)
        self.port: int = self._server.server_address[1]

    def _asked(self, connection: socket.socket) -> None:
        begun = threading.Event()
        outage = threading.Thread(target=self.happen, args=(begun,))
        outage.start()
        begun.wait(1.0)  # a lock that somebody holds is taken when it comes free
        with suppress(OSError):
            connection.sendall(b"!")
        outage.join()

    def happen(self, begun: threading.Event) -> None:
        """Make the ledger unusable for a while."""
        raise NotImplementedError

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Locked(Outage):
    """Another process holds SQLite's write lock for longer than senders wait for it."""

    def __init__(self, file: str, seconds: float) -> None:
        self._file = file
        super().__init__(seconds)

    def happen(self, begun: threading.Event) -> None:
        with closing(sqlite3.connect(self._file, timeout=0.05, isolation_level=None)) as holder:
            try:
                holder.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:  # the sender holds it, and waits for the outage to begin
                begun.set()
                holder.execute("PRAGMA busy_timeout = 5000")
                holder.execute("BEGIN IMMEDIATE")
            begun.set()
            time.sleep(self.seconds)
            holder.execute("ROLLBACK")


class CutOff(Outage):
    """A proxy before PostgreSQL that hangs up on everybody and takes no calls for a while.

    :param late: let what the sender says next reach the database, but no answer come back.
    """

    def __init__(self, database: URL, seconds: float, *, late: bool = False) -> None:
        self.database = database
        self._address = (database.host or "127.0.0.1", database.port or 5432)
        self._late = late
        self._until = 0.0
        self._swallow = threading.Event()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._proxy = _serve(self._relay)
        self.url = database.set(host="127.0.0.1", port=self._proxy.server_address[1])
        super().__init__(seconds)

    def happen(self, begun: threading.Event) -> None:
        if self._late:
            self._swallow.set()
            begun.set()
            deadline = time.monotonic() + 1.0
            while self._swallow.is_set() and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
        self._until = time.monotonic() + self.seconds
        for pair in list(self._pairs):
            for side in pair:
                with suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)
        begun.set()
        time.sleep(self.seconds)
        self._swallow.clear()

    def _relay(self, client: socket.socket) -> None:
        if time.monotonic() < self._until:
            return
        with suppress(OSError), socket.create_connection(self._address) as database:
            pair = (client, database)
            self._pairs.add(pair)
            back = threading.Thread(target=self._pump, args=(database, client, False))
            back.start()
            self._pump(client, database, True)
            back.join()
            self._pairs.discard(pair)

    def _pump(self, source: socket.socket, sink: socket.socket, from_client: bool) -> None:
        with suppress(OSError):
            while said := source.recv(1 << 16):
                if from_client and self._swallow.is_set():
                    sink.sendall(said)
                    time.sleep(0.03)  # the database acts on it
                    self._swallow.clear()
                    break
                if not from_client and self._swallow.is_set():
                    continue
                sink.sendall(said)
        for side in (source, sink):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        super().close()
        self._proxy.shutdown()
        self._proxy.server_close()


def _serve(answer: Callable[[socket.socket], None]) -> socketserver.ThreadingTCPServer:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            answer(self.request)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        block_on_close = False

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


@contextmanager
def outage(database: URL, *, seconds: float, late: bool = False) -> Iterator[Outage]:
    """The outage that fits the database."""
    kind: Outage
    if database.get_backend_name() == "sqlite":
        kind = Locked(str(database.database), seconds)
    else:
        kind = CutOff(database, seconds, late=late)
    try:
        yield kind
    finally:
        kind.close()
