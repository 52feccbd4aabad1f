"""Which addresses a webhook may lead to."""

import socket
from ipaddress import ip_address, ip_network

import pytest

from services.notifier.sending.networks import ForbiddenAddress, Reach, is_public, watch_refusals


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.255", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "100.127.255.255", "0.0.0.0", "0.1.2.3", "192.0.0.1", "192.0.2.1",
        "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
        "255.255.255.255",
        "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b::a00:1", "64:ff9b:1::808:808", "100::1", "2001::1", "2001:db8::1", "2001:2::1", "2002:7f00:1::",
        "2002:a00:1::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "3fff::1",
        "5f00::1", "4000::1", "localhost", "",
    ],
)  # fmt: skip
def test_what_is_not_on_the_internet_is_refused(address: str) -> None:
    assert not Reach().allows(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "192.0.1.1", "100.128.0.1", "2606:4700::1", "2a00::1"])
def test_what_is_on_the_internet_is_reached(address: str) -> None:
    assert Reach().allows(address)
    assert Reach().allows(f"::ffff:{address}" if "." in address else address)
    assert is_public(ip_address(address))


def test_what_is_listed_is_reached_and_nothing_beside_it() -> None:
    reach = Reach((ip_network("10.1.0.0/16"), ip_network("fd00:1::/32")))
    assert [reach.allows(a) for a in ("10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5", "8.8.8.8")] == [True] * 4
    assert [reach.allows(a) for a in ("10.2.0.1", "fd00:2::5", "127.0.0.1")] == [False] * 3


def test_without_tls_only_what_is_listed_is_reached() -> None:
    reach = Reach((ip_network("10.1.0.0/16"),), listed_only=True)
    assert reach.allows("10.1.2.3")
    assert not reach.allows("8.8.8.8")


def test_no_socket_is_made_for_a_refused_address() -> None:
    info = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80))
    with watch_refusals() as was_refused:
        assert not was_refused()
        with pytest.raises(ForbiddenAddress):
            Reach().make_socket(info)
        assert was_refused()
    with watch_refusals() as was_refused, Reach((ip_network("127.0.0.0/8"),)).make_socket(info):
        assert not was_refused()
