"""A server of raw sockets that misbehaves to order, and credentials to look for where they must not be."""

from __future__ import annotations

import datetime
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from x_provider.client import OAuth1, Repeats, Timeouts, XClient

PLANTED = OAuth1("planted-api-key", "planted-api-secret", "planted-token", "planted-token-secret")

SPEC = Path(__file__).parents[2].parent / "shared" / "x-api" / "openapi-2.167.json"

CREATED = {"data": {"id": "1", "text": "hello", "edit_history_tweet_ids": ["1"]}}


@pytest.fixture(scope="session")
def schemas() -> dict[str, Any]:
    """The schemas of X's OpenAPI document."""
    if not SPEC.exists():
        pytest.skip(f"X's OpenAPI document is not at {SPEC}")
    return json.loads(SPEC.read_text())["components"]["schemas"]


@pytest.fixture
def planted() -> OAuth1:
    return PLANTED


class RawServer:
    """Accepts connections one after the other and does with the n-th request what the n-th step says.

    :param steps: each gets the connection after a whole request was read; the last one is repeated.
    :ivar choose: which step answers a request, by its head; by default the next one.
    :ivar bodies: the bodies read, one a request.
    :ivar connections: how many were opened.
    """

    def __init__(self) -> None:
        self.steps: list[Callable[[socket.socket], None]] = []
        self.bodies: list[bytes] = []
        self.heads: list[bytes] = []
        self.connections = 0
        self.choose: Callable[[bytes], Callable[[socket.socket], None]] = self._next_step
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def close(self) -> None:
        # Closing alone would leave the thread in accept() with the socket.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_idle_connections()

    def drop_idle_connections(self) -> None:
        """End what clients keep open, as a server does after its keep-alive time."""
        for connection in self._open:
            with suppress(OSError):
                # Closing is left to the thread that reads it: a number freed under its feet is soon that of
                # another connection, and TLS sends its last alert there. For the same reason it is not
                # SSLSocket.shutdown, which takes the TLS away first.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            while (request := self._read(connection)) is not None:
                head, body = request
                self.heads.append(head)
                self.bodies.append(body)
                self.choose(head)(connection)

    def _next_step(self, _: bytes) -> Callable[[socket.socket], None]:
        return self.steps[min(len(self.bodies), len(self.steps)) - 1]

    @staticmethod
    def _read(connection: socket.socket) -> tuple[bytes, bytes] | None:
        received = b""
        while b"\r\n\r\n" not in received:
            piece = connection.recv(65536)
            if not piece:
                return None
            received += piece
        head, body = received.split(b"\r\n\r\n", 1)
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        length = int(lengths[0].split(b":")[1]) if lengths else 0
        while len(body) < length:
            piece = connection.recv(65536)
            if not piece:
                return None
            body += piece
        return head, body


@pytest.fixture
def raw_server() -> Iterator[RawServer]:
    server = RawServer()
    yield server
    server.close()


def answer(status: int = 200, body: Any = None, **headers: str) -> Callable[[socket.socket], None]:
    """Answer properly and keep the connection."""

    def step(connection: socket.socket) -> None:
        text = json.dumps(body if body is not None else CREATED).encode()
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(text)}", "Content-Type: application/json"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + text)

    return step


def drop(connection: socket.socket) -> None:
    """Close the connection without an answer."""
    connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def reset(connection: socket.socket) -> None:
    """Break the connection off with a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    connection.close()


def break_off(connection: socket.socket) -> None:
    """Send half an answer, then close."""
    connection.sendall(b'HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"data": {"id": "1"')
    drop(connection)


def say_nothing(connection: socket.socket) -> None:
    """Keep the connection and never answer."""


@pytest.fixture
def behaviours() -> Any:
    """The steps that a raw server knows."""

    class Behaviours:
        answer = staticmethod(answer)
        drop = staticmethod(drop)
        reset = staticmethod(reset)
        break_off = staticmethod(break_off)
        say_nothing = staticmethod(say_nothing)

    return Behaviours


@pytest.fixture
def raw_client(raw_server: RawServer) -> Iterator[XClient]:
    """A client of the raw server that loses patience quickly."""
    client = XClient(
        raw_server.url,
        PLANTED,
        timeouts=Timeouts(connect=1, read=0.3),
        repeats=Repeats(attempts=3, first_pause=0),
    )
    yield client
    client.close()


class TLSServer(RawServer):
    """A raw server behind a certificate of its own making.

    :ivar certificate: PEM file of the certificate.
    :ivar handshake_done: set once a client is through.
    """

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "certificate.pem"
        key = folder / "key.pem"
        _write_certificate(self.certificate, key)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.certificate, key)
        self.handshake_done = threading.Event()
        super().__init__()

    @property
    def url(self) -> str:
        return super().url.replace("http:", "https:")

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            secured = self._context.wrap_socket(connection, server_side=True)
            self._open.append(secured)
            self.handshake_done.set()
            super()._serve(secured)


def _write_certificate(certificate: Path, key: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[TLSServer]:
    server = TLSServer(tmp_path)
    yield server
    server.close()
