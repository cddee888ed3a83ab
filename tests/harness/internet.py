"""A small internet on loopback: TLS servers that answer byte by byte as told, names that lead to them, a trap.

What is not on this internet ends in the trap: a server that is really there, and notes who comes.
"""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from x_provider.media import Fetcher, FetchSettings
from x_provider.media.addresses import resolve

Answer = Callable[[socket.socket], None]
DAY = datetime.timedelta(days=1)


class Authority:
    """A certificate authority that nobody trusts unless told to."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        certificate = self._builder(self._name, self._key, DAY).add_extension(usage, critical=True)
        certificate = certificate.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(_pem(certificate.sign(self._key, hashes.SHA256())))

    def context(self, *names: str, valid: datetime.timedelta = DAY) -> ssl.SSLContext:
        """What a server with those names and addresses needs."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        certificate = (
            self._builder(subject, key, valid)
            .add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        file = self._folder / f"{key.public_key().public_numbers().x}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        file.write_bytes(private + _pem(certificate.sign(self._key, hashes.SHA256())))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _builder(self, subject: x509.Name, key: Any, valid: datetime.timedelta) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.timezone.utc)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        return (
            x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - 2 * DAY)
            .not_valid_after(now + valid)
            .add_extension(identifier, critical=False)
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _name(name: str) -> x509.GeneralName:
    with suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


class Server:
    """One server on a port of this machine.

    :param context: its certificate; None for one that does not speak TLS.
    """

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.answers: dict[str, Answer] = {}
        self.otherwise = reply(b"nothing here", status="404 Not Found")
        self.visits = 0
        self.requests: list[str] = []
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._handlers: list[threading.Thread] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def is_left_alone(self) -> bool:
        """Whether all who came have gone; waits a while for it."""
        for handler in self._handlers:
            handler.join(timeout=20)
        return not any(handler.is_alive() for handler in self._handlers)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.visits += 1
            handler = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._handlers.append(handler)
            handler.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, ValueError):
            if handshake := self.answers.get("handshake"):
                handshake(connection)
                return
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    received = connection.recv(65536)
                    if not received:
                        return
                    head += received
                self.requests.append(head.decode())
                path = head.split(b" ", 2)[1].decode().partition("?")[0]
                self.answers.get(path, self.otherwise)(connection)
                if isinstance(connection, ssl.SSLSocket):
                    connection.unwrap()


def raw(*pieces: bytes) -> Answer:
    """Those bytes, then TLS's goodbye."""

    def answer(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)

    return answer


def reply(body: bytes = b"", status: str = "200 OK", length: bool = True, **headers: str) -> Answer:
    """An answer with its length; ``Content_Type="image/png"`` is a header."""
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return raw("\r\n".join([*lines, "", ""]).encode() + body)


def redirect(location: str, status: str = "302 Found", **headers: str) -> Answer:
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
    return raw(
        f"HTTP/1.1 {status}\r\n{''.join(lines)}Location: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    )


def endless(head: bytes, piece: bytes) -> Answer:
    """The head, then the piece again and again until nobody listens any more."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(piece)

    return answer


def trickle(head: bytes, piece: bytes, *, seconds: float) -> Answer:
    """The head, then the piece again and again with pauses, until nobody listens any more."""
    pause = threading.Event()

    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        while not pause.wait(seconds):
            connection.sendall(piece)

    return answer


def silence(head: bytes = b"") -> Answer:
    """The head, then nothing until the other side goes."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        while connection.recv(65536):
            pass

    return answer


def broken_off(head: bytes) -> Answer:
    """The head, then the end of the connection without TLS's goodbye."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        connection.shutdown(socket.SHUT_RDWR)

    return answer


class Internet:
    """Names, addresses, servers.

    :param picture: what the trap gives to everybody who asks.
    """

    def __init__(self, folder: Path, picture: bytes) -> None:
        self.authority = Authority(folder)
        self.lookups: list[str] = []
        self._answers: dict[str, list[list[str]]] = {}
        self._servers: dict[tuple[str, int], Server] = {}
        self.trap = Server(self.authority.context("cdn.example", "localhost", "127.0.0.1", "10.0.0.5"))
        self.trap.otherwise = reply(picture)

    def name(self, host: str, *answers: Iterable[str]) -> None:
        """Let a name have addresses; of several answers each is given once, the last one for ever."""
        self._answers[host] = [list(answer) for answer in answers]

    def server(self, *addresses: str, port: int = 443, context: ssl.SSLContext | None = None) -> Server:
        """Put a server where those addresses are."""
        server = Server(context)
        self._servers |= {(address, port): server for address in addresses}
        return server

    def site(self, host: str, *addresses: str, port: int = 443) -> Server:
        """Put a server with a proper certificate where a name and its addresses lead."""
        self.name(host, addresses)
        return self.server(*addresses, port=port, context=self.authority.context(host))

    def fetcher(self, **settings: Any) -> Fetcher:
        """A fetcher on this internet, which is impatient."""
        patience = {"connect_seconds": 2, "read_seconds": 2, "total_seconds": 10, "max_bytes": 2_000_000}
        chosen = FetchSettings(**{**patience, "ca_file": str(self.authority.file), **settings})
        return Fetcher(chosen, resolve=self.resolve, connect=self.connect)

    def resolve(self, host: str) -> list[str]:
        self.lookups.append(host)
        if answers := self._answers.get(host):
            return answers.pop(0) if len(answers) > 1 else answers[0]
        if host != "localhost":
            # An address, however it is written, is understood as the system does; no name leaves this machine.
            socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
        return resolve(host)

    def connect(self, address: str, port: int, seconds: float) -> socket.socket:
        server = self._servers.get((str(ipaddress.ip_address(address)), port), self.trap)
        return socket.create_connection(("127.0.0.1", server.port), timeout=seconds)

    def stop(self) -> None:
        for server in {*self._servers.values(), self.trap}:
            server.stop()
