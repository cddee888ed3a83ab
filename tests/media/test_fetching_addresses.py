"""URLs that try to lead a worker into its own network, given by an editor or by a server's redirect."""

from __future__ import annotations

from pathlib import Path

import pytest
from internet import Internet, Server, redirect, reply

from x_provider.media import MediaError
from x_provider.media.addresses import resolve, usable

PUBLIC = "93.184.215.14"
PUBLIC_IPV6 = "2606:2800:21f:cb07::1"

NO_HOST = "its host is neither a plain name nor an address"
SECRETS = "a name or password before its host"
SPACE = "a space or line break inside"
BACKSLASH = "a backslash inside"

TRICKS = [
    # addresses of this machine
    ("loopback", "https://127.0.0.1/x.png", "127.0.0.1, which is this machine"),
    ("another loopback address", "https://127.8.9.10/x.png", "which is this machine"),
    ("a name of this machine", "https://localhost/x.png", "which is this machine"),
    ("the same in capitals", "https://LOCALHOST/x.png", "which is this machine"),
    ("the same with a final dot", "https://localhost./x.png", "which is this machine"),
    ("an address with a final dot", "https://127.0.0.1./x.png", "which is this machine"),
    ("decimal", "https://2130706433/x.png", "127.0.0.1, which is this machine"),
    ("octal", "https://0177.0.0.1/x.png", "127.0.0.1, which is this machine"),
    ("hexadecimal", "https://0x7f000001/x.png", "127.0.0.1, which is this machine"),
    ("hexadecimal parts", "https://0x7f.0x0.0x0.0x1/x.png", "127.0.0.1, which is this machine"),
    ("short form", "https://127.1/x.png", "127.0.0.1, which is this machine"),
    ("unspecified", "https://0.0.0.0/x.png", "an unspecified address"),
    ("unspecified, short", "https://0/x.png", "an unspecified address"),
    ("IPv6 loopback", "https://[::1]/x.png", "::1, which is this machine"),
    ("IPv6 loopback in full", "https://[0:0:0:0:0:0:0:1]/x.png", "::1, which is this machine"),
    ("IPv6 unspecified", "https://[::]/x.png", "an unspecified address"),
    # IPv4 within IPv6
    ("IPv4-mapped", "https://[::ffff:127.0.0.1]/x.png", "an IPv4 address written as IPv6"),
    ("IPv4-mapped, hexadecimal", "https://[::ffff:7f00:1]/x.png", "an IPv4 address written as IPv6"),
    ("IPv4-compatible", "https://[::127.0.0.1]/x.png", "reserved"),
    ("NAT64 of loopback", "https://[64:ff9b::7f00:1]/x.png", "the translation of 127.0.0.1, this machine"),
    (
        "NAT64 of the metadata service",
        "https://[64:ff9b::a9fe:a9fe]/x.png",
        "the translation of 169.254.169.254",
    ),
    ("NAT64 of a private network", "https://[64:ff9b::10.0.0.5]/x.png", "the translation of 10.0.0.5"),
    ("local NAT64", "https://[64:ff9b:1::7f00:1]/x.png", "a private translation to IPv4"),
    ("6to4 of loopback", "https://[2002:7f00:1::]/x.png", "a 6to4 tunnel"),
    ("Teredo", "https://[2001:0:7f00:1::]/x.png", "a Teredo tunnel"),
    ("IPv4-translated", "https://[::ffff:0:127.0.0.1]/x.png", "reserved"),
    # networks that are not the internet
    ("10/8", "https://10.0.0.5/x.png", "a private network"),
    ("172.16/12", "https://172.31.255.254/x.png", "a private network"),
    ("192.168/16", "https://192.168.1.1/x.png", "a private network"),
    ("carrier-grade NAT", "https://100.64.0.1/x.png", "a provider's network"),
    ("link-local", "https://169.254.1.1/x.png", "link-local"),
    ("IPv6 link-local", "https://[fe80::1]/x.png", "link-local"),
    ("IPv6 link-local with a zone", "https://[fe80::1%25lo]/x.png", NO_HOST),
    ("a zone on loopback", "https://[::1%251]/x.png", NO_HOST),
    ("unique local", "https://[fd12:3456::1]/x.png", "a private network"),
    ("site-local", "https://[fec0::1]/x.png", "site-local"),
    ("multicast", "https://224.0.0.1/x.png", "multicast"),
    ("IPv6 multicast", "https://[ff02::1]/x.png", "multicast"),
    ("broadcast", "https://255.255.255.255/x.png", "reserved"),
    ("class E", "https://240.0.0.1/x.png", "reserved"),
    ("documentation", "https://203.0.113.7/x.png", "for documentation"),
    ("documentation, TEST-NET-1", "https://192.0.2.7/x.png", "for documentation"),
    ("documentation, TEST-NET-2", "https://198.51.100.7/x.png", "for documentation"),
    ("IPv6 documentation", "https://[2001:db8::1]/x.png", "for documentation"),
    ("benchmarking", "https://198.18.0.1/x.png", "for benchmarks"),
    ("IETF protocol assignments", "https://192.0.0.8/x.png", "reserved"),
    ("IPv6 that nobody was given", "https://[4000::1]/x.png", "reserved"),
    ("metadata of most clouds", "https://169.254.169.254/latest/meta-data/", "a cloud's service"),
    ("metadata of AWS by IPv6", "https://[fd00:ec2::254]/latest/meta-data/", "a cloud's service"),
    ("metadata of Google by IPv6", "https://[fd20:ce::254]/computeMetadata/", "a cloud's service"),
    ("metadata of Alibaba", "https://100.100.100.200/latest/", "a cloud's service"),
    ("Azure's machine service, a public address", "https://168.63.129.16/machine", "a cloud's service"),
    ("metadata in decimal", "https://2852039166/latest/", "169.254.169.254, which is a cloud's service"),
    # letters that some programs read as others
    ("circled digits", "https://①②⑦.⓪.⓪.①/x.png", NO_HOST),
    ("full-width digits", "https://１２７.0.0.1/x.png", NO_HOST),
    ("ideographic full stops", "https://127。0。0。1/x.png", NO_HOST),
    ("a long s in localhost", "https://localhoſt/x.png", NO_HOST),
    ("percent-encoded digits", "https://%31%32%37.0.0.1/x.png", NO_HOST),
    ("percent-encoded slash", "https://127.0.0.1%2f.cdn.example/x.png", NO_HOST),
    # what one program takes for the host and another does not
    ("userinfo", "https://cdn.example@127.0.0.1/x.png", SECRETS),
    ("userinfo with a password", "https://cdn.example:443@127.0.0.1/x.png", SECRETS),
    ("userinfo after a fragment", "https://127.0.0.1#@cdn.example/x.png", "which is this machine"),
    ("userinfo after a query", "https://127.0.0.1?@cdn.example/x.png", "which is this machine"),
    ("two at-signs", "https://a@cdn.example@127.0.0.1/x.png", SECRETS),
    ("backslash before userinfo", "https://127.0.0.1\\@cdn.example/x.png", BACKSLASH),
    ("backslash after userinfo", "https://cdn.example\\@127.0.0.1/x.png", BACKSLASH),
    ("backslashes for slashes", "https:\\\\127.0.0.1\\x.png", BACKSLASH),
    ("a semicolon", "https://cdn.example;127.0.0.1/x.png", NO_HOST),
    ("a comma", "https://cdn.example,127.0.0.1/x.png", NO_HOST),
    ("two ports", "https://cdn.example:443:22/x.png", NO_HOST),
    ("no host", "https:///127.0.0.1/x.png", NO_HOST),
    ("one slash", "https:/127.0.0.1/x.png", NO_HOST),
    ("a dot", "https://./x.png", NO_HOST),
    ("an empty label", "https://cdn..example/x.png", "can be no host"),
    ("a bracket too few", "https://[::1/x.png", "no proper URL"),
    ("a space within", "https://127.0.0.1 .cdn.example/x.png", SPACE),
    ("a tab within", "https://127.0.0\t.1/x.png", SPACE),
    ("a no-break space within", "https://127.0.0.1\xa0.cdn.example/x.png", SPACE),
    ("NUL within", "https://127.0.0.1\x00.cdn.example/x.png", SPACE),
    ("a soft hyphen within", "https://local\xadhost/x.png", SPACE),
    # other ways to speak
    ("http", "http://127.0.0.1/x.png", "http:// can be read and changed on its way"),
    ("http to a public host", "http://cdn.example/x.png", "http:// can be read and changed on its way"),
    ("file", "file:///etc/passwd", "file: is not https"),
    ("ftp", "ftp://127.0.0.1/x.png", "ftp: is not https"),
    ("gopher", "gopher://127.0.0.1:6379/_INFO", "gopher: is not https"),
    ("data", "data:image/png;base64,iVBORw0KGgo=", "data: is not https"),
    ("javascript", "javascript:alert(1)", "javascript: is not https"),
    # ports of other services
    ("SSH", "https://cdn.example:22/x.png", "port 22 is not for https files"),
    ("another web server", "https://cdn.example:8080/x.png", "port 8080 is not for https files"),
    ("port 0", "https://cdn.example:0/x.png", "there is no port 0"),
    ("a port that is none", "https://cdn.example:65979/x.png", "there is no port 65979"),  # 443 + 2¹⁶
    ("Arabic digits in a port", "https://cdn.example:٤٤٣/x.png", NO_HOST),
    # names
    ("a name for any address", "https://127.0.0.1.nip.io/x.png", "127.0.0.1, which is this machine"),
    ("a name for the metadata service", "https://metadata.google.internal/x", "which is a cloud's service"),
    ("a public and a private address", "https://both.example/x.png", "10.0.0.5, which is a private network"),
    ("an alias of an internal name", "https://alias.example/x.png", "10.0.0.5, which is a private network"),
    (
        "a name with an IPv6 address inside",
        "https://six.example/x.png",
        "fd12::5, which is a private network",
    ),
    ("an unknown name", "https://nowhere.example/x.png", "the host nowhere.example is unknown"),
    ("a name without addresses", "https://empty.example/x.png", "it has no address"),
]


