"""What the ledger's topics hold, as values; what they may not hold, as one fault each."""

from typing import Any

import pytest

from schemas.codes import Lane, Outcome
from services.ledger.inputs import directory
from services.ledger.reading import (
    MAX_EVENT_BYTES,
    first_offset,
    partner_term_ms,
    read_arrival,
    read_receipt,
    read_status,
    read_track,
    unix_ms,
)
from services.ledger.values import Arrival, Commanded, Fault, FaultKind, Receipted, Reported, Tracked
from tests.samples import NOW, NOW_MS, as_json, configuration
from tests.unit.ledger_world import REPORT, SOURCE, arrival, form, header_fields, receipt

IDENTIFIER = {"kind": "ip_address", "subject": "suspect", "key_id": "ncmec-2026a", "hmac_sha256": "a" * 64}
STATUS = {
    "partner": "ncmec",
    "report": REPORT,
    "desk": "nl",
    "event": "forwarded",
    "to": "de",
    "role": "triage",
    "at": NOW,
}
KNOWN = directory(configuration())
TRACK = {
    "partner": "ncmec",
    "report": REPORT,
    "desk": "nl",
    "step": "supervision",
    "role": "prosecutor",
    "at": NOW,
    "from": "2026-11-01",
    "until": "2027-11-01",
}


def test_a_queue_record_is_read_from_its_headers_and_its_envelope() -> None:
    found = arrival(
        "nl",
        Lane.URGENT,
        NOW_MS + 7,
        offset=41,
        count=3,
        expires_at="2027-01-01T00:00:00+01:00",
        identifiers=[
            {**IDENTIFIER, "captured_at": "2026-11-03T00:00:00Z"},
            IDENTIFIER,
            {**IDENTIFIER, "captured_at": "2026-11-02T23:00:00-02:00"},
        ],
    )
    assert (found.key, found.lane, found.rank) == (f"ncmec:{REPORT}:nl", Lane.URGENT, (1, 1, False))
    assert (found.source, found.ingress_offset, found.count, found.received_ms) == (SOURCE, 41, 3, NOW_MS + 7)
    assert found.expires_ms == unix_ms("2026-12-31T23:00:00Z") == partner_term_ms(found.envelope)
    assert found.captured_ms == unix_ms("2026-11-03T00:00:00Z")
    assert (found.roles, found.reasons, found.chain) == ("upload", "by_default", "")


def test_without_terms_or_identifiers_there_are_none() -> None:
    found = arrival()
    assert (found.expires_ms, found.captured_ms, partner_term_ms(found.envelope)) == (None, None, None)


@pytest.mark.parametrize(
    ("chain", "action", "tenure", "before"),
    [
        ("", "new", 1, ""),
        ("nl-oost", "new", 1, "nl-oost"),
        ("nl,nl-oost", "new", 2, "nl,nl-oost"),
        ("nl,nl-oost", "withdraw", 2, "nl,nl-oost"),
        ("nl", "withdraw", 1, ""),
        ("nl,nl-oost,nl", "withdraw", 2, "nl,nl-oost"),
    ],
)
def test_the_chain_says_the_how_manieth_stay_a_record_is_about(
    chain: str, action: str, tenure: int, before: str
) -> None:
    found = arrival(chain=chain, action=action)
    assert (found.tenure, found.chain) == (tenure, before)


