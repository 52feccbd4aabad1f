"""Spellings of one identifier give one hash; what is no identifier is refused, and no error repeats it."""

import hmac
import json
import traceback
from hashlib import sha256
from typing import Any, Final

import pytest

from schemas.codes import IdentifierKind
from schemas.generate import HERE
from schemas.identifiers import MAX_FILES, NotNormalisable, normalise, seal

VECTORS: Final = json.loads((HERE / "vectors" / "identifiers" / "index.json").read_bytes())
KEY: Final = bytes.fromhex(VECTORS["key_hex"])


def name_of(vector: dict[str, Any]) -> str:
    return f"{vector['kind']}:{vector['text'][:40]!a}"


@pytest.mark.parametrize("vector", VECTORS["normalised"], ids=name_of)
def test_an_identifier_is_normalised_and_sealed(vector: dict[str, Any]) -> None:
    kind = IdentifierKind(vector["kind"])
    normalised = normalise(kind, vector["text"])
    assert normalised == vector["normalised"].encode()
    assert seal(KEY, kind, vector["text"]) == vector["hmac_sha256"]
    message = vector["kind"].encode() + b"\0" + vector["normalised"].encode()
    assert hmac.new(KEY, message, sha256).hexdigest() == vector["hmac_sha256"]


@pytest.mark.parametrize("vector", VECTORS["normalised"], ids=name_of)
def test_a_normalised_identifier_is_its_own_normal_form(vector: dict[str, Any]) -> None:
    kind = IdentifierKind(vector["kind"])
    assert normalise(kind, vector["normalised"]) == vector["normalised"].encode()


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=name_of)
def test_what_is_no_identifier_is_refused_in_silence(vector: dict[str, Any]) -> None:
    with pytest.raises(NotNormalisable) as caught:
        normalise(IdentifierKind(vector["kind"]), vector["text"])
    assert caught.value.__context__ is None
    told = "".join(traceback.format_exception_only(caught.value))
    assert len(vector["text"]) < 4 or vector["text"] not in told


def test_the_vectors_show_every_kind_both_ways() -> None:
    for part in ("normalised", "refused"):
        assert {vector["kind"] for vector in VECTORS[part]} == set(IdentifierKind)


def test_the_same_text_of_another_kind_has_another_hash() -> None:
    text = "imei:35209900176148"
    assert seal(KEY, IdentifierKind.DEVICE, text) != seal(KEY, IdentifierKind.ACCOUNT, "example.com:" + text)
    as_account, as_device = "example.com:1", "id:example.com:1"
    assert normalise(IdentifierKind.ACCOUNT, as_account) == b"example.com:1"
    assert normalise(IdentifierKind.DEVICE, as_device) == b"id:example.com:1"


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        seal(b"short", IdentifierKind.IP_ADDRESS, "192.0.2.1")


@pytest.mark.parametrize("kind", IdentifierKind)
@pytest.mark.parametrize("text", ["", " \t\r\n", "\ud800", "a" * 1_100_000, "\x00"])
def test_no_kind_takes_nothing_half_a_character_or_a_flood(kind: IdentifierKind, text: str) -> None:
    with pytest.raises(NotNormalisable):
        normalise(kind, text)


def test_a_set_of_files_has_a_largest_size() -> None:
    digests = [sha256(str(number).encode()).hexdigest() for number in range(MAX_FILES + 1)]
    assert normalise(IdentifierKind.FILE_SET, "\n".join(digests[:MAX_FILES])).count(b"\n") == MAX_FILES - 1
    with pytest.raises(NotNormalisable):
        normalise(IdentifierKind.FILE_SET, "\n".join(digests))
