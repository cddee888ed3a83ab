"""Fetching files from servers that mean well, and what is told to them and about them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from internet import Internet, Server, raw, redirect, reply

from x_provider.media import Fetcher, FetchSettings, MediaError, inspect, shown

PUBLIC = "93.184.215.14"
URL = "https://cdn.example/x.png"
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def cdn(internet: Internet, picture: bytes) -> Server:
    server = internet.site("cdn.example", PUBLIC)
    server.answers["/x.png"] = reply(picture)
    return server


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(reply, id="with its length"),
        pytest.param(lambda body: reply(body, Content_Encoding="identity"), id="expressly not packed"),
        pytest.param(lambda body: reply(body, length=False), id="until the end of the connection"),
        pytest.param(lambda body: raw(HEAD[:7] + b"0 200 OK\r\n\r\n", body), id="HTTP 1.0"),
        pytest.param(
            lambda body: raw(
                HEAD + b"Transfer-Encoding: Chunked\r\n\r\n",
                *(b"1;x=y\r\n%c\r\n" % byte for byte in body),
                b"0\r\nx: y\r\n\r\n",
            ),
            id="in chunks of a byte",
        ),
    ],
)
def test_a_file_arrives_however_it_is_sent(
    internet: Internet, cdn: Server, tmp_path: Path, picture: bytes, answer
) -> None:
    cdn.answers["/x.png"] = answer(picture)
    internet.fetcher().fetch(URL, tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes() == picture


def test_a_file_of_just_the_largest_size_arrives(internet: Internet, cdn: Server, tmp_path: Path) -> None:
    body = os.urandom(2_000_000)
    cdn.answers["/x.png"] = reply(body)
    internet.fetcher(max_bytes=len(body)).fetch(URL, tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes() == body


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
def test_redirects_are_followed(
    internet: Internet, cdn: Server, tmp_path: Path, picture: bytes, status: str
) -> None:
    img = internet.site("img.example", "2606:2800:21f:cb07::1")
    img.answers |= {"/a/go": redirect("../b/go?further#here", status), "/b/go": redirect(URL, status)}
    cdn.answers["/go"] = redirect("//img.example/a/go", status)
    internet.fetcher().fetch("https://cdn.example/go", tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes() == picture
    assert [request.split()[1] for request in img.requests] == ["/a/go", "/b/go?further"]


def test_as_many_redirects_as_are_allowed(
    internet: Internet, cdn: Server, tmp_path: Path, picture: bytes
) -> None:
    cdn.answers |= {f"/{step}": redirect(f"/{step + 1}") for step in range(3)}
    cdn.answers["/3"] = reply(picture)
    internet.fetcher(max_redirects=3).fetch("https://cdn.example/0", tmp_path / "x.png")
    with pytest.raises(MediaError, match=r"leads to https://cdn.example/3, which .*: that is redirect 3"):
        internet.fetcher(max_redirects=2).fetch("https://cdn.example/0", tmp_path / "y.png")


def test_letters_beyond_ascii_are_sent_as_browsers_send_them(
    internet: Internet, cdn: Server, tmp_path: Path, picture: bytes
) -> None:
    cdn.answers["/bilder/gr%C3%BCn.png"] = redirect("/größer.png?a=ü")
    cdn.answers["/gr%C3%B6%C3%9Fer.png"] = reply(picture)
    internet.fetcher().fetch("https://cdn.example/bilder/grün.png", tmp_path / "x.png")
    assert "GET /gr%C3%B6%C3%9Fer.png?a=%C3%BC HTTP/1.1" in cdn.requests[-1]


def test_the_next_address_is_tried_when_one_does_not_answer(
    internet: Internet, cdn: Server, tmp_path: Path, picture: bytes
) -> None:
    down = internet.server("93.184.215.99")
    down.stop()
    internet.name("cdn.example", ["93.184.215.99", PUBLIC])
    internet.fetcher().fetch(URL, tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes() == picture


def test_a_server_that_is_down_may_come_back(internet: Internet, cdn: Server, tmp_path: Path) -> None:
    cdn.stop()
    with pytest.raises(MediaError, match=r"cannot be reached \(Connection refused\)") as refusal:
        internet.fetcher().fetch(URL, tmp_path / "x.png")
    assert refusal.value.may_pass


@pytest.mark.parametrize(("code", "may_pass"), [(socket.EAI_AGAIN, True), (socket.EAI_NONAME, False)])
def test_a_name_server_in_trouble_is_not_an_unknown_name(tmp_path: Path, code: int, may_pass: bool) -> None:
    def resolve(host: str) -> list[str]:
        raise socket.gaierror(code, "")

    with pytest.raises(MediaError, match=r"cdn\.example is unknown") as refusal:
        Fetcher(resolve=resolve).fetch(URL, tmp_path / "x.png")
    assert refusal.value.may_pass is may_pass


def test_a_file_that_is_there_already_is_left_alone(internet: Internet, cdn: Server, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        internet.fetcher().fetch(URL, tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes() == b"mine"


PAGE = b"<!doctype html><meta http-equiv=refresh content='0;url=https://127.0.0.1/'><h1>Please log in</h1>"


@pytest.mark.parametrize("page", [PAGE, b"\xef\xbb\xbf\r\n " + PAGE.upper(), b"<html lang=en><title>Photo"])
@pytest.mark.parametrize("said", ["image/png", "text/html; charset=utf-8"])
def test_a_page_where_a_picture_should_be_is_told_from_a_file(
    internet: Internet, cdn: Server, tmp_path: Path, page: bytes, said: str
) -> None:
    cdn.answers["/x.png"] = redirect("/login?next=x.png")
    cdn.answers["/login"] = reply(page, Content_Type=said)
    with pytest.raises(MediaError) as refusal:
        internet.fetcher().fetch(URL, tmp_path / "x.png")
    assert str(refusal.value) == (
        f"{URL} leads to https://cdn.example/login?next=…, which cannot be fetched: its server gives a web page,"
        " not a file"
    )
    assert "the direct address of the file" in refusal.value.hint
    assert not (tmp_path / "x.png").exists()


def test_a_picture_that_its_server_calls_a_page_is_a_picture(
    internet: Internet, cdn: Server, tmp_path: Path, picture: bytes
) -> None:
    cdn.answers["/x.png"] = reply(picture, Content_Type="text/html")
    internet.fetcher().fetch(URL, tmp_path / "x.png")
    assert inspect(tmp_path / "x.png")[0].media_type == "image/png"


@pytest.mark.parametrize("proxy", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", None])
def test_where_a_proxy_is_set_it_is_said_that_files_do_not_use_it(
    internet: Internet, cdn: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str | None
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    if proxy:
        monkeypatch.setenv(proxy, "http://user:hush@proxy.example:3128")

    def unknown(host: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "")

    cdn.stop()
    for fetcher in (internet.fetcher(), Fetcher(resolve=unknown)):
        with pytest.raises(MediaError) as refusal:
            fetcher.fetch(URL, tmp_path / "x.png")
        hint = refusal.value.hint
        assert ("its proxy (HTTPS_PROXY), which is not used for files" in hint) == (proxy is not None)
        assert "hush" not in hint


class TestWhatAServerIsTold:
    """A request carries nothing of this machine or of an earlier answer."""

    REQUEST = (
        "GET /x.png HTTP/1.1\r\nHost: cdn.example\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
        "Connection: close\r\nUser-Agent: airflow-provider-x\r\n\r\n"
    )

    def test_a_request(self, internet: Internet, cdn: Server, tmp_path: Path) -> None:
        internet.fetcher().fetch(URL, tmp_path / "x.png")
        assert cdn.requests == [self.REQUEST]

    def test_a_request_after_a_redirect_that_sets_a_cookie(
        self, internet: Internet, cdn: Server, tmp_path: Path
    ) -> None:
        cdn.answers["/go"] = redirect("/x.png", Set_Cookie="id=1", WWW_Authenticate="Basic")
        internet.fetcher().fetch("https://cdn.example/go?token=secret", tmp_path / "x.png")
        assert cdn.requests[-1] == self.REQUEST

    def test_passwords_and_proxies_of_the_environment(
        self, internet: Internet, cdn: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        netrc = tmp_path_with(internet, "netrc", "machine cdn.example login me password secret\n")
        monkeypatch.setenv("NETRC", str(netrc))
        for variable in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{internet.trap.port}")
        internet.fetcher().fetch(URL, tmp_path / "x.png")
        assert cdn.requests == [self.REQUEST]
        assert internet.trap.visits == 0

    def test_a_port_is_part_of_the_host(self, internet: Internet, tmp_path: Path) -> None:
        server = internet.site("img.example", "93.184.215.15", port=8443)
        server.answers["/x?y"] = reply(b"x")
        server.otherwise = reply(b"x")
        internet.fetcher(hosts=("img.example:8443",)).fetch("https://img.example:8443?y", tmp_path / "x.png")
        assert server.requests[0].startswith("GET /?y HTTP/1.1\r\nHost: img.example:8443\r\n")


class TestOverTheRealNetwork:
    """Nothing is put in the place of looking up and connecting: the servers are on this machine."""

    @pytest.fixture
    def here(self, internet: Internet, picture: bytes) -> Server:
        server = internet.server("127.0.0.1", context=internet.authority.context("localhost"))
        server.otherwise = reply(picture)
        return server

    def fetcher(self, internet: Internet, **settings: tuple[str, ...]) -> Fetcher:
        return Fetcher(FetchSettings(ca_file=str(internet.authority.file), **settings))

    def test_a_private_host(self, internet: Internet, here: Server, tmp_path: Path, picture: bytes) -> None:
        url = f"https://localhost:{here.port}/x.png"
        self.fetcher(internet, private_hosts=(f"localhost:{here.port}",)).fetch(url, tmp_path / "x.png")
        assert (tmp_path / "x.png").read_bytes() == picture

    def test_the_same_host_when_it_is_only_listed(
        self, internet: Internet, here: Server, tmp_path: Path
    ) -> None:
        fetcher = self.fetcher(internet, hosts=(f"localhost:{here.port}",))
        with pytest.raises(MediaError, match="which is this machine") as refusal:
            fetcher.fetch(f"https://localhost:{here.port}/x.png", tmp_path / "x.png")
        assert "media_private_hosts" in refusal.value.hint
        assert here.visits == 0


class TestWhatIsShownOfAUrl:
    """Signed URLs are as good as passwords: messages and logs have them without what makes them so."""

    @pytest.mark.parametrize(
        ("url", "words"),
        [
            ("https://cdn.example/a/b.png", "https://cdn.example/a/b.png"),
            (
                "https://b.s3.amazonaws.com/k?X-Amz-Credential=AK&X-Amz-Signature=5e=",
                "https://b.s3.amazonaws.com/k?X-Amz-Credential=…&X-Amz-Signature=…",
            ),
            ("https://cdn.example/x?secret", "https://cdn.example/x?…"),
            ("https://cdn.example/x?a=1#token=secret", "https://cdn.example/x?a=…"),
            ("https://cdn.example/x#token=secret?a", "https://cdn.example/x"),
            ("https://me:secret@cdn.example/x", "https://…@cdn.example/x"),
            ("HTTPS://secret@cdn.example/x", "HTTPS://…@cdn.example/x"),
            ("https:/secret@cdn.example/x?a=1", "https:/…@cdn.example/x?a=…"),
            ("https:secret@cdn.example/x", "https:…@cdn.example/x"),
            ("s3:/AKIA:secret@bucket/key.png", "s3:/…@bucket/key.png"),
            ("see 1https://me:secret@cdn.example/x", "see 1https://…@cdn.example/x"),
            ("Foto: me@home.png", "Foto: me@home.png"),
            ("s3://aws_default@bucket/key.png", "s3://aws_default@bucket/key.png"),
            ("s3://AKIA:secret@bucket/key.png", "s3://…@bucket/key.png"),
            ("https://cdn.example/a\r\nb", "https://cdn.example/a\\r\\nb"),
            ("https://cdn.example/grün.png", "https://cdn.example/grün.png"),
            ("https://cdn.example/" + "x" * 999, "https://cdn.example/" + "x" * 280 + "…"),
        ],
    )
    def test_it_has_no_secrets(self, url: str, words: str) -> None:
        assert shown(url) == words

    def test_a_refusal_has_none_either(self, internet: Internet, cdn: Server, tmp_path: Path) -> None:
        cdn.answers["/x.png"] = redirect("https://cdn.example:22/y.png?signature=secret2")
        with pytest.raises(MediaError) as refusal:
            internet.fetcher().fetch(f"{URL}?signature=secret1", tmp_path / "x.png")
        assert refusal.value.message == (
            f"{URL}?signature=… leads to https://cdn.example:22/y.png?signature=…, which cannot be fetched:"
            " port 22 is not for https files"
        )
        assert refusal.value.__suppress_context__


def tmp_path_with(internet: Internet, name: str, text: str) -> Path:
    path = internet.authority.file.with_name(name)
    path.write_text(text)
    return path
