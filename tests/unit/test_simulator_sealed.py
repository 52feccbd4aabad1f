"""Simulated identifiers are nobody's, and sealed by the contract's own function."""

import json
import re
from random import Random

import pytest

from schemas.codes import IdentifierKind
from schemas.identifiers import normalise, seal
from services.simulator.sealed import Sealed, people, secret_of, text_of


@pytest.mark.parametrize("kind", IdentifierKind)
def test_every_text_is_an_identifier_of_its_kind(kind: IdentifierKind) -> None:
    rng = Random(1)
    texts = {text_of(kind, rng) for _ in range(500)}
    assert len(texts) > 200
    assert all(normalise(kind, text) for text in texts)


def test_the_texts_are_from_ranges_that_belong_to_nobody() -> None:
    rng = Random(2)
    reserved = {
        IdentifierKind.IP_ADDRESS: r"2001:db8:.*|198\.1[89]\..*",
        IdentifierKind.ACCOUNT: r"example\.com:.*",
        IdentifierKind.EMAIL: r".*@example\.org",
        IdentifierKind.PHONE: r"\+447700900\d{3}|\+1\d{3}55501\d{2}",
    }
    for kind, pattern in reserved.items():
        assert all(re.fullmatch(pattern, text_of(kind, rng)) for _ in range(500)), kind


@pytest.mark.parametrize("kind", IdentifierKind)
def test_what_comes_again_is_sealed_as_a_partner_seals_it(kind: IdentifierKind) -> None:
    rng, secret = Random(f"{kind.value} a-key"), secret_of("a-key")
    assert people(kind, "a-key")[:50] == tuple(seal(secret, kind, text_of(kind, rng)) for _ in range(50))


def test_two_partners_that_share_a_key_see_the_same_people() -> None:
    first, second = ({one["hmac_sha256"] for one in _described(_sealed(seed), 20_000)} for seed in (3, 4))
    everybody = {one for kind in IdentifierKind for one in people(kind, "a-key")}
    assert len(first & second) > 1_000
    assert first & second <= everybody


def test_an_identifier_without_a_key_is_never_made() -> None:
    sealed = Sealed([], Random(4))
    assert {sealed.draw_count() for _ in range(1_000)} == {0}


def test_key_ids_are_those_given() -> None:
    assert {one["key_id"] for one in _described(Sealed(["one", "two"], Random(5)), 500)} == {"one", "two"}


def _sealed(seed: int) -> Sealed:
    return Sealed(["a-key"], Random(seed))


def _described(sealed: Sealed, count: int) -> list[dict[str, str]]:
    text = sealed.describe(count, "2026-01-01T00:00:00Z")
    found: list[dict[str, str]] = json.loads("{" + text.removeprefix(",") + "}")["identifiers"]
    return found