@pytest.mark.parametrize("gone", ["ce_id", "referral-received", "referral-ingress", "referral-count"])
@pytest.mark.parametrize("value", [None, b"\xff", b"x"])
def test_a_queue_record_without_a_header_it_needs_is_a_fault(gone: str, value: bytes | None) -> None:
    headers = header_fields(form(), NOW_MS, SOURCE, 0, 1, "")
    wrong: dict[str, bytes | None] = {**headers, gone: value}
    assert read_arrival("nl", Lane.ROUTINE, form(), wrong.items()) == Fault(FaultKind.UNREADABLE)
    del wrong[gone]
    assert read_arrival("nl", Lane.ROUTINE, form(), wrong.items()) == Fault(FaultKind.UNREADABLE)
    assert isinstance(read_arrival("nl", Lane.ROUTINE, form(), headers.items()), Arrival)


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"null", b"7", b'"x"', b"{}", b"\xff", b"[" * 200_000])
def test_a_queue_record_that_holds_no_envelope_is_a_fault(value: bytes) -> None:
    headers = header_fields(form(), NOW_MS, SOURCE, 0, 1, "")
    assert read_arrival("nl", Lane.ROUTINE, value, headers.items()) == Fault(FaultKind.UNREADABLE)


def test_a_null_is_a_fault_in_every_topic() -> None:
    null = Fault(FaultKind.NULL_VALUE)
    assert read_arrival("nl", Lane.ROUTINE, None, None) == null
    assert read_receipt("ncmec", "i", "r", None) == null
    assert read_status("nl", None, NOW_MS, KNOWN) == null
    assert read_track("nl", None, NOW_MS) == null


def test_a_receipt_names_its_ingress_partition_and_where_the_report_went() -> None:
    found = receipt(Outcome.AMENDED, ["nl", "de"], NOW_MS, revision=2, offset=9, partition=3, lane=Lane.PRIORITY)
    assert found == Receipted(
        "referral.ingress.ncmec.v1/3",
        9,
        NOW_MS,
        Outcome.AMENDED,
        "ncmec",
        REPORT,
        2,
        {"nl": "priority", "de": "priority"},
    )


def test_a_receipt_of_a_command_is_of_the_reroute_topic() -> None:
    found = receipt(reroute={"command": "c-1", "from": "nl", "chain": ["nl"]})
    assert (found.source, found.command) == ("referral.reroute.v1/0", Commanded("c-1", "nl", 1, False))


def test_a_command_is_refused_unless_the_router_has_carried_out_one_of_its_identity() -> None:
    mark = {"command": "c-1", "from": "nl", "chain": ["nl", "de", "nl"]}
    found = receipt(Outcome.REJECTED, [], reason="unknown_desk", reroute=mark)
    assert found.command == Commanded("c-1", "nl", 2, True)
    found = receipt(Outcome.REJECTED, [], reason="identity_conflict", reroute=mark)
    assert found.command == Commanded("c-1", "nl", 2, False)


def test_a_receipt_of_the_test_ingress_is_nothing() -> None:
    value = (
        b'{"partition":0,"offset":1,"received_at":"2026-01-01T00:00:00.000Z","outcome":"routed",'
        b'"report":"1","revision":1,"destinations":[],"test":true}'
    )
    assert read_receipt("ncmec", "i", "r", value) is None


@pytest.mark.parametrize("value", [b"", b"[]", b"null", b"{}", b"\xff", b'{"partition":0,"offset":1}'])
def test_a_receipt_that_is_none_is_a_fault(value: bytes) -> None:
    assert read_receipt("ncmec", "i", "r", value) == Fault(FaultKind.UNREADABLE)


def test_a_status_event_keeps_both_times_and_the_brokers_decides() -> None:
    found = read_status("nl", as_json({**STATUS, "at": "2026-11-18T20:06:40.5+02:00"}), NOW_MS + 5, KNOWN)
    assert isinstance(found, Reported)
    assert (found.step.at_ms, found.said_ms) == (NOW_MS + 5, unix_ms("2026-11-18T18:06:40.500Z"))


def test_the_same_event_has_one_identity_however_it_is_spelt() -> None:
    one = read_status("nl", as_json(STATUS), NOW_MS, KNOWN)
    same = read_status("nl", as_json(dict(reversed(STATUS.items()))), NOW_MS + 9, KNOWN)
    other = read_status("nl", as_json({**STATUS, "role": "analyst"}), NOW_MS, KNOWN)
    assert isinstance(one, Reported)
    assert isinstance(same, Reported)
    assert isinstance(other, Reported)
    assert one.identity == same.identity != other.identity


