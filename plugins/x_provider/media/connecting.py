"""One request over a connection that knows its deadline.

The standard library's client, because of what it lacks: it follows no redirects, keeps no cookies, repeats nothing,
unpacks nothing, and looks for no proxy or password in the environment.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import lru_cache
from http.client import HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import TYPE_CHECKING

import certifi

from x_provider.media.errors import MediaError, not_connected
from x_provider.media.urls import HttpsUrl

if TYPE_CHECKING:
    from typing_extensions import Buffer

Connect = Callable[[str, int, float], socket.socket]
"""Connects to an address and port within so many seconds."""

_HEADERS = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": "airflow-provider-x",
}


def connect(address: str, port: int, seconds: float) -> socket.socket:
    """Connect to an address; what is no address but a name would be looked up, so none must come here."""
    return socket.create_connection((address, port), timeout=seconds)


class Deadline:
    """When a fetch has taken too long, whatever it is doing."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self, at_most: float = float("inf")) -> float:
        """How many seconds are left, and no more than *at_most*.

        :raises MediaError: when none are.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            hint = "Try again later, save the file, or raise media_seconds in Airflow's configuration, section [x]"
            raise MediaError(f"it took longer than {self._seconds:g} s", hint, may_pass=True)
        return min(left, at_most)


class _Socket(ssl.SSLSocket):
    """A socket that asks before each read how long it may take: bytes that trickle in must come to an end."""

    allowance: Callable[[], float] | None = None

    def read(self, len: int = 1024, buffer: Buffer | None = None) -> bytes:
        if self.allowance is not None:
            self.settimeout(self.allowance())
        return super().read(len, buffer)


class _Connection(HTTPSConnection):
    def __init__(self, url: HttpsUrl, tls: _Socket, context: ssl.SSLContext) -> None:
        super().__init__(url.host, url.port, context=context)
        self.sock = tls
        self.auto_open = 0


class Answer:
    """What a server answers, its body still to be read."""

    def __init__(self, response: HTTPResponse, deadline: Deadline) -> None:
        self._response = response
        self._deadline = deadline
        self.status = response.status
        self.chunked = bool(response.chunked)

    def header(self, name: str) -> list[str]:
        """The values of a header, one for each time it was sent."""
        return self._response.headers.get_all(name, [])

    def read_into(self, buffer: memoryview) -> int:
        """Fill the buffer; less only at the body's end.

        :raises MediaError: when reading breaks off.
        """
        with _explained(self._deadline):
            return self._response.readinto(buffer)


@contextmanager
def answer_of(
    url: HttpsUrl,
    addresses: Sequence[IPv4Address | IPv6Address],
    *,
    connect: Connect,
    context: ssl.SSLContext,
    deadline: Deadline,
    connect_seconds: float,
    read_seconds: float,
) -> Iterator[Answer]:
    """GET a URL from the first of its addresses that takes the connection.

    :raises MediaError: when there is no answer.
    """
    with ExitStack() as until_read:
        with _explained(deadline):
            raw = until_read.enter_context(
                closing(_first(addresses, url.port, connect, deadline, connect_seconds))
            )
            # The handshake as a whole has this long.
            raw.settimeout(deadline.left(connect_seconds))
            # A body without a length ends with the connection: an end without TLS's goodbye may be a cut.
            tls = context.wrap_socket(raw, server_hostname=url.host, suppress_ragged_eofs=False)
            assert isinstance(tls, _Socket)  # noqa: S101  (the context's class of sockets)
            tls.allowance = lambda: deadline.left(read_seconds)
            connection = until_read.enter_context(closing(_Connection(url, tls, context)))
            connection.request("GET", url.target, headers=_HEADERS)
            response = until_read.enter_context(connection.getresponse())
        yield Answer(response, deadline)


def _first(
    addresses: Sequence[IPv4Address | IPv6Address],
    port: int,
    connect: Connect,
    deadline: Deadline,
    connect_seconds: float,
) -> socket.socket:
    trouble: OSError = OSError("it has no address")
    for address in addresses:
        try:
            return connect(str(address), port, deadline.left(connect_seconds))
        except OSError as error:
            trouble = error
    reason = "no answer" if isinstance(trouble, TimeoutError) else trouble.strerror or str(trouble)
    raise not_connected(f"its server cannot be reached ({reason})", "Try again later", may_pass=True)


@contextmanager
def _explained(deadline: Deadline) -> Iterator[None]:
    """Turn what a connection may raise into words; never with its own text, which may hold the URL."""
    try:
        yield
    except MediaError:
        raise
    except ssl.SSLCertVerificationError as error:
        raise MediaError(
            f"its certificate cannot be trusted ({error.verify_message.rstrip('.')})",
            "Use an address with a valid certificate; where your company has its own authority, name its file in "
            "REQUESTS_CA_BUNDLE",
        ) from None
    except TimeoutError:
        deadline.left()  # unless it was for the deadline that there was no more time
        hint = "Try again later, or save the file"
        raise MediaError("its server was silent for too long", hint, may_pass=True) from None
    except (ssl.SSLEOFError, IncompleteRead, ConnectionError):
        raise MediaError("the connection broke off before its end", "Try again", may_pass=True) from None
    except ssl.SSLError as error:
        words = (error.reason or "unknown").replace("_", " ").lower()
        raise MediaError(f"no safe connection comes about ({words})", "Try again, or save the file") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise MediaError(f"the connection broke off ({reason})", "Try again", may_pass=True) from None
    except (HTTPException, ValueError) as error:
        hint = "Save the file, and use its path"
        raise MediaError(f"its server does not keep to HTTP ({type(error).__name__})", hint) from None


def trusting(ca_file: str | None) -> ssl.SSLContext:
    """The TLS settings that trust the authorities of a PEM file or folder.

    :param ca_file: left out, it is what requests takes: REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, or certifi's.
    :raises MediaError: when it holds none.
    """
    named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    return _context(ca_file or named or certifi.where())


@lru_cache(maxsize=8)
def _context(path: str) -> ssl.SSLContext:
    try:
        folder = Path(path).is_dir()
        context = ssl.create_default_context(cafile=None if folder else path, capath=path if folder else None)
    except OSError as error:
        reason = error.strerror or "no PEM file"
        raise MediaError(f"the authorities in {path} cannot be read ({reason})", "Correct the path") from None
    context.set_alpn_protocols(["http/1.1"])
    context.sslsocket_class = _Socket
    return context
