"""Each vector file gets what its index says, from the code that the router runs."""

import json
from collections import Counter
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest

from policy.intake import Accepted, Rejection, examine
from policy.partners import Key, Partner
from schemas.codes import (
    Action,
    Basis,
    IdentifierKind,
    IncidentType,
    Indicator,
    PartnerClass,
    RejectReason,
    Role,
    Subject,
    Urgency,
)
from schemas.envelope import MAX_BYTES

VECTORS: Final = Path(__file__).parents[2] / "schemas" / "vectors"
NEEDS_MORE_THAN_A_RECORD: Final = {RejectReason.IDENTITY_CONFLICT, RejectReason.UNKNOWN_DESK}


def load(path: str) -> Any:
    return json.loads((VECTORS / path).read_bytes())


CONTEXT: Final = load("context.json")
VALID: Final = load("valid/index.json")
INVALID: Final = load("invalid/index.json")
PAIRS: Final = load("pairs/index.json")


def instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def partner() -> Partner:
    name = CONTEXT["partner"]
    keys = {
        key["key_id"]: Key(
            key["key_id"],
            frozenset({name}),
            instant(key["valid_from"]) or datetime.min.replace(tzinfo=UTC),
            instant(key["valid_until"]),
        )
        for key in CONTEXT["hashing_keys"]
    }
    return Partner(name, "The partner of the vectors", 4, keys=keys)


def as_bytes(entry: dict[str, Any], name: str) -> bytes | None:
    if f"{name}_hex" in entry:
        return bytes.fromhex(entry[f"{name}_hex"])
    return None if entry[name] is None else entry[name].encode()


def judge(value: bytes | None, entry: dict[str, Any]) -> Accepted | Rejection:
    whole = CONTEXT | entry
    received = datetime.fromisoformat(whole["received_at"])
    return examine(
        value,
        as_bytes(whole, "key"),
        [(header["name"], as_bytes(header, "value")) for header in whole["headers"]],
        partner(),
        round(received.timestamp() * 1000),
    )


def name_of(entry: dict[str, Any]) -> str:
    return str(entry.get("file") or "no-value")


@pytest.mark.parametrize("entry", VALID, ids=name_of)
def test_a_valid_record_is_taken_in_as_its_canonical_form(entry: dict[str, Any]) -> None:
    found = judge((VECTORS / "valid" / entry["file"]).read_bytes(), entry)
    assert isinstance(found, Accepted), found
    assert found.canonical == (VECTORS / "valid" / entry["canonical"]).read_bytes()
    assert f"{found.digest:016x}" == entry["digest"]
    assert dict(found.dropped) == entry["dropped"]
    assert found.clock_ahead == entry["clock_ahead"]


@pytest.mark.parametrize("entry", VALID, ids=name_of)
def test_the_digest_is_what_the_readme_says(entry: dict[str, Any]) -> None:
    """Computed again from the words of vectors/README.md, without the project's code."""
    form = (VECTORS / "valid" / entry["canonical"]).read_bytes()
    submitted = json.dumps({"submitted_at": json.loads(form)["submitted_at"]}, separators=(",", ":")).encode()
    assert form.startswith(submitted[:-1] + b",")
    assert sha256(form[len(submitted) :]).hexdigest()[:16] == entry["digest"]


@pytest.mark.parametrize("entry", VALID, ids=name_of)
def test_the_canonical_form_is_its_own_canonical_form(entry: dict[str, Any]) -> None:
    form = (VECTORS / "valid" / entry["canonical"]).read_bytes()
    found = judge(form, entry)
    assert isinstance(found, Accepted)
    assert found.canonical == form
    assert not found.dropped
    assert b"\\" not in form


@pytest.mark.parametrize("entry", INVALID, ids=name_of)
def test_an_invalid_record_gets_its_reason(entry: dict[str, Any]) -> None:
    value = None if entry["file"] is None else (VECTORS / "invalid" / entry["file"]).read_bytes()
    found = judge(value, entry)
    assert isinstance(found, Rejection)
    assert found.reason == entry["reason"]
    assert (found.report, found.revision) == (entry["report"], entry["revision"])
    assert found.claims_urgent == entry["claims_urgent"]
    if "field" in entry:
        assert found.field == entry["field"]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: str(pair["second"]))
def test_the_second_of_a_pair_is_the_same_or_another(pair: dict[str, Any]) -> None:
    first, second = ((VECTORS / "pairs" / pair[place]).read_bytes() for place in ("first", "second"))
    one, other = (judge(value, {"key": json.loads(value)["report"]}) for value in (first, second))
    assert isinstance(one, Accepted)
    assert isinstance(other, Accepted)
    same_identity = all(
        getattr(one.envelope, field) == getattr(other.envelope, field) for field in ("partner", "report", "revision")
    )
    expected = {
        "duplicate": (True, True),
        "rejected": (True, False),
        "amended": (False, False),
        "routed": (False, False),
    }
    assert (same_identity, one.digest == other.digest) == expected[pair["outcome"]]
    assert (pair["reason"] == RejectReason.IDENTITY_CONFLICT) == (pair["outcome"] == "rejected")


def test_every_reason_that_one_record_can_get_has_a_vector() -> None:
    assert {entry["reason"] for entry in INVALID} == set(RejectReason) - NEEDS_MORE_THAN_A_RECORD


def test_there_are_vectors_enough() -> None:
    assert len(VALID) >= 25
    assert len(INVALID) >= 70


def test_every_file_is_in_its_index_once() -> None:
    for folder, names in {
        "valid": [entry[name] for entry in VALID for name in ("file", "canonical")],
        "invalid": [entry["file"] for entry in INVALID if entry["file"]],
        "pairs": [pair[name] for pair in PAIRS for name in ("first", "second")],
    }.items():
        there = {path.name for path in (VECTORS / folder).iterdir()} - {"index.json"}
        assert there == set(names)
        assert [name for name, count in Counter(names).items() if count > 1] == []


def test_every_code_of_an_envelope_is_in_a_valid_vector() -> None:
    envelopes = [json.loads((VECTORS / "valid" / entry["canonical"]).read_bytes()) for entry in VALID]
    places = [place for envelope in envelopes for place in envelope["jurisdictions"]]
    identifiers = [item for envelope in envelopes for item in envelope.get("identifiers", [])]
    assert {envelope["action"] for envelope in envelopes} == set(Action)
    assert {envelope["partner_class"] for envelope in envelopes} == set(PartnerClass)
    assert {envelope["urgency"] for envelope in envelopes} == set(Urgency)
    assert {envelope["incident"]["type"] for envelope in envelopes} == set(IncidentType)
    assert {code for envelope in envelopes for code in envelope.get("indicators", [])} == set(Indicator)
    assert {place["role"] for place in places} == set(Role)
    assert {place["basis"] for place in places} == set(Basis)
    assert {item["kind"] for item in identifiers} == set(IdentifierKind)
    assert {item["subject"] for item in identifiers} == set(Subject)
    assert max(len(envelope["jurisdictions"]) for envelope in envelopes) == 16
    assert max(len(envelope.get("identifiers", [])) for envelope in envelopes) == 64


def test_the_largest_size_is_met_and_passed_by_one_byte() -> None:
    assert max((VECTORS / "valid" / entry["file"]).stat().st_size for entry in VALID) == MAX_BYTES
    over = [entry["file"] for entry in INVALID if entry["reason"] == RejectReason.OVERSIZE]
    assert min((VECTORS / "invalid" / name).stat().st_size for name in over) == MAX_BYTES + 1
