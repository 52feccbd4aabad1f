"""What a partner is told about a record that would be rejected: the right reason, a field, and never a value."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.intake import Accepted, examine
from policy.partners import Key, Partner
from schemas.codes import RejectReason
from schemas.reading import Readable, Rejection, read
from services.console.complaints import EXPECTED, complaints
from services.console.examination import examine_record
from services.console.explanation import explain, remarks
from services.console.records import FileRecord
from tests.samples import NOW_MS, as_json, configuration, envelope, place

VECTORS = Path(__file__).parents[2] / "schemas" / "vectors"
CONTEXT = json.loads((VECTORS / "context.json").read_text())
ORDER = list(RejectReason)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _key(key: Mapping[str, Any]) -> Key:
    start = _moment(key["valid_from"])
    assert start is not None
    return Key(key["key_id"], frozenset({CONTEXT["partner"]}), start, _moment(key["valid_until"]))


PARTNER = Partner(CONTEXT["partner"], "Partner", 4, keys={k["key_id"]: _key(k) for k in CONTEXT["hashing_keys"]})
RECEIVED_MS = int(datetime.fromisoformat(CONTEXT["received_at"]).timestamp() * 1000)


def _rejected() -> list[Any]:
    """Invalid vectors whose fault is in the value, and not in the record's key or headers."""
    found = []
    for vector in json.loads((VECTORS / "invalid" / "index.json").read_text()):
        if vector["file"] is not None:
            value = (VECTORS / "invalid" / vector["file"]).read_bytes()
            key = CONTEXT["key"].encode()
            rejection = examine(value, key, (), PARTNER, RECEIVED_MS)
            if isinstance(rejection, Rejection):
                found.append(pytest.param(value, rejection, id=vector["file"]))
    return found


@pytest.mark.parametrize(("value", "rejection"), _rejected())
def test_the_gravest_problem_named_is_the_reason_of_the_receipt(value: bytes, rejection: Rejection) -> None:
    reasons = [problem.reason for problem in explain(value, rejection, PARTNER, RECEIVED_MS)]
    assert all(reason is not None for reason in reasons)
    assert min(ORDER.index(reason) for reason in reasons if reason) == ORDER.index(rejection.reason)


def _field(changes: dict[str, Any]) -> list[tuple[str | None, str | None]]:
    record = FileRecord("f", 1, as_json(envelope(**changes)), 0)
    return [(p.field, p.reason) for p in examine_record(record, configuration().partners, None, NOW_MS).problems]


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"report": None}, "report", "missing_field"),
        ({"incident": {"typ": "possession", "type": "possession"}}, "incident.typ", "unknown_field"),
        ({"jurisdictions": [place("NL"), place("YU"), place("nl")]}, "jurisdictions[2].country", "invalid_country"),
        ({"jurisdictions": [place("YU")]}, "jurisdictions[0].country", "invalid_country"),
        (
            {"incident": {"type": "other", "occurred_at": "2031-01-01T00:00:00Z"}},
            "incident.occurred_at",
            "time_in_future",
        ),
        ({"expires_at": "1999-01-01T00:00:00Z"}, "expires_at", "time_before_2000"),
        ({"submitted_at": "2026-13-01T00:00:00Z"}, "submitted_at", "invalid_time"),
        ({"revision": 0}, "revision", "invalid_value"),
        ({"urgency": 1}, "urgency", "invalid_value"),
        ({"partner": "nobody"}, "partner", "partner_mismatch"),
        ({"schema_version": 2}, "schema_version", "unsupported_version"),
    ],
)
def test_the_field_at_fault_is_named(changes: dict[str, Any], field: str, reason: str) -> None:
    assert (field, reason) in _field(changes)


def test_every_fault_of_the_model_is_named_at_once() -> None:
    fields = [field for field, _ in _field({"revision": 0, "urgency": "soon", "report": "a b"})]
    assert fields == ["report", "revision", "urgency"]


def test_a_mistyped_field_is_answered_with_the_nearest_of_its_object() -> None:
    record = as_json(envelope(jurisdictions=[place("NL") | {"contry": "NL"}]))
    (problem,) = complaints(record)
    assert problem.expected == "no field of this name; did you mean country?"


def test_a_look_alike_field_is_shown_as_what_it_is() -> None:
    (problem,) = complaints(as_json(envelope() | {"rep\u043ert": "1"}))
    assert problem.field == "rep\\u043ert"


def test_a_doubled_field_is_named() -> None:
    value = as_json(envelope())[:-1] + b',"report":"1"}'
    rejection = read(value)
    assert isinstance(rejection, Rejection)
    assert [problem.field for problem in explain(value, rejection, PARTNER, NOW_MS)] == ["report"]


def test_the_place_of_broken_json_is_told() -> None:
    value = b'{\n "report": oops\n}'
    rejection = read(value)
    assert isinstance(rejection, Rejection)
    (problem,) = explain(value, rejection, PARTNER, NOW_MS)
    assert "line 2, column 12" in problem.expected


def test_country_codes_left_out_are_remarked_on() -> None:
    record = FileRecord("f", 1, as_json(envelope(jurisdictions=[place("NL"), place("YU")])), 0)
    examined = examine_record(record, configuration().partners, None, NOW_MS)
    assert isinstance(examined.found, Accepted)
    assert [problem.field for problem in examined.problems] == ["jurisdictions"]
    assert not examined.rejected


def test_a_wrong_clock_is_remarked_on() -> None:
    ahead = examine(as_json(envelope()), b"189234123", (), configuration().partners.by_id["ncmec"], NOW_MS - 10**9)
    if isinstance(ahead, Accepted):
        assert [problem.field for problem in remarks(ahead)] == ["submitted_at"]
    assert isinstance(ahead, Accepted | Rejection)


def test_every_reason_has_a_sentence() -> None:
    assert set(EXPECTED) == set(RejectReason)


SECRET = "q7_secret_q7"
"""Not in any sentence, field or code; must not be in any answer when it stands in a value."""
paths = st.sampled_from(
    ["submitted_at", "partner", "report", "action", "urgency", "incident", "jurisdictions", "identifiers", "material"]
)
secrets = st.sampled_from(
    [SECRET, SECRET * 9, f"{SECRET}\u0000", f"\ud800{SECRET}", [SECRET], {"type": SECRET}, [{"country": SECRET}]]
)


@given(st.dictionaries(paths, secrets, min_size=1), st.integers(0, 400))
def test_no_value_is_ever_repeated(changes: dict[str, Any], cut: int) -> None:
    value = as_json(envelope(**changes))
    for written in (value, value[: len(value) - cut]):
        record = FileRecord("f", 1, written, 0)
        examined = examine_record(record, configuration().partners, None, NOW_MS)
        assert examined.rejected
        assert SECRET not in json.dumps(examined.fields()) + "".join(examined.lines())


def test_an_envelope_that_is_taken_has_no_problem() -> None:
    assert isinstance(read(as_json(envelope())), Readable)
    assert _field({}) == []
