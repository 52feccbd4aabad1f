"""The router's records as the account takes them."""

import json
from collections.abc import Callable

import pytest

from schemas import topics
from schemas.codes import Outcome, RejectReason
from schemas.records import QuarantineNote, Receipt, serialise
from services.console.tally_records import (
    input_kind,
    is_queue,
    read_note,
    read_queued,
    read_receipt,
    receipt_topic,
    seen_log,
)
from services.console.tally_terms import Answer, Goal, Kind, Noted, Place, Queued

RECEIPTS = topics.receipt("ncmec")
RECEIPT = {
    "partition": 3,
    "offset": 42,
    "received_at": "2026-01-02T03:04:05.678Z",
    "outcome": "routed",
    "reason": None,
    "report": "R-1",
    "revision": 2,
    "destinations": [{"desk": "nl", "lane": "urgent", "roles": ["upload", "download"]}],
}
HEADERS: dict[str, str | bytes | None] = {
    "referral-ingress": b"referral.ingress.ncmec.v1/3/42",
    "referral-count": b"7",
    "ce_id": b"ncmec:R-1:2",
    "referral-roles": b"download,upload",
}


def value(**changed: object) -> bytes:
    """Checked by the contract's own model first: what is tried here is what a router may write."""
    return Receipt.model_validate_json(json.dumps({**RECEIPT, **changed})).model_dump_json(by_alias=True).encode()


def test_a_receipt_and_its_queue_record_meet() -> None:
    queue = topics.queue("nl", "urgent")
    source = Place(topics.ingress("ncmec"), 3)
    answer = read_receipt(RECEIPTS, value())
    assert answer == Answer(RECEIPTS, source, 42, "routed", None, "ncmec:R-1:2", [Goal(queue, "download,upload")])
    assert read_queued(queue, HEADERS) == Queued(queue, source, 42, 7, "ncmec:R-1:2", "download,upload")


def test_receipts_of_tests_and_commands_are_told_apart() -> None:
    mark = {"command": "c-1", "from": "nl", "chain": ["nl"]}
    assert read_receipt(RECEIPTS, value(test=True)).source == Place(topics.ingress_test("ncmec"), 3)
    assert read_receipt(RECEIPTS, value(reroute=mark, partition=0)).source == Place(topics.REROUTE, 0)


def test_a_receipt_of_what_could_not_be_read_names_no_report() -> None:
    answer = read_receipt(
        RECEIPTS, value(outcome="rejected", reason="invalid_json", report=None, revision=None, destinations=[])
    )
    assert (answer.outcome, answer.reason, answer.goals) == (Outcome.REJECTED, RejectReason.INVALID_JSON, [])


def test_a_note_is_read() -> None:
    note = QuarantineNote(
        topic=topics.REROUTE,
        partition=0,
        offset=9,
        received_at="2026-01-02T03:04:05.678Z",
        reason=RejectReason.OVERSIZE,
        size_bytes=None,
        claims_urgent=False,
    )
    assert read_note(serialise(note)) == Noted(Place(topics.REROUTE, 0), 9, "oversize")


@pytest.mark.parametrize(
    "read",
    [
        lambda: read_receipt(RECEIPTS, None),
        lambda: read_receipt(RECEIPTS, b"{"),
        lambda: read_receipt(RECEIPTS, b"[]"),
        lambda: read_receipt(RECEIPTS, b"{}"),
        lambda: read_receipt(RECEIPTS, value().replace(b'"offset":42', b'"offset":"SECRET"')),
        lambda: read_receipt(RECEIPTS, value().replace(b'"destinations":[', b'"destinations":[7,')),
        lambda: read_queued("q", {}),
        lambda: read_queued("q", {**HEADERS, "referral-count": b"SECRET"}),
        lambda: read_queued("q", {**HEADERS, "referral-ingress": b"SECRET"}),
        lambda: read_queued("q", {**HEADERS, "ce_id": b"\xff"}),
        lambda: read_note(b'{"topic": "t", "partition": 0, "offset": -1, "reason": "oversize"}'),
        lambda: read_note(b"{}"),
    ],
)
def test_what_no_router_writes_is_refused_without_showing_it(read: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r".") as refusal:
        read()
    assert "SECRET" not in str(refusal.value)


def test_topics_are_known_by_their_names() -> None:
    assert input_kind(topics.ingress("inhope-nl")) is Kind.INGRESS
    assert input_kind(topics.ingress_test("inhope-nl")) is Kind.TEST
    assert input_kind(topics.REROUTE) is Kind.REROUTE
    assert input_kind(topics.queue("nl", "urgent")) is None
    assert is_queue(topics.queue("nl-oost", "routine"))
    assert not is_queue(topics.status("nl"))


def test_each_input_has_its_seen_log_and_its_receipts() -> None:
    assert seen_log(topics.ingress("p")) == topics.seen("p")
    assert seen_log(topics.ingress_test("p")) == topics.seen_test("p")
    assert seen_log(topics.REROUTE) == topics.SEEN_REROUTE
    assert receipt_topic(topics.ingress_test("p")) == topics.receipt("p")
    assert receipt_topic(topics.REROUTE) is None