@pytest.fixture
def cdn(internet: Internet) -> Server:
    """A public server, on an internet whose names lead astray."""
    internet.name("127.0.0.1.nip.io", ["127.0.0.1"])
    internet.name("metadata.google.internal", ["169.254.169.254"])
    internet.name("both.example", [PUBLIC, "10.0.0.5"])
    internet.name("alias.example", ["10.0.0.5"])
    internet.name("six.example", [PUBLIC_IPV6, "fd12::5"])
    internet.name("empty.example", [])
    return internet.site("cdn.example", PUBLIC)


def refused(internet: Internet, url: str, folder: Path, **settings: object) -> str:
    """The refusal of a URL; nobody was asked who must not be, and nothing is left behind."""
    with pytest.raises(MediaError) as refusal:
        internet.fetcher(**settings).fetch(url, folder / "file")
    assert internet.trap.visits == 0
    assert list(folder.iterdir()) == []
    assert refusal.value.hint
    return refusal.value.message


@pytest.mark.parametrize(("url", "reason"), [row[1:] for row in TRICKS], ids=[row[0] for row in TRICKS])
def test_a_url_that_leads_elsewhere_is_refused(
    internet: Internet, cdn: Server, tmp_path: Path, url: str, reason: str
) -> None:
    assert reason in refused(internet, url, tmp_path)
    assert cdn.visits == 0


