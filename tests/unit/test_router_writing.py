"""What is written for a record, held to the published models."""

from collections.abc import Iterator
from typing import Any

import pytest

from schemas import changelog
from schemas.codes import Outcome
from schemas.records import QuarantineNote, Receipt
from services.router.decision import Decider
from services.router.source import Source, sources
from services.router.window import Window
from services.router.writing import Writing, rfc3339
from tests.batches import entries_of
from tests.samples import NOW_MS, Record, as_json, configuration, envelope, place, record

SOURCES = sources(configuration())
INGRESS = SOURCES["referral.ingress.ncmec.v1"]


def written(records: list[Record], source: Source = SOURCES["referral.ingress.ncmec.v1"]) -> list[Any]:
    """(topic, partition, key, value, headers) of all that is written."""
    decider, window = Decider(configuration()), Window(45 * 86_400)
    writing = Writing(source, records[0].partition, window)
    for given in records:
        writing.add(given, decider.decide(given, source, given.partition, window))
    writing.finish(records[-1].offset + 1, NOW_MS // 1000, every_count=False)
    return [
        (topic, partition, *entry)
        for (topic, partition), batch in writing.batches.take()
        for entry in entries_of(batch)
    ]


def of(entries: list[Any], prefix: str) -> Iterator[Any]:
    return (entry for entry in entries if entry[0].startswith(prefix))


EVERY_KIND = [
    record(0),
    record(1),
    record(2, urgency="urgent"),
    record(3, report="b", action="amend", revision=7),
    record(4, report="c", action="withdraw"),
    record(5, report="d", jurisdictions=[place("ZZ")]),
    record(6, report="e", jurisdictions=[place("AN"), place("NL"), place("DE", "hosting")]),
    Record(None, b"f", 7),
    Record(b"{", None, 8),
    Record(b"\xff", b"\xff", 9),
    Record(b'{"report":"r-1","revision":9999999,', None, 10),
]


@pytest.mark.parametrize("topic", ["referral.ingress.ncmec.v1", "referral.ingress.ncmec.test.v1"])
def test_every_record_has_one_receipt_that_is_what_the_contract_says(topic: str) -> None:
    entries = written(EVERY_KIND, SOURCES[topic])
    receipts = [Receipt.model_validate_json(value) for _, _, _, value, _ in of(entries, "referral.receipt.")]
    assert [receipt.offset for receipt in receipts] == list(range(11))
    assert [receipt.outcome for receipt in receipts] == [
        Outcome.ROUTED,
        Outcome.DUPLICATE,
        Outcome.REJECTED,
        Outcome.AMENDED,
        Outcome.WITHDRAWN,
        Outcome.UNROUTABLE,
        Outcome.ROUTED,
        Outcome.REJECTED,
        Outcome.REJECTED,
        Outcome.REJECTED,
        Outcome.REJECTED,
    ]
    assert receipts[6].dropped == {"AN": 1}
    assert receipts[7].report == "f", "where the payload names no report, the key may"
    assert {receipt.test for receipt in receipts} == {topic.endswith(".test.v1")}


def test_receipts_and_queue_records_say_the_same() -> None:
    entries = written(EVERY_KIND)
    told = {
        (receipt.offset, goal.desk, goal.lane)
        for _, _, _, value, _ in of(entries, "referral.receipt.")
        for receipt in [Receipt.model_validate_json(value)]
        for goal in receipt.destinations
    }
    done = {
        (int(headers["referral-ingress"].rsplit(b"/", 1)[1]), *topic.split(".")[2:4])
        for topic, _, _, _, headers in of(entries, "referral.queue.")
    }
    assert told == done
    assert len(done) == 6


def test_a_test_is_answered_and_causes_nothing_else() -> None:
    topics = {entry[0] for entry in written(EVERY_KIND, SOURCES["referral.ingress.ncmec.test.v1"])}
    assert topics == {"referral.receipt.ncmec.v1", "referral.seen.ncmec.test.v1"}


def test_running_numbers_of_a_queue_have_no_gap() -> None:
    entries = written([record(n, report=f"r-{n}", jurisdictions=[place("NL" if n % 3 else "DE")]) for n in range(30)])
    for desk, size in (("nl", 20), ("de", 10)):
        numbers = [int(entry[4]["referral-count"]) for entry in of(entries, f"referral.queue.{desk}.")]
        assert numbers == list(range(1, size + 1))


def test_the_headers_that_leave_are_made_anew() -> None:
    given = record()
    given.headers = [("x-smuggled", b"anything"), ("ce_id", b"ncmec:189234123:1"), ("ce_type", b"referral.envelope.v1")]
    ((_, _, key, _, headers),) = of(written([given]), "referral.queue.")
    assert key == b"189234123"
    assert b"anything" not in headers.values()
    assert set(headers) == {
        *("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "content-type"),
        *("referral-lane", "referral-reasons", "referral-policy", "referral-roles"),
        *("referral-received", "referral-ingress", "referral-count"),
    }


def test_a_quarantine_note_has_coordinates_and_no_byte_of_the_record() -> None:
    (entry,) = of(written([Record(b'{"marker": "zqxjkv"', b"zqxjkv", 5, 3)]), "referral.quarantine")
    note = QuarantineNote.model_validate_json(entry[3])
    assert (note.partition, note.offset, note.size_bytes) == (3, 5, 19)
    assert b"zqxjkv" not in entry[3]
    assert entry[2] is None


def test_the_seen_log_says_where_to_go_on_and_what_was_new() -> None:
    (entry,) = of(written(EVERY_KIND), "referral.seen.")
    seen = changelog.decode(entry[3])
    assert seen.next_offset == 11
    assert set(seen.seen) == {b"189234123:1", b"b:7", b"c:1", b"d:1", b"e:1"}, "what is rejected is not remembered"
    assert sum(seen.counts.values()) == 6


def test_a_receipt_of_a_forward_names_the_command_and_the_chain() -> None:
    value = as_json(
        {"command": "c-1", "action": "forward", "from": "nl-oost", "to": ["de"], "chain": ["nl"], "by": "triage"}
        | {"envelope": envelope()}
    )
    entries = written([Record(value)], SOURCES["referral.reroute.v1"])
    (queued,) = of(entries, "referral.queue.de.")
    assert queued[4]["referral-chain"] == b"nl,nl-oost"
    (entry,) = of(entries, "referral.receipt.ncmec.")
    reroute = Receipt.model_validate_json(entry[3]).reroute
    assert reroute is not None
    assert (reroute.command, reroute.chain) == ("c-1", ["nl", "nl-oost"])


@pytest.mark.parametrize(("ms", "text"), [(0, b"1970-01-01T00:00:00.000Z"), (NOW_MS + 7, b"2026-11-18T11:06:40.007Z")])
def test_times_are_rfc_3339_in_utc_with_milliseconds(ms: int, text: bytes) -> None:
    assert rfc3339(ms) == text
