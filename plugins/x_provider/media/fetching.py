"""Fetching a file from a URL that somebody wrote into a calendar, without trusting the URL or its server."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from x_provider.media.addresses import HostList, resolve, usable
from x_provider.media.errors import MediaError, not_connected
from x_provider.media.inspecting import is_web_page
from x_provider.media.urls import HttpsUrl, read_url, redirected, shown

if TYPE_CHECKING:
    from x_provider.media.connecting import Answer, Connect, Deadline

_BLOCK = 1 << 20
_PAGE_BYTES = 512
_REDIRECTS = (301, 302, 303, 307, 308)
_LENGTH = re.compile(r"[0-9]{1,18}")
_SAVE_IT = "Save the file, and use its path"


@dataclass(frozen=True)
class FetchSettings:
    """What may be fetched, and how much of it.

    :param hosts: only these, when any are given; written as ``HostList`` takes them.
    :param private_hosts: these besides, also where they are at addresses of one's own network.
    :param max_bytes: the largest file.
    :param connect_seconds: for a connection, and again for its TLS handshake.
    :param read_seconds: how long a server may be silent.
    :param total_seconds: for everything, redirects included; looking a name up ends by the system's own time-out.
    :param max_redirects: how often one may be sent elsewhere.
    :param ca_file: a PEM file of authorities to trust; left out, those that requests trusts.
    """

    hosts: tuple[str, ...] = ()
    private_hosts: tuple[str, ...] = ()
    max_bytes: int = 1_000_000_000
    connect_seconds: float = 10
    read_seconds: float = 30
    total_seconds: float = 900
    max_redirects: int = 5
    ca_file: str | None = None


class Fetcher:
    """Fetch https URLs into files.

    A host is looked up once, each of its addresses must be public, and the connection goes to an address that was
    looked at: what the name's server says a moment later does not matter. Every redirect is a new URL to judge.

    :param resolve: gives the addresses of a host.
    :param connect: connects to one of them; left out, by TCP.
    :raises MediaError: for settings that list what is no host.
    """

    def __init__(
        self,
        settings: FetchSettings | None = None,
        *,
        resolve: Callable[[str], list[str]] = resolve,
        connect: Connect | None = None,
    ) -> None:
        self.settings = settings or FetchSettings()
        self._hosts = HostList(self.settings.hosts)
        self._private_hosts = HostList(self.settings.private_hosts)
        self._resolve = resolve
        self._connect = connect

    def require(self, url: str) -> None:
        """Check what can be told of a URL without asking anybody.

        :raises MediaError: when it may not be fetched.
        """
        try:
            self._permitted(url)
        except MediaError as error:
            raise _told(url, url, error) from None

    def fetch(self, url: str, into: Path) -> None:
        """Write what a URL gives into a new file; on failure there is none.

        :raises MediaError: naming the URL without the values of its query, the reason, and what to do.
        :raises OSError: when the file cannot be written.
        """
        # Imported on first use: TLS costs a start that mostly reads texts.
        from x_provider.media.connecting import Deadline  # noqa: PLC0415

        asked = [url]
        try:
            self._follow(asked, Deadline(self.settings.total_seconds), into)
        except MediaError as error:
            raise _told(url, asked[-1], error) from None

    def _follow(self, asked: list[str], deadline: Deadline, into: Path) -> None:
        """Go from redirect to redirect until there is a file; *asked* gets each URL before it is judged."""
        for _ in range(self.settings.max_redirects + 1):
            with self._answer(asked[-1], deadline) as answer:
                if answer.status not in _REDIRECTS:
                    self._save(answer, into)
                    return
                location = answer.header("Location")
            if not location:
                raise MediaError(f"its server sends us nowhere (HTTP {answer.status})", _SAVE_IT)
            asked.append(redirected(asked[-1], location[0]))
        raise MediaError(f"that is redirect {len(asked) - 1}", _SAVE_IT)

    def _permitted(self, url: str) -> HttpsUrl:
        found = read_url(url)
        if self._private_hosts.has(found.host, found.port):
            return found
        listed = self._hosts.has(found.host, found.port)
        if found.port != 443 and not listed:
            hint = f"Use port 443, or have {found.host}:{found.port} added to media_hosts"
            raise MediaError(f"port {found.port} is not for https files", hint)
        if self._hosts and not listed:
            hint = "Use one of them, or have it added to media_hosts"
            raise MediaError(f"{found.host} is not among the hosts that files may come from", hint)
        return found

    def _answer(self, asked: str, deadline: Deadline) -> AbstractContextManager[Answer]:
        from x_provider.media import connecting  # noqa: PLC0415  (as above)

        url = self._permitted(asked)
        try:
            addresses = self._resolve(url.host)
        except socket.gaierror as error:
            may_pass = error.errno == socket.EAI_AGAIN
            hint = "Try again later" if may_pass else "Correct it"
            raise not_connected(f"the host {url.host} is unknown", hint, may_pass=may_pass) from None
        except (OSError, UnicodeError):
            raise MediaError(f"{url.host} can be no host", "Correct it") from None
        private = self._private_hosts.has(url.host, url.port)
        return connecting.answer_of(
            url,
            usable(url.host, addresses, private=private),
            connect=self._connect or connecting.connect,
            context=connecting.trusting(self.settings.ca_file),
            deadline=deadline,
            connect_seconds=self.settings.connect_seconds,
            read_seconds=self.settings.read_seconds,
        )

    def _save(self, answer: Answer, into: Path) -> None:
        _require_a_file(answer)
        length = self._length(answer)
        with into.open("xb") as file:
            try:
                size = self._copy(answer, file)
                _require_whole(size, length)
            except BaseException:
                into.unlink(missing_ok=True)
                raise

    def _copy(self, answer: Answer, file: BinaryIO) -> int:
        size, buffer = 0, memoryview(bytearray(_BLOCK))
        while read := answer.read_into(buffer):
            if size == 0:
                _require_no_page(bytes(buffer[:_PAGE_BYTES]))
            size += read
            self._require_small(size)
            file.write(buffer[:read])
        return size

    def _length(self, answer: Answer) -> int | None:
        lengths = set(answer.header("Content-Length"))
        if not lengths or answer.chunked:
            return None
        length = lengths.pop()
        if lengths or not _LENGTH.fullmatch(length):
            raise MediaError("its server does not keep to HTTP (Content-Length)", _SAVE_IT)
        self._require_small(int(length))
        return int(length)

    def _require_small(self, size: int) -> None:
        if size > self.settings.max_bytes:
            hint = "Make it smaller, or raise media_max_megabytes in Airflow's configuration, section [x]"
            raise MediaError(f"it is larger than {self.settings.max_bytes / 1e6:g} MB", hint)


def _require_a_file(answer: Answer) -> None:
    """Take nothing but a whole file as it is."""
    status = answer.status
    if status in (404, 410):
        raise MediaError(f"there is no such file (HTTP {status})", "Correct the address")
    if status in (401, 403):
        hint = "Use an address that opens in a private browser window; signed ones expire"
        raise MediaError(f"its server does not give it to us (HTTP {status})", hint)
    if status == 429 or status >= 500:
        raise MediaError(f"its server is in trouble (HTTP {status})", "Try again later", may_pass=True)
    if status != 200:
        raise MediaError(f"its server gives no file (HTTP {status})", _SAVE_IT)
    for header, fine in (("Transfer-Encoding", ["chunked"]), ("Content-Encoding", ["identity"])):
        values = [value.strip().lower() for value in answer.header(header)]
        if values and values != fine:
            raise MediaError(f"its server packs it, though asked not to ({header})", _SAVE_IT)


def _require_no_page(head: bytes) -> None:
    # Said of a page by its bytes: servers call pages pictures, and pictures pages.
    if is_web_page(head):
        raise MediaError(
            "its server gives a web page, not a file",
            "Use the direct address of the file: not the page that shows or shares it, nor one behind a login"
            " (of a Dropbox link the one that ends with dl=1)",
        )


def _require_whole(size: int, length: int | None) -> None:
    if size == 0:
        raise MediaError("it is empty", "Save it there again")
    if length is not None and size != length:
        raise MediaError("the connection broke off before its end", "Try again", may_pass=True)


def _told(url: str, asked: str, error: MediaError) -> MediaError:
    where = shown(url) if asked == url else f"{shown(url)} leads to {shown(asked)}, which"
    return MediaError(f"{where} cannot be fetched: {error.message}", error.hint, may_pass=error.may_pass)