@pytest.mark.parametrize("url", [row[1] for row in TRICKS], ids=[row[0] for row in TRICKS])
def test_a_redirect_there_is_not_followed(internet: Internet, cdn: Server, tmp_path: Path, url: str) -> None:
    cdn.answers["/x.png"] = redirect(url)
    assert refused(internet, "https://cdn.example/x.png", tmp_path).startswith("https://cdn.example/x.png")
    assert cdn.visits == 1


REDIRECTS = [
    ("without a scheme", redirect("//127.0.0.1/x.png"), "leads to https://127.0.0.1/x.png, which cannot"),
    ("a broken header", redirect("https://127.0.0.1\r\n /x.png"), SPACE),
    ("another header smuggled in", redirect("https://127.0.0.1/\r\nX: y"), "which is this machine"),
    ("bytes that are no text", redirect("/\udcff".encode("utf-8", "surrogateescape").decode("latin-1")), ""),
    (
        "two places",
        redirect("https://127.0.0.1/", Location="/good.png"),
        "leads to https://cdn.example/good.png",
    ),
    ("nowhere", reply(status="302 Found"), "sends us nowhere (HTTP 302)"),
    ("status 300", redirect("https://127.0.0.1/", status="300 Multiple Choices"), "gives no file (HTTP 300)"),
    ("status 304", redirect("https://127.0.0.1/", status="304 Not Modified"), "gives no file (HTTP 304)"),
    (
        "Refresh",
        reply(status="204 No Content", Refresh="0; url=https://127.0.0.1/"),
        "gives no file (HTTP 204)",
    ),
    ("itself", redirect("/x.png"), "that is redirect 6"),
    ("a port", redirect("https://cdn.example:22/x.png", status="307 Temporary Redirect"), "port 22"),
    (
        "less safety",
        redirect("http://cdn.example/x.png", status="308 Permanent Redirect"),
        "leads to http://",
    ),
]


