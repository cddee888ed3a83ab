"""Servers that send too much, too slowly, too little, or something else than the file."""

from __future__ import annotations

import datetime
import gzip
import socket
import threading
from pathlib import Path

import pytest
from internet import (
    Answer,
    Authority,
    Internet,
    Server,
    broken_off,
    endless,
    raw,
    redirect,
    reply,
    silence,
    trickle,
)

from x_provider.media import MediaError

PUBLIC = "93.184.215.14"
URL = "https://cdn.example/x.png"
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
KILOBYTES = bytes(65536)
BOMB = gzip.compress(bytes(4_000_000))
BROKE_OFF = "the connection broke off before its end"
SILENT = "was silent for too long"
LARGE = "it is larger than 1 MB"
PACKED = "packs it, though asked not to"
NO_HTTP = "its server does not keep to HTTP"

TRICKS = [
    # too much
    ("a length too large", reply(bytes(1_000_001)), LARGE, False),
    (
        "a length too large, and nothing after",
        raw(HEAD + b"Content-Length: 99999999999\r\n\r\n"),
        LARGE,
        False,
    ),
    ("a length of 30 digits", raw(HEAD + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n"), NO_HTTP, False),
    ("too large without a length", reply(bytes(1_000_001), length=False), LARGE, False),
    ("an endless body", endless(HEAD + b"\r\n", KILOBYTES), LARGE, False),
    ("an endless body in chunks", endless(CHUNKED, b"10000\r\n" + KILOBYTES + b"\r\n"), LARGE, False),
    ("one endless chunk", endless(CHUNKED + b"FFFFFFFFFFFFFFFF\r\n", KILOBYTES), LARGE, False),
    ("an endless size of a chunk", endless(CHUNKED, b"0" * 65536), NO_HTTP, False),
    ("endless trailers", endless(CHUNKED + b"0\r\n", b"x: y\r\n" * 4096), "took longer than 1 s", True),
    ("an endless header", endless(HEAD + b"x: ", KILOBYTES), NO_HTTP, False),
    ("endless headers", endless(HEAD, b"x: y\r\n" * 4096), NO_HTTP, False),
    ("an endless status line", endless(b"HTTP/1.1 200 ", KILOBYTES), NO_HTTP, False),
    ("endless promises", endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 4096), "took longer than 1 s", True),
    # too slowly
    ("no byte", silence(), SILENT, True),
    ("headers, then no byte", silence(HEAD + b"Content-Length: 9\r\n\r\n"), SILENT, True),
    ("half a body", silence(HEAD + b"Content-Length: 9\r\n\r\nhalf"), SILENT, True),
    ("headers that trickle", trickle(HEAD + b"x: ", b"y", seconds=0.05), "took longer than 1 s", True),
    ("a body that trickles", trickle(HEAD + b"\r\n", b"y", seconds=0.05), "took longer than 1 s", True),
    ("chunks that trickle", trickle(CHUNKED, b"1\r\ny\r\n", seconds=0.05), "took longer than 1 s", True),
    # too little
    ("less than its length", broken_off(HEAD + b"Content-Length: 9\r\n\r\nhalf"), BROKE_OFF, True),
    ("less than its length, with a goodbye", raw(HEAD + b"Content-Length: 9\r\n\r\nhalf"), BROKE_OFF, True),
    ("chunks cut short", broken_off(CHUNKED + b"4\r\nhalf\r\n"), BROKE_OFF, True),
    ("chunks cut short, with a goodbye", raw(CHUNKED + b"4\r\nhalf\r\n"), BROKE_OFF, True),
    ("a chunk cut short", raw(CHUNKED + b"8\r\nhalf"), BROKE_OFF, True),
    ("no length and no goodbye", broken_off(HEAD + b"\r\nhalf"), BROKE_OFF, True),
    ("headers cut short", broken_off(b"HTTP/1.1 200"), BROKE_OFF, True),
    ("nothing at all", broken_off(b""), BROKE_OFF, True),
    ("an empty body", reply(b""), "it is empty", False),
    ("an empty body in chunks", raw(CHUNKED + b"0\r\n\r\n"), "it is empty", False),
    ("no body", reply(status="204 No Content", length=False), "gives no file (HTTP 204)", False),
    (
        "a part",
        reply(b"x", "206 Partial Content", Content_Range="bytes 0-0/9"),
        "gives no file (HTTP 206)",
        False,
    ),
    # something else
    ("a gzip bomb", reply(BOMB, Content_Encoding="gzip"), PACKED, False),
    ("a bomb packed twice", reply(BOMB, Content_Encoding="gzip, gzip"), PACKED, False),
    ("a bomb of Brotli", reply(BOMB, Content_Encoding="br"), PACKED, False),
    ("a bomb in the transfer", raw(HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n", BOMB), PACKED, False),
    ("a bomb behind chunks", raw(CHUNKED[:-2] + b"Transfer-Encoding: gzip\r\n\r\n", BOMB), PACKED, False),
    ("two lengths", raw(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), NO_HTTP, False),
    ("a negative length", raw(HEAD + b"Content-Length: -1\r\n\r\nx"), NO_HTTP, False),
    ("a length in another notation", raw(HEAD + b"Content-Length: 1e3\r\n\r\nx"), NO_HTTP, False),
    ("a size of a chunk that is no number", raw(CHUNKED + b"x\r\ny\r\n0\r\n\r\n"), BROKE_OFF, True),
    ("HTTP 0.9", raw(b"<html>"), NO_HTTP, False),
    ("HTTP 2", raw(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\r\n\r\n"), NO_HTTP, False),
    ("a login", reply(b"x", "401 Unauthorized"), "does not give it to us (HTTP 401)", False),
    ("forbidden", reply(b"x", "403 Forbidden"), "does not give it to us (HTTP 403)", False),
    ("not there", reply(b"x", "404 Not Found"), "there is no such file (HTTP 404)", False),
    ("too often", reply(b"x", "429 Too Many Requests"), "is in trouble (HTTP 429)", True),
    ("in trouble", reply(b"x", "503 Service Unavailable"), "is in trouble (HTTP 503)", True),
    # before a word is said
    ("no handshake", silence(), SILENT, True),
    ("a handshake that trickles", trickle(b"\x16\x03\x03\x3f\xff", b"\x02", seconds=0.05), SILENT, True),
    ("no TLS", raw(b"HTTP/1.1 200 OK\r\n\r\n"), "no safe connection comes about", False),
    ("a connection that ends at once", raw(b""), BROKE_OFF, True),
]

BEFORE_A_WORD = ("no handshake", "a handshake that trickles", "no TLS", "a connection that ends at once")
PATIENCE = {
    SILENT: {"connect_seconds": 0.5, "read_seconds": 0.5},
    "took longer than 1 s": {"total_seconds": 1},
}


@pytest.fixture
def cdn(internet: Internet) -> Server:
    return internet.site("cdn.example", PUBLIC)


def refused(internet: Internet, folder: Path, url: str = URL, **settings: object) -> MediaError:
    """The refusal of what a server does; nothing is left behind."""
    patient = {"max_bytes": 1_000_000, "connect_seconds": 20, "read_seconds": 20, "total_seconds": 60}
    with pytest.raises(MediaError) as refusal:
        internet.fetcher(**{**patient, **settings}).fetch(url, folder / "file")
    assert list(folder.iterdir()) == []
    assert refusal.value.message.startswith(url)
    assert refusal.value.hint
    return refusal.value


@pytest.mark.parametrize(("trick", "answer", "reason", "may_pass"), TRICKS, ids=[row[0] for row in TRICKS])
def test_what_is_no_whole_file_is_refused(
    internet: Internet, cdn: Server, tmp_path: Path, trick: str, answer: Answer, reason: str, may_pass: bool
) -> None:
    cdn.answers["handshake" if trick in BEFORE_A_WORD else "/x.png"] = answer
    error = refused(internet, tmp_path, **PATIENCE.get(reason, {}))
    assert reason in error.message
    assert error.may_pass is may_pass
    assert cdn.is_left_alone()


def test_the_time_for_all_is_not_begun_anew_by_a_redirect(
    internet: Internet, cdn: Server, tmp_path: Path
) -> None:
    never = threading.Event()

    def slowly(connection: socket.socket) -> None:
        never.wait(0.4)
        redirect("/x.png")(connection)

    cdn.answers["/x.png"] = slowly
    error = refused(internet, tmp_path, max_redirects=100, **PATIENCE["took longer than 1 s"])
    assert "took longer than 1 s" in error.message
    assert cdn.visits <= 4


def test_bytes_that_arrive_are_counted_not_those_announced(
    internet: Internet, cdn: Server, tmp_path: Path
) -> None:
    """A length that is too small makes the file smaller; it never opens the door to more."""
    cdn.answers["/x.png"] = raw(HEAD + b"Content-Length: 4\r\n\r\n" + KILOBYTES)
    internet.fetcher(max_bytes=4).fetch(URL, tmp_path / "file")
    assert (tmp_path / "file").stat().st_size == 4


class TestCertificates:
    """A server must prove its name, whatever address it was found at."""

    def test_another_name(self, internet: Internet, tmp_path: Path) -> None:
        internet.name("cdn.example", [PUBLIC])
        server = internet.server(PUBLIC, context=internet.authority.context("other.example", "*.cdn.example"))
        assert "certificate is not valid for 'cdn.example'" in refused(internet, tmp_path).message
        assert server.requests == []

    def test_an_authority_that_nobody_knows(self, internet: Internet, tmp_path: Path) -> None:
        internet.name("cdn.example", [PUBLIC])
        stranger = Authority(tmp_path_of(internet), "stranger")
        server = internet.server(PUBLIC, context=stranger.context("cdn.example"))
        error = refused(internet, tmp_path)
        assert "its certificate cannot be trusted (unable to get local issuer certificate)" in error.message
        assert "REQUESTS_CA_BUNDLE" in error.hint
        assert server.requests == []

    def test_expired(self, internet: Internet, tmp_path: Path) -> None:
        internet.name("cdn.example", [PUBLIC])
        yesterday = datetime.timedelta(days=-1)
        internet.server(PUBLIC, context=internet.authority.context("cdn.example", valid=yesterday))
        assert "certificate has expired" in refused(internet, tmp_path).message

    def test_an_address_needs_a_certificate_for_the_address(
        self, internet: Internet, cdn: Server, tmp_path: Path
    ) -> None:
        error = refused(internet, tmp_path, f"https://{PUBLIC}/x.png")
        assert "certificate is not valid for '93.184.215.14'" in error.message

    def test_without_a_setting_the_test_authority_is_not_trusted(
        self, internet: Internet, cdn: Server, tmp_path: Path
    ) -> None:
        assert "cannot be trusted" in refused(internet, tmp_path, ca_file=None).message

    @pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
    def test_authorities_are_found_where_requests_finds_them(
        self,
        internet: Internet,
        cdn: Server,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        variable: str,
    ) -> None:
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
        monkeypatch.setenv(variable, str(internet.authority.file))
        cdn.answers["/x.png"] = reply(b"x")
        internet.fetcher(ca_file=None).fetch(URL, tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == b"x"

    def test_a_file_of_authorities_that_is_not_there_is_told(
        self, internet: Internet, cdn: Server, tmp_path: Path
    ) -> None:
        error = refused(internet, tmp_path, ca_file="/nowhere/ca.pem")
        assert (
            "the authorities in /nowhere/ca.pem cannot be read (No such file or directory)" in error.message
        )
        assert cdn.visits == 0


def tmp_path_of(internet: Internet) -> Path:
    return internet.authority.file.parent
