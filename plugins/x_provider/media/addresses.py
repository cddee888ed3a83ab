"""Which hosts may be asked for a file, and at which addresses they may be.

Whoever writes a calendar must not be able to make a worker ask its own network. Only addresses of the public
internet count; those of one's own network do for hosts that an administrator has named.

https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from x_provider.media.errors import MediaError
from x_provider.media.urls import read_authority

_METADATA = "a cloud's service for its machines"
_NOBODY = [
    (ip_network(network), what)
    for network, what in (
        ("169.254.169.254/32", _METADATA),
        ("100.100.100.200/32", _METADATA),
        ("168.63.129.16/32", _METADATA),
        ("192.0.0.192/32", _METADATA),
        ("fd00:ec2::/32", _METADATA),
        ("fd20:ce::/32", _METADATA),
        ("0.0.0.0/8", "an unspecified address"),
        ("169.254.0.0/16", "link-local"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "a relay of 6to4"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "an unspecified address"),
        ("::ffff:0:0/96", "an IPv4 address written as IPv6"),
        ("64:ff9b:1::/48", "a private translation to IPv4"),
        ("2001::/32", "a Teredo tunnel"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "a 6to4 tunnel"),
        ("3fff::/20", "for documentation"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
]
_OWN_NETWORK = [
    (ip_network(network), what)
    for network, what in (
        ("10.0.0.0/8", "a private network"),
        ("100.64.0.0/10", "a provider's network"),
        ("127.0.0.0/8", "this machine"),
        ("172.16.0.0/12", "a private network"),
        ("192.168.0.0/16", "a private network"),
        ("::1/128", "this machine"),
        ("fc00::/7", "a private network"),
    )
]
_PUBLIC_IPV6 = ip_network("2000::/3")
_NAT64 = ip_network("64:ff9b::/96")


def resolve(host: str) -> list[str]:
    """Ask the system for the addresses of a host; an address, however written, is its own.

    :raises OSError: when there are none; UnicodeError, for what can be no name.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def usable(host: str, addresses: Sequence[str], *, private: bool) -> list[IPv4Address | IPv6Address]:
    """The addresses, if each of them may be connected to.

    One that may not condemns the host: no honest name is at a public and a private address at once, and which of
    them is used would be up to whoever answers for it.

    :param private: whether this host may be in one's own network.
    :raises MediaError: naming the address that may not, and what it is.
    """
    found = [ip_address(address) for address in addresses]
    for address in found:
        what, own = _forbidden(address)
        if what is None or (own and private):
            continue
        hint = "Use an address on the public internet"
        if own:
            hint += f", or have {host} added to media_private_hosts in Airflow's configuration, section [x]"
        raise MediaError(f"{host} is at {address}, which is {what}", hint)
    return found


def _forbidden(address: IPv4Address | IPv6Address) -> tuple[str | None, bool]:
    """What the address is, None if it is public; and whether it is in one's own network."""
    for networks, own in ((_NOBODY, False), (_OWN_NETWORK, True)):
        for network, what in networks:
            if address in network:
                return what, own
    if address in _NAT64:
        # How networks without IPv4 reach it: as good as the address that is meant.
        meant = IPv4Address(int(address) & 0xFFFFFFFF)
        forbidden, _ = _forbidden(meant)
        return forbidden and f"the translation of {meant}, {forbidden}", False
    if address.version == 6 and address not in _PUBLIC_IPV6:
        return "reserved", False
    return None, False


class HostList:
    """Hosts by name, as an administrator lists them.

    :param entries: ``cdn.example.org`` on port 443, ``cdn.example.org:8443``, ``.example.org`` for the domain and
        all below it, ``[fd00::5]:9000``.
    :raises MediaError: for an entry that is none of these.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._entries = [self._read(entry) for entry in entries]

    def __bool__(self) -> bool:
        return bool(self._entries)

    def has(self, host: str, port: int) -> bool:
        """Whether a host, in lower case, is listed with that port."""
        return any(
            port == listed_port and (host == name or (below and host.endswith(f".{name}")))
            for name, listed_port, below in self._entries
        )

    @staticmethod
    def _read(entry: str) -> tuple[str, int, bool]:
        try:
            name, port = read_authority(entry.removeprefix("."))
        except MediaError:
            hint = "Write cdn.example.org, cdn.example.org:8443, or .example.org for all hosts below it"
            raise MediaError(f"the list of hosts has {entry!r}, which is no host", hint) from None
        return name, port or 443, entry.startswith(".")