_WRONG_FOR_ALL: list[Any] = [None, 7, "", "no such thing", [], {"a": 1}, True]
WRONG: list[tuple[str, Any]] = [
    *[(name, value) for name in STATUS for value in _WRONG_FOR_ALL],
    ("report", "x" * 49),
    ("report", "a:b"),
    ("partner", "NCMEC"),
    ("to", "nl"),
    ("event", "looked"),
    ("event", "closed"),
    ("disposition", "merged"),
    ("role", "Inspector Morse"),
    ("at", "2026-13-01T00:00:00Z"),
    ("at", "2026-11-18T11:06:40"),
    ("note", "free text"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_every_field_of_a_status_event_is_held_to_its_contract(name: str, value: Any) -> None:
    found = read_status("nl", as_json({**STATUS, name: value}), NOW_MS, KNOWN)
    assert found == Fault(FaultKind.UNREADABLE)


@pytest.mark.parametrize("name", STATUS)
def test_no_field_of_a_status_event_may_be_missing(name: str) -> None:
    value = as_json({other: STATUS[other] for other in STATUS if other != name})
    assert read_status("nl", value, NOW_MS, KNOWN) == Fault(FaultKind.UNREADABLE)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"desk": "nl-oost"}, FaultKind.FOREIGN_DESK),
        ({"partner": "nobody"}, FaultKind.UNKNOWN_PARTNER),
        ({"to": "atlantis"}, FaultKind.UNKNOWN_DESK),
    ],
)
def test_a_status_event_of_what_is_not_the_desks_is_refused(changes: dict[str, Any], kind: FaultKind) -> None:
    assert read_status("nl", as_json({**STATUS, **changes}), NOW_MS, KNOWN) == Fault(kind)


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"7", b"\xff\xfe", b"\x00" * 9, b"[" * 4_000])
def test_what_is_no_status_event_is_a_fault(value: bytes) -> None:
    assert read_status("nl", value, NOW_MS, KNOWN) == Fault(FaultKind.UNREADABLE)
    assert read_track("nl", value, NOW_MS) == Fault(FaultKind.UNREADABLE)


def test_what_is_too_big_is_not_even_parsed() -> None:
    padded = as_json(STATUS) + b" " * MAX_EVENT_BYTES
    assert read_status("nl", padded, NOW_MS, KNOWN) == Fault(FaultKind.OVERSIZE)
    assert read_track("nl", padded, NOW_MS) == Fault(FaultKind.OVERSIZE)
    fitting = as_json(STATUS).ljust(MAX_EVENT_BYTES)
    assert isinstance(read_status("nl", fitting, NOW_MS, KNOWN), Reported)


def test_a_track_event_is_read_with_its_days() -> None:
    found = read_track("nl", as_json(TRACK), NOW_MS)
    assert isinstance(found, Tracked)
    assert (found.step, found.from_day, found.until) == ("supervision", "2026-11-01", "2027-11-01")
    assert read_track("de", as_json(TRACK), NOW_MS) == Fault(FaultKind.FOREIGN_DESK)


def test_a_time_is_exact_to_the_millisecond_and_needs_an_offset() -> None:
    for ms in (NOW_MS, NOW_MS + 1, NOW_MS + 123, NOW_MS + 999):
        assert unix_ms(f"2026-11-18T11:06:40.{ms - NOW_MS:03d}Z") == ms
    with pytest.raises(ValueError, match="offset"):
        unix_ms("2026-11-18T11:06:40")


def test_the_first_receipt_of_an_ingress_partition_may_stand_behind_others() -> None:
    mark = {"command": "by-hand-1", "from": "nl", "chain": ["nl"]}
    before = [None, Fault(FaultKind.UNREADABLE), receipt(offset=3, reroute=mark)]
    assert first_offset([*before, receipt(offset=40), receipt(offset=41)], SOURCE) == 40
    assert first_offset(before, SOURCE) == 0
