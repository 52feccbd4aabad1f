"""What one transaction writes: for each record its queue records, its receipt, its quarantine note. No I/O.

Receipts are put together from parts instead of dumped from a model: their strings are codes, slugs, formatted
times and report numbers, none of which JSON escapes. A test holds each of them to `schemas.records.Receipt`.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Protocol

from schemas import changelog, topics
from schemas.codes import Outcome, RejectReason
from schemas.records import QuarantineNote
from services.router.batch import LENGTHS, Batches, content, header, headers, name
from services.router.decision import Decision, Record
from services.router.route import JSON_HEADERS, Route
from services.router.source import Kind, Source
from services.router.window import Window

_SOURCE: Final = ("ce_source", b"/services/router")
_CE_ID: Final = name("ce_id")
_OWN: Final = b"%b%%b%%b%%b%b%%b%%b%%b%b%%b%b" % (
    _CE_ID,
    name("ce_time"),
    name("referral-ingress"),
    name("referral-count"),
)
"""What differs between envelopes: `ce_id`, `ce_source`, `ce_time`, `referral-received`, `referral-ingress`, and the
name of `referral-count`, whose value comes next."""
_OWN_HEADERS: Final = 6
_OF_ROUTER: Final = len(JSON_HEADERS) + 4
"""Headers of a receipt and of a note."""
_URGENT: Final = b',"claims_urgent":true'
_RECEIPT: Final = (
    b'{"partition":%d,"offset":%d,"received_at":"%b","outcome":"%b","reason":%b,'
    b'"report":%b,"revision":%b,%b,"dropped":%b%b}'
)
_NOWHERE: Final = b'"destinations":[],"lane_reasons":[],"policy":null'


class OffsetRecord(Record, Protocol):
    """A consumed record with its place."""

    offset: int


@dataclass(slots=True)
class Counts:
    """What the metrics learn when, and only when, the transaction is committed. Ingress only, but for `queued`."""

    outcomes: list[Outcome] = field(default_factory=list)
    """One for each record: counting them is done once, in C."""
    reasons: list[RejectReason] = field(default_factory=list)
    arrivals: list[tuple[str, int]] = field(default_factory=list)
    """(lane, broker's time in ms) of each record that went to a queue."""
    rejected_urgent: int = 0
    misplaced: int = 0
    clock_ahead: int = 0
    queued: dict[str, int] = field(default_factory=dict)
    """Queue topic → records."""


class Writing:
    """All that one transaction writes: `batches`."""

    def __init__(self, source: Source, partition: int, window: Window) -> None:
        self.batches = Batches()
        self.counts = Counts()
        self._source = source
        self._partition = partition
        self._window = window
        self._ingress = f"{source.topic}/{partition}/".encode()
        self._is_test = source.kind is Kind.TEST
        self._is_ingress = source.kind is Kind.INGRESS
        self._receipt_partition = partition if self._is_ingress else 0

    def add(self, record: OffsetRecord, decision: Decision) -> None:
        """Write down what became of the record."""
        arrival = _arrival(record.timestamp)
        ingress = b"%b%d" % (self._ingress, record.offset)
        where = LENGTHS[len(ingress)] + ingress
        if not self._is_test:
            if decision.route is not None:
                self._write_queues(record.timestamp, decision, decision.route, arrival, where)
            if decision.reason is not None:
                self._write_note(record, decision, decision.reason, arrival, where)
            if self._is_ingress:
                self._count(record, decision)
        if decision.partner is not None:
            self._write_receipt(record, decision, decision.partner, arrival, where)

    def finish(self, next_offset: int, at_seconds: int, every_count: bool) -> None:
        """Write down what the partition now remembers, and where it goes on."""
        seen, self.counts.queued = self._window.take_changes()
        every = self._window.counts
        counts = every if every_count else {queue: every[queue] for queue in self.counts.queued}
        place = (self._source.seen_topic, self._partition)
        for value in changelog.encode(seen, counts, next_offset, at_seconds, every_count):
            self.batches.put(place, at_seconds * 1000, content(None, value, 0, b""))

    def _write_queues(self, at_ms: int, decision: Decision, route: Route, arrival: "_Arrival", where: bytes) -> None:
        key, form, revision = decision.report, decision.form, decision.revision
        assert decision.partner is not None and key is not None and revision is not None  # noqa: PT018 - it was read
        partner, ce_source = _sender(decision.partner)
        ce_id, ce_time = b"%b:%b:%d" % (partner, key, revision), decision.submitted_at.encode()
        parts = (LENGTHS[len(ce_id)], ce_id, ce_source, LENGTHS[len(ce_time)], ce_time, arrival.received, where)
        own = _OWN % parts
        number = _OWN_HEADERS
        if decision.command is not None:
            chain = (*decision.command.chain, decision.command.from_desk)
            own, number = header("referral-chain", ",".join(chain).encode()) + own, number + 1
        key_size, size = LENGTHS[len(key)], LENGTHS[len(form)]
        for stop in route.stops:
            place, total = stop.place, LENGTHS[len(stop.headers) + number]
            count = b"%d" % self._window.count(place[0])
            whole = (key_size, key, size, form, total, stop.encoded, own, LENGTHS[len(count)], count)
            self.batches.put(place, at_ms, b"%b%b%b%b%b%b%b%b%b" % whole)

    def _write_receipt(
        self, record: OffsetRecord, decision: Decision, partner: str, arrival: "_Arrival", where: bytes
    ) -> None:
        route, report = decision.route, decision.report
        value = _RECEIPT % (
            self._partition,
            record.offset,
            arrival.text,
            decision.outcome.encode(),
            b"null" if decision.reason is None else b'"%b"' % decision.reason.encode(),
            b"null" if report is None else b'"%b"' % report,
            b"null" if decision.revision is None else b"%d" % decision.revision,
            _NOWHERE if route is None else route.receipt_part,
            json.dumps(decision.dropped).encode() if decision.dropped else b"{}",
            self._marks(decision),
        )
        place = (_receipts(partner), self._receipt_partition)
        self.batches.put(place, record.timestamp, content(report, value, _OF_ROUTER, arrival.of_receipt + where))

    def _marks(self, decision: Decision) -> bytes:
        """What tells a receipt of a test or a reroute from an ordinary one; and a rejection that may not wait."""
        if self._is_ingress:
            return _URGENT if decision.claims_urgent and decision.reason is not None else b""
        if self._is_test:
            return b',"test":true'
        command = decision.command
        if command is None:
            return b""
        mark = {
            "command": command.command,
            "from": command.from_desk,
            "chain": [*command.chain, command.from_desk],
        }
        return b',"reroute":' + json.dumps(mark, separators=(",", ":")).encode()

    def _write_note(
        self, record: OffsetRecord, decision: Decision, reason: RejectReason, arrival: "_Arrival", where: bytes
    ) -> None:
        note = QuarantineNote(
            topic=self._source.topic,
            partition=self._partition,
            offset=record.offset,
            received_at=arrival.text.decode(),
            reason=reason,
            size_bytes=None if record.value is None else len(record.value),
            claims_urgent=decision.claims_urgent,
        )
        whole = content(None, note.model_dump_json().encode(), _OF_ROUTER, arrival.of_note + where)
        self.batches.put((topics.QUARANTINE, 0), record.timestamp, whole)

    def _count(self, record: OffsetRecord, decision: Decision) -> None:
        counts = self.counts
        counts.outcomes.append(decision.outcome)
        if decision.route is not None:
            counts.arrivals.append((decision.route.lane, record.timestamp))
        if decision.reason is not None:
            counts.reasons.append(decision.reason)
            counts.rejected_urgent += decision.claims_urgent
        counts.misplaced += decision.misplaced
        counts.clock_ahead += decision.clock_ahead


_receipts: Final = lru_cache(maxsize=1024)(topics.receipt)


@lru_cache(maxsize=1024)
def _sender(partner: str) -> tuple[bytes, bytes]:
    """A partner's id, and the header that names it."""
    return partner.encode(), header("ce_source", f"/partners/{partner}".encode())


@dataclass(frozen=True, slots=True)
class _Arrival:
    """The broker's time of an ingress record: as text, and in the headers that tell it.

    `of_receipt` and `of_note` are all headers of such a record but for the last one's value: `ce_id`, the coordinates.
    """

    text: bytes
    received: bytes
    of_receipt: bytes
    of_note: bytes


@lru_cache(maxsize=256)
def _arrival(time_ms: int) -> _Arrival:
    """Records of one batch share the broker's time: it is kept."""
    text = rfc3339(time_ms)

    def of(ce_type: bytes) -> bytes:
        return headers([*JSON_HEADERS, ("ce_type", ce_type), _SOURCE, ("ce_time", text)]) + _CE_ID

    received = header("referral-received", text)
    return _Arrival(text, received, of(b"referral.receipt.v1"), of(b"referral.quarantine.v1"))


def rfc3339(time_ms: int) -> bytes:
    """Unix milliseconds as RFC 3339 in UTC."""
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}Z".encode()
