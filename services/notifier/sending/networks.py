"""Which addresses a webhook may lead to, judged on the address that a socket is about to be connected to.

Not on the URL and not on a look-up before: a name may lead elsewhere a moment later, and `http://0x7f.1/` is loopback.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

_refusals: ContextVar[list[None]] = ContextVar("refusals")

_EMBEDDING: Final = ((IPv6Network("64:ff9b::/96"), 0), (IPv6Network("::/96"), 0), (IPv6Network("2002::/16"), 80))
"""IPv6 networks whose addresses hold an IPv4 address, and how many bits are after it: NAT64, IPv4-compatible, 6to4."""
_UNFIT: Final = tuple(
    ip_network(text)
    for text in (
        "100.64.0.0/10",  # shared by a carrier's customers (RFC 6598)
        "192.88.99.0/24",  # 6to4 relays, given up (RFC 7526)
        "64:ff9b:1::/48",  # NAT64 of a site's own (RFC 8215)
        "2001::/32",  # Teredo: an IPv4 address in disguise
        "fec0::/10",  # site-local, given up (RFC 3879)
        "3fff::/20",  # documentation (RFC 9637)
        "5f00::/16",  # segment routing (RFC 9602)
    )
)


class ForbiddenAddress(OSError):  # noqa: N818 - said as it reads
    """The address is one that this webhook may not lead to."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Where connections of some webhooks may go: to public addresses unless `listed_only`, and to `listed` networks."""

    listed: tuple[IPv4Network | IPv6Network, ...] = ()
    listed_only: bool = False

    def allows(self, text: str) -> bool:
        """Whether a connection may go to an address; False for what is no address."""
        try:
            address = _plain(ip_address(text.partition("%")[0]))
        except ValueError:
            return False
        if any(address.version == network.version and address in network for network in self.listed):
            return True
        return not self.listed_only and is_public(address)

    def make_socket(self, info: Any) -> socket.socket:
        """aiohttp's `socket_factory`: called with the address, as `getaddrinfo` gave it, before each connection."""
        family, kind, protocol, _, address = info
        if not self.allows(str(address[0])):
            if (seen := _refusals.get(None)) is not None:
                seen.append(None)
            raise ForbiddenAddress("an address that is not listed")
        return socket.socket(family=family, type=kind, proto=protocol)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether it is another's machine on the internet, whatever way it is written."""
    address = _plain(address)
    if isinstance(address, IPv6Address):
        for network, shift in _EMBEDDING:
            if address in network and not is_public(IPv4Address((int(address) >> shift) & 0xFFFF_FFFF)):
                return False
    unfit = any(address.version == network.version and address in network for network in _UNFIT)
    return address.is_global and not (unfit or address.is_multicast or address.is_reserved or address.is_unspecified)


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4-mapped one as the IPv4 address that it is to the kernel."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


@contextmanager
def watch_refusals() -> Iterator[Callable[[], bool]]:
    """Whether, since then and in this task, an address was refused: libraries fold errors of several into one."""
    seen: list[None] = []
    token = _refusals.set(seen)
    try:
        yield lambda: bool(seen)
    finally:
        _refusals.reset(token)
