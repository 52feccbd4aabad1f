"""A record of a file, examined offline exactly as the router would, with every place where it is wrong. Pure."""

from dataclasses import dataclass
from typing import Any

from policy.intake import Accepted, Headers, examine
from policy.partners import Partner, PartnerTable
from schemas.codes import RejectReason, Urgency
from schemas.envelope import Envelope
from schemas.reading import Rejection, read
from services.console.complaints import Problem
from services.console.explanation import explain, remarks
from services.console.records import FileRecord


@dataclass(frozen=True, slots=True)
class Examined:
    """What the router would make of a record that is sent with the right key, and why."""

    record: FileRecord
    found: Accepted | Rejection
    partner: Partner
    problems: tuple[Problem, ...]
    """Of a rejection: what is wrong, at least one. Of an accepted record: remarks."""

    @property
    def rejected(self) -> bool:
        """Whether the router would refuse it."""
        return isinstance(self.found, Rejection)

    def fields(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "file": self.record.file,
            "line": self.record.line,
            "result": "rejected" if isinstance(self.found, Rejection) else "accepted",
            "reason": self.found.reason if isinstance(self.found, Rejection) else None,
            "problems": [
                {"field": p.field, "reason": p.reason, "expected": p.expected} for p in self.problems
            ],
        }  # fmt: skip

    def lines(self) -> list[str]:
        """As text, one line a problem: `file:line: field: reason: what would be right`."""
        return [
            ": ".join(filter(None, (self.record.place, p.field, p.reason or "remark", p.expected)))
            for p in self.problems
        ]


def examine_record(record: FileRecord, partners: PartnerTable, partner: Partner | None, received_ms: int) -> Examined:
    """`partner` is whose topic it would be sent to; None: the envelope's own partner's."""
    readable = read(record.value)
    if isinstance(readable, Rejection):
        anyone = partner or partners.partners[0]  # what cannot be read is refused alike for every partner
        return Examined(record, readable, anyone, explain(record.value, readable, anyone, received_ms))
    envelope = readable.envelope
    whose = partner or partners.by_id.get(envelope.partner)
    if whose is None:
        return _of_nobody(record, envelope, partners)
    found = examine(record.value, key_of(envelope), headers_of(envelope), whose, received_ms)
    if isinstance(found, Rejection):
        return Examined(record, found, whose, explain(record.value, found, whose, received_ms))
    return Examined(record, found, whose, remarks(found))


def _of_nobody(record: FileRecord, envelope: Envelope, partners: PartnerTable) -> Examined:
    """No topic takes an envelope whose partner is unknown."""
    reason = RejectReason.PARTNER_MISMATCH
    expected = f"one of {', '.join(partners.by_id)}: there is no other in partners.yaml"
    found = Rejection(reason, envelope.report, envelope.revision, envelope.urgency == Urgency.URGENT, "partner")
    return Examined(record, found, partners.partners[0], (Problem(reason, "partner", expected),))


def key_of(envelope: Envelope) -> bytes:
    """The Kafka key: revisions of a report keep their order."""
    return envelope.report.encode()


def headers_of(envelope: Envelope) -> Headers:
    """CloudEvents in Kafka's binary mode; a partner need not send them, and these hold when it does."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", f"{envelope.partner}:{envelope.report}:{envelope.revision}".encode()),
        ("ce_source", f"/partners/{envelope.partner}".encode()),
        ("ce_type", b"referral.envelope.v1"),
        ("ce_time", envelope.submitted_at.encode()),
        ("content-type", b"application/json"),
    ]
