"""Normalisation is total and idempotent, and keeps its mouth shut."""

from ipaddress import IPv4Address, IPv6Address
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codes import IdentifierKind
from schemas.identifiers import NotNormalisable, normalise, seal

KINDS: Final = st.sampled_from(IdentifierKind)
NEAR: Final = st.sampled_from(
    ["", "imei:", "mac:", "uuid:", "id:", "example.com:", "+31", "@example.org", "::ffff:", "jan@", "xn--"]
)


def normalised(kind: IdentifierKind, text: str) -> bytes | None:
    try:
        return normalise(kind, text)
    except NotNormalisable as error:
        told = error
    assert told.__context__ is None
    assert len(text) < 9 or text not in str(told)
    return None


@given(KINDS, NEAR, st.text(max_size=80), NEAR)
def test_any_text_is_normalised_or_refused(kind: IdentifierKind, before: str, text: str, after: str) -> None:
    """And what is normal stays as it is."""
    found = normalised(kind, before + text + after)
    if found is not None:
        assert normalise(kind, found.decode()) == found


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_and_its_ipv6_mapping_are_one(address: IPv4Address) -> None:
    plain = normalised(IdentifierKind.IP_ADDRESS, str(address))
    assert normalised(IdentifierKind.IP_ADDRESS, f"::ffff:{address}") == plain
    assert (
        normalised(IdentifierKind.IP_ADDRESS, f"0:0:0:0:0:FFFF:{int(address) >> 16:X}:{int(address) & 0xFFFF:X}")
        == plain
    )
    assert plain is None or plain == str(address).encode()


@given(st.ip_addresses(v=6, network="2001:db8::/32"))
def test_every_spelling_of_an_ipv6_address_is_one(address: IPv6Address) -> None:
    found = normalise(IdentifierKind.IP_ADDRESS, address.compressed)
    assert normalise(IdentifierKind.IP_ADDRESS, address.exploded.upper()) == found
    assert found == address.compressed.encode()


@given(st.from_regex(r"[a-z0-9.+_-]{1,40}", fullmatch=True))
def test_the_case_of_an_address_says_nothing_but_dots_and_tags_do(local: str) -> None:
    found = normalise(IdentifierKind.EMAIL, f"{local}@example.org")
    assert normalise(IdentifierKind.EMAIL, f"{local.upper()}@EXAMPLE.org") == found
    assert found == f"{local}@example.org".encode()


@given(st.permutations([f"{number:064x}" for number in range(6)]), st.sampled_from(["\n", " ", ",", "; "]))
def test_a_set_of_files_has_no_order(digests: list[str], between: str) -> None:
    assert normalise(IdentifierKind.FILE_SET, between.join(digests)) == "\n".join(sorted(digests)).encode()


@given(KINDS, st.binary(max_size=31))
def test_no_short_key_seals(kind: IdentifierKind, key: bytes) -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        seal(key, kind, "192.0.2.1")
