"""Each wrong line of a desk's file is named for what it is, and says what would be right; no value of it is quoted."""

from collections.abc import Iterable

import pytest

from schemas.codes import Lane, StatusType
from schemas.records import StatusEvent
from services.console.desk_entries import DeskEntries
from services.console.desk_events import Judge, Ready, Wrong, headers_of, read_lines
from services.console.records import FileRecord
from tests.samples import NOW_MS, as_json, configuration
from tests.unit.ledger_world import SOURCE, form, header_fields

KNOWN = configuration()
DESK = KNOWN.desks.by_id["nl"]
GOOD = {"partner": "ncmec", "report": "1", "desk": "nl", "event": "looked", "role": "triage",
        "at": "2026-11-18T11:06:41Z"}  # fmt: skip


def judge(*, complete: bool = True, held: Iterable[tuple[str, str]] = (("ncmec", "1"), ("ncmec", "-2"))) -> Judge:
    entries = DeskEntries(DESK, KNOWN.partners.by_id, KNOWN.desks.by_id)
    for partner, report in held:
        value = form(partner=partner, report=report)
        entries.take_record(Lane.ROUTINE, value, header_fields(value, NOW_MS, SOURCE, 0, 1, ""))
    return Judge(entries, NOW_MS, frozenset(KNOWN.partners.by_id), frozenset(KNOWN.desks.by_id), complete)


def judged(text: bytes, by: Judge | None = None) -> list[Ready | Wrong]:
    by = by or judge()
    records = [FileRecord("f", number, line, 0) for number, line in enumerate(text.split(b"\n"), 1) if line]
    return [by.judge(record, fields) for record, fields in read_lines(records)]


def line(**changes: object) -> bytes:
    return as_json({name: value for name, value in {**GOOD, **changes}.items() if value is not None})


def test_a_whole_event_is_ready_and_bears_the_contracts_bytes() -> None:
    (one,) = judged(line())
    assert isinstance(one, Ready)
    assert StatusEvent.model_validate_json(one.sent.value) == one.event
    assert one.event.event is StatusType.LOOKED


def test_desk_and_partner_may_be_left_out_where_the_queues_tell() -> None:
    (one,) = judged(line(desk=None, partner=None))
    assert isinstance(one, Ready)
    assert (one.event.desk, one.event.partner) == ("nl", "ncmec")


def test_two_partners_with_one_number_have_to_be_told_apart() -> None:
    by = judge(held=[("ncmec", "1"), ("inhope-nl", "1")])
    (one,) = judged(line(partner=None), by)
    assert isinstance(one, Wrong)
    assert "2 partners use this number: inhope-nl, ncmec" in one.why
    assert isinstance(judged(line(), by)[0], Ready)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"event": "seen"}, "event: expected 'looked'"),
        ({"role": None}, "role: missing"),
        ({"role": "jan.jansen"}, "role: expected"),
        ({"at": "2026-11-18T11:06:41"}, "at: expected RFC 3339"),
        ({"at": "2026-13-18T11:06:41Z"}, "at: no such time"),
        ({"report": "a b"}, "report: expected 1 to 48"),
        ({"report": 7}, "report: expected a text"),
        ({"note": "secret"}, "no field of this name"),
        ({"event": "closed"}, "a disposition stands with the event closed"),
        ({"disposition": "merged"}, "a disposition stands with the event closed"),
        ({"event": "closed", "disposition": "done"}, "disposition: expected"),
        ({"event": "forwarded"}, "`to` stands with the event forwarded"),
        ({"event": "forwarded", "to": "nl"}, "cannot forward to itself"),
        ({"event": "forwarded", "to": "atlantis"}, "to: no desk"),
        ({"desk": "be"}, "desk: found another desk, expected nl"),
        ({"partner": "nobody"}, "partner: not one of partners.yaml"),
        ({"report": "unknown"}, "report: no referral of this number"),
        ({"report": "unknown", "partner": None}, "partner: missing"),
        ({"event": "returned"}, "it is waiting; returned cannot follow"),
    ],
)
def test_each_mistake_is_named_and_never_quoted(wrong: dict[str, object], said: str) -> None:
    (one,) = judged(line(**wrong))
    assert isinstance(one, Wrong)
    assert said.replace("cannot forward", "can not forward") in one.why
    assert "secret" not in one.why
    assert "jan.jansen" not in one.why


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"partner"', "not JSON"),
        (b'{"report":"1","report":"2"}', "twice"),
        (b"{" + b" " * 5000 + b"}", "5,002 bytes"),
        (b'{"a":"\xff"}', "not JSON"),
        (b"report,colour\n1,red", "unknown columns"),
        (b"report,event,role,at\n1,looked", "found 2 cells, expected 4"),
    ],
)
def test_what_is_no_line_of_events_is_named(text: bytes, said: str) -> None:
    assert any(isinstance(one, Wrong) and said in one.why for one in judged(text))


def test_csv_says_the_same_and_takes_the_exports_apostrophe_off() -> None:
    heading, at = b"report,event,role,at,disposition", GOOD["at"].encode()
    text = heading + b"\n'-2,looked,triage," + at + b",\n1,closed,triage," + at + b",merged"
    first, second = judged(text)
    assert isinstance(first, Ready)
    assert isinstance(second, Ready)
    assert (first.event.report, second.event.disposition) == ("-2", "merged")


def test_an_earlier_line_counts_for_a_later_one() -> None:
    text = b"\n".join([line(event="taken_up"), line(event="returned"), line(event="returned", role="analyst")])
    first, second, third = judged(text)
    assert isinstance(first, Ready)
    assert isinstance(second, Ready)
    assert isinstance(third, Wrong)


def test_a_number_that_the_queues_may_have_forgotten_is_taken_on_trust_and_marked() -> None:
    (one,) = judged(line(report="old"), judge(complete=False))
    assert isinstance(one, Ready)
    assert one.unmet


def test_the_same_event_bears_the_same_id() -> None:
    event = StatusEvent.model_validate(GOOD, strict=False)
    headers = dict(headers_of(event))
    assert headers == dict(headers_of(event))
    assert headers["ce_source"] == b"/desks/nl"
    assert headers["ce_type"] == b"referral.status.v1"
    assert headers["ce_time"] == GOOD["at"].encode()
