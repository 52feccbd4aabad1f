"""What one transaction writes: for each record its queue records, its receipt, its quarantine note. No I/O.

Receipts are put together from parts instead of dumped from a model: their strings are codes, slugs, formatted
times and report numbers, none of which JSON escapes. A test holds each of them to `schemas.records.Receipt`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Protocol

from schemas import changelog, topics
from schemas.codes import Outcome, RejectReason
from schemas.records import QuarantineNote
from services.router.decision import Decision, Record
from services.router.route import JSON_HEADERS, Header, Place, Route
from services.router.source import Kind, Source
from services.router.window import Window

_SOURCE: Final = ("ce_source", b"/services/router")
_RECEIPT_HEADERS: Final[list[Header]] = [*JSON_HEADERS, ("ce_type", b"referral.receipt.v1"), _SOURCE]
_NOTE_HEADERS: Final[list[Header]] = [*JSON_HEADERS, ("ce_type", b"referral.quarantine.v1"), _SOURCE]
_RECEIPT: Final = (
    b'{"partition":%d,"offset":%d,"received_at":"%b","outcome":"%b","reason":%b,'
    b'"report":%b,"revision":%b,%b,"dropped":%b%b}'
)
_NOWHERE: Final = b'"destinations":[],"lane_reasons":[],"policy":null'


class Batch(Protocol):
    """The records of one topic's partition; services.router.clients makes them."""

    def append(self, timestamp: int, key: bytes | None, value: bytes | None, headers: list[Header]) -> bool:
        """Add a record, or False when the batch is full."""

    def close(self) -> None:
        """Nothing more comes."""


class OffsetRecord(Record, Protocol):
    """A consumed record with its place."""

    offset: int


class RecordTooLargeError(Exception):
    """A record does not fit an empty batch: what is configured can not hold what the contract allows."""


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
    """The batches of one transaction. `batches()` gives all that is to be sent."""

    def __init__(self, source: Source, partition: int, window: Window, new_batch: Callable[[], Batch]) -> None:
        self.counts = Counts()
        self._source = source
        self._partition = partition
        self._window = window
        self._new_batch = new_batch
        self._open: dict[Place, Batch] = {}
        self._full: list[tuple[Place, Batch]] = []
        self._ingress = f"{source.topic}/{partition}/".encode()
        self._is_test = source.kind is Kind.TEST
        self._is_ingress = source.kind is Kind.INGRESS
        self._receipt_partition = partition if self._is_ingress else 0

    def add(self, record: OffsetRecord, decision: Decision) -> None:
        """Write down what became of the record."""
        received_at = rfc3339(record.timestamp)
        ingress = b"%b%d" % (self._ingress, record.offset)
        if not self._is_test:
            if decision.route is not None:
                self._write_queues(record, decision, decision.route, received_at, ingress)
            if decision.reason is not None:
                self._write_note(record, decision, decision.reason, received_at, ingress)
            if self._is_ingress:
                self._count(record, decision)
        if decision.partner is not None:
            self._write_receipt(record, decision, decision.partner, received_at, ingress)

    def finish(self, next_offset: int, at_seconds: int, every_count: bool) -> None:
        """Write down what the partition now remembers, and where it goes on."""
        seen, self.counts.queued = self._window.take_changes()
        every = self._window.counts
        counts = every if every_count else {queue: every[queue] for queue in self.counts.queued}
        for value in changelog.encode(seen, counts, next_offset, at_seconds, every_count):
            self._put((self._source.seen_topic, self._partition), at_seconds * 1000, None, value, [])

    def batches(self) -> list[tuple[Place, Batch]]:
        """((topic, partition), batch), in an order that keeps each partition's records in order."""
        return [*self._full, *self._open.items()]

    def _write_queues(
        self, record: OffsetRecord, decision: Decision, route: Route, received_at: bytes, ingress: bytes
    ) -> None:
        key, revision = decision.report, decision.revision
        assert decision.partner is not None and key is not None and revision is not None  # noqa: PT018 - it was read
        partner, ce_source = _sender(decision.partner)
        own = [
            ("ce_id", b"%b:%b:%d" % (partner, key, revision)),
            ce_source,
            ("ce_time", decision.submitted_at.encode()),
            ("referral-received", received_at),
            ("referral-ingress", ingress),
        ]
        if decision.command is not None:
            chain = (*decision.command.chain, decision.command.from_desk)
            own.append(("referral-chain", ",".join(chain).encode()))
        for stop in route.stops:
            place = stop.place
            count = ("referral-count", b"%d" % self._window.count(place[0]))
            self._put(place, record.timestamp, key, decision.form, [*stop.headers, *own, count])

    def _write_receipt(
        self, record: OffsetRecord, decision: Decision, partner: str, received_at: bytes, ingress: bytes
    ) -> None:
        route, report = decision.route, decision.report
        value = _RECEIPT % (
            self._partition,
            record.offset,
            received_at,
            decision.outcome.encode(),
            b"null" if decision.reason is None else b'"%b"' % decision.reason.encode(),
            b"null" if report is None else b'"%b"' % report,
            b"null" if decision.revision is None else b"%d" % decision.revision,
            _NOWHERE if route is None else route.receipt_part,
            json.dumps(decision.dropped).encode() if decision.dropped else b"{}",
            b"" if self._is_ingress else self._marks(decision),
        )
        headers = [*_RECEIPT_HEADERS, ("ce_id", ingress), ("ce_time", received_at)]
        self._put((_receipts(partner), self._receipt_partition), record.timestamp, report, value, headers)

    def _marks(self, decision: Decision) -> bytes:
        """What tells a receipt of a test or a reroute from an ordinary one."""
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
        self, record: OffsetRecord, decision: Decision, reason: RejectReason, received_at: bytes, ingress: bytes
    ) -> None:
        note = QuarantineNote(
            topic=self._source.topic,
            partition=self._partition,
            offset=record.offset,
            received_at=received_at.decode(),
            reason=reason,
            size_bytes=None if record.value is None else len(record.value),
            claims_urgent=decision.claims_urgent,
        )
        headers = [*_NOTE_HEADERS, ("ce_id", ingress), ("ce_time", received_at)]
        value = note.model_dump_json().encode()
        self._put((topics.QUARANTINE, 0), record.timestamp, None, value, headers)

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

    def _put(self, place: Place, timestamp_ms: int, key: bytes | None, value: bytes, headers: list[Header]) -> None:
        """Append; the broker puts its own time in place of `timestamp_ms`."""
        batch = self._open.get(place)
        if batch is not None:
            if batch.append(timestamp_ms, key, value, headers):
                return
            batch.close()
            self._full.append((place, batch))
        batch = self._open[place] = self._new_batch()
        if not batch.append(timestamp_ms, key, value, headers):
            raise RecordTooLargeError


_receipts: Final = lru_cache(maxsize=1024)(topics.receipt)


@lru_cache(maxsize=1024)
def _sender(partner: str) -> tuple[bytes, Header]:
    """A partner's id, and the header that names it."""
    return partner.encode(), ("ce_source", f"/partners/{partner}".encode())


@lru_cache(maxsize=256)
def rfc3339(time_ms: int) -> bytes:
    """Unix milliseconds as RFC 3339 in UTC. Records of one batch share the broker's time: it is kept."""
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}Z".encode()