@pytest.mark.parametrize(
    ("answer", "reason"), [row[1:] for row in REDIRECTS], ids=[row[0] for row in REDIRECTS]
)
def test_a_redirect_is_judged_as_a_url(
    internet: Internet, cdn: Server, tmp_path: Path, answer: object, reason: str
) -> None:
    cdn.answers["/x.png"] = answer
    assert reason in refused(internet, "https://cdn.example/x.png", tmp_path)


def test_a_chain_of_redirects_is_judged_at_each_of_its_links(
    internet: Internet, cdn: Server, tmp_path: Path
) -> None:
    cdn.answers |= {"/1": redirect("/2"), "/2": redirect("https://cdn.example/3"), "/3": redirect("//[::1]/")}
    message = refused(internet, "https://cdn.example/1", tmp_path)
    assert message.startswith(
        "https://cdn.example/1 leads to https://[::1]/, which cannot be fetched: ::1 is at ::1"
    )
    assert cdn.visits == 3


def test_a_name_is_looked_up_once_and_the_connection_goes_where_it_was_then(
    internet: Internet, cdn: Server, tmp_path: Path, picture: bytes
) -> None:
    internet.name("cdn.example", [PUBLIC], ["127.0.0.1"])
    cdn.answers["/x.png"] = reply(picture)
    internet.fetcher().fetch("https://cdn.example/x.png", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == picture
    assert internet.lookups == ["cdn.example"]
    assert internet.trap.visits == 0


def test_a_name_that_has_moved_inside_by_the_time_of_a_redirect_is_refused(
    internet: Internet, cdn: Server, tmp_path: Path
) -> None:
    internet.name("cdn.example", [PUBLIC], ["127.0.0.1"])
    cdn.answers["/x.png"] = redirect("/y.png")
    assert "127.0.0.1, which is this machine" in refused(internet, "https://cdn.example/x.png", tmp_path)


def test_connecting_looks_nothing_up(tmp_path: Path, internet: Internet) -> None:
    """What is given to the connection is an address, so that there is no second answer to differ."""
    given: list[str] = []
    fetcher = internet.fetcher()
    fetcher._connect = lambda address, port, seconds: (
        given.append(address) or internet.connect(address, port, seconds)
    )
    internet.site("cdn.example", PUBLIC_IPV6, PUBLIC).answers["/x"] = reply(b"x")
    fetcher.fetch("https://cdn.example/x", tmp_path / "file")
    assert given == [PUBLIC_IPV6]


@pytest.mark.parametrize("address", ["9.9.9.9", "2620:fe::fe", "64:ff9b::9.9.9.9", "2001:4860:4860::8888"])
def test_the_public_internet_is_reached(address: str) -> None:
    assert [str(found) for found in usable("cdn.example", [address], private=False)]


def test_the_system_reads_addresses_as_they_are_read_here() -> None:
    assert resolve("0x7f.1") == ["127.0.0.1"]
    assert resolve("::1") == ["::1"]


class TestHostsThatAnAdministratorNames:
    """Host lists: only these; these also in one's own network."""

    def test_with_a_list_no_other_host_is_asked(
        self, internet: Internet, cdn: Server, tmp_path: Path
    ) -> None:
        message = refused(internet, "https://cdn.example/x.png", tmp_path, hosts=("img.example", ".cdn.org"))
        assert "cdn.example is not among the hosts" in message
        assert internet.lookups == []

    @pytest.mark.parametrize("host", ["evilcdn.example", "cdn.example.evil.org", "cdn.exampl", "example"])
    def test_a_name_that_looks_alike_is_another(self, internet: Internet, tmp_path: Path, host: str) -> None:
        assert "not among" in refused(internet, f"https://{host}/x.png", tmp_path, hosts=(".cdn.example",))

    @pytest.mark.parametrize("listed", ["cdn.example", "CDN.Example", ".cdn.example", ".example"])
    def test_a_listed_host_is_asked(
        self, internet: Internet, cdn: Server, tmp_path: Path, listed: str
    ) -> None:
        cdn.answers["/x.png"] = reply(b"x")
        internet.fetcher(hosts=(listed,)).fetch("https://Cdn.Example./x.png", tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == b"x"

    def test_a_redirect_leaves_the_list_no_more_than_a_url(
        self, internet: Internet, cdn: Server, tmp_path: Path
    ) -> None:
        cdn.answers["/x.png"] = redirect("https://other.example/x.png")
        message = refused(internet, "https://cdn.example/x.png", tmp_path, hosts=("cdn.example",))
        assert "other.example is not among" in message

    def test_a_listed_host_is_still_to_be_public(self, internet: Internet, tmp_path: Path) -> None:
        internet.name("cdn.example", ["10.0.0.5"])
        assert "a private network" in refused(
            internet, "https://cdn.example/x.png", tmp_path, hosts=("cdn.example",)
        )

    def test_a_listed_port_is_for_that_host_alone(
        self, internet: Internet, cdn: Server, tmp_path: Path
    ) -> None:
        internet.site("img.example", "93.184.215.15", port=8443).answers["/x"] = reply(b"x")
        hosts = ("img.example:8443", "cdn.example")
        assert "port 8443" in refused(internet, "https://cdn.example:8443/x", tmp_path, hosts=hosts)
        assert "not among" in refused(internet, "https://img.example/x", tmp_path, hosts=hosts)
        internet.fetcher(hosts=hosts).fetch("https://img.example:8443/x", tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == b"x"

    def test_a_private_host_may_be_in_ones_own_network(self, internet: Internet, tmp_path: Path) -> None:
        internet.site("files.corp", "10.0.0.9").answers["/x"] = reply(b"x")
        fetcher = internet.fetcher(private_hosts=("files.corp",), hosts=("cdn.example",))
        fetcher.fetch("https://files.corp/x", tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == b"x"

    @pytest.mark.parametrize(
        "address", ["169.254.169.254", "fd00:ec2::254", "fe80::1", "0.0.0.0", "224.0.0.1"]
    )
    def test_even_a_private_host_is_not_everywhere(
        self, internet: Internet, tmp_path: Path, address: str
    ) -> None:
        internet.name("files.corp", [address])
        message = refused(internet, "https://files.corp/x", tmp_path, private_hosts=("files.corp",))
        assert address in message

    def test_a_private_host_makes_no_other_host_private(
        self, internet: Internet, cdn: Server, tmp_path: Path
    ) -> None:
        cdn.answers["/x.png"] = redirect("https://alias.example/")
        message = refused(internet, "https://cdn.example/x.png", tmp_path, private_hosts=("files.corp",))
        assert "10.0.0.5, which is a private network" in message

    @pytest.mark.parametrize(
        "entry", ["https://cdn.example", "*.cdn.example", "cdn.example/x", "", "a b", "10.0.0.0/8"]
    )
    def test_an_entry_that_is_no_host_is_told(self, internet: Internet, entry: str) -> None:
        with pytest.raises(MediaError, match="which is no host") as refusal:
            internet.fetcher(hosts=(entry,))
        assert ".example.org" in refusal.value.hint
