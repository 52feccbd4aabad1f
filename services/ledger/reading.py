"""Kafka records as values (`services.ledger.values`). Pure: bad data is a `Fault`.

Queue records and receipts are the router's, written from what was validated: here only what counts is read. Status
and track events are a desk's, and are held to their contract.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, TypeVar

from msgspec import MsgspecError, Struct
from msgspec import field as named
from msgspec.json import Decoder
from pydantic import ValidationError

from schemas.codes import Lane, Outcome, RejectReason, StatusType
from schemas.lifecycle import Step
from schemas.notices import Notice
from schemas.records import StatusEvent, TrackEvent
from services.ledger.inputs import Directory
from services.ledger.values import Arrival, Commanded, Fault, FaultKind, Receipted, Reported, Tracked, entry_key

MAX_EVENT_BYTES: Final = 4 * 1024
"""Of a status or track event; a whole one takes less than 400."""

MAX_NOTICE_BYTES: Final = 16 * 1024
MAX_NUMBER: Final = 2**63 - 1
"""Of running numbers, offsets and revisions: no database keeps more."""

Event = TypeVar("Event", StatusEvent, TrackEvent, Notice)
_UNREADABLE: Final = (ValueError, KeyError, TypeError, AttributeError, MsgspecError)
Headers = Iterable[tuple[str, bytes | None]] | None


class _Identifier(Struct):
    captured_at: str | None = None


class _Envelope(Struct):
    """What a ledger reads of it. The rest is passed over: making objects of it would take five times as long."""

    action: str
    expires_at: str | None = None
    identifiers: list[_Identifier] = []


class _Goal(Struct):
    desk: str
    lane: str


class _Mark(Struct):
    """The command that a receipt answers."""

    command: str
    desk: str = named(name="from")
    chain: list[str] = []


class _Receipt(Struct):
    partition: int
    offset: int
    received_at: str
    outcome: Outcome
    report: str | None
    revision: int | None
    destinations: list[_Goal] = []
    reason: str | None = None
    reroute: _Mark | None = None
    claims_urgent: bool = False
    test: bool = False


_ROUTED: Final = Outcome.ROUTED
_ENVELOPES: Final = Decoder(_Envelope)
_RECEIPTS: Final = Decoder(_Receipt)


def read_arrival(desk: str, lane: Lane, value: bytes | None, headers: Headers) -> Arrival | Fault:
    """A record of the queue of this desk and lane."""
    if value is None:
        return Fault(FaultKind.NULL_VALUE)
    try:
        return _arrival(desk, lane, value, dict(headers or ()))
    except _UNREADABLE:
        return Fault(FaultKind.UNREADABLE)


def _arrival(desk: str, lane: Lane, value: bytes, headers: Mapping[str, Any]) -> Arrival:
    partner, report, digits = headers["ce_id"].decode().split(":")
    source, _, place = headers["referral-ingress"].decode().rpartition("/")
    revision, offset, count = int(digits), int(place), int(headers["referral-count"])
    if max(revision, offset, count) > MAX_NUMBER:
        raise ValueError("too large")
    chain = headers["referral-chain"].decode() if "referral-chain" in headers else ""
    envelope = _ENVELOPES.decode(value)
    withdrawn = envelope.action == "withdraw"
    tenure = 1
    if chain:
        chain, tenure = _stay(chain, desk, withdrawn)
    return Arrival(
        f"{partner}:{report}:{desk}",
        partner,
        report,
        desk,
        lane,
        revision,
        withdrawn,
        tenure,
        unix_ms(headers["referral-received"].decode()),
        source,
        offset,
        count,
        chain,
        headers["referral-roles"].decode(),
        headers["referral-reasons"].decode(),
        None if envelope.expires_at is None else unix_ms(envelope.expires_at),
        _oldest(envelope.identifiers) if envelope.identifiers else None,
        value,
    )


def _stay(chain: str, desk: str, withdrawn: bool) -> tuple[str, int]:
    """The desks before, and how often this one had it, this time included.

    A withdrawal that comes from the desk itself is about the stay it is in, and adds none.
    """
    desks = chain.split(",")
    if withdrawn and desks[-1] == desk:
        del desks[-1]
    return ",".join(desks), desks.count(desk) + 1


def partner_term_ms(envelope: bytes) -> int | None:
    """`expires_at` of an envelope that was read before."""
    expires = _ENVELOPES.decode(envelope).expires_at
    return None if expires is None else unix_ms(expires)


def _oldest(identifiers: Iterable[_Identifier]) -> int | None:
    times = {found.captured_at for found in identifiers if found.captured_at}  # most were captured at once
    if len(times) == 1:
        return unix_ms(times.pop())
    return min(map(unix_ms, times), default=None)


@lru_cache(4096)
def unix_ms(text: str) -> int:
    """RFC 3339 with an offset as Unix milliseconds. ValueError for what is none.

    Kept for a while: the broker gives all records of a batch one time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no offset")
    return round(moment.timestamp() * 1000)  # rounded: a float has no exact milliseconds


def read_receipt(partner: str, ingress: str, reroute: str, value: bytes | None) -> Receipted | Fault | None:
    """A receipt of this partner, whose ingress topic is `ingress`; None for one of the test ingress."""
    if value is None:
        return Fault(FaultKind.NULL_VALUE)
    try:
        found = _RECEIPTS.decode(value)
        if found.test:
            return None
        mark, outcome, revision = found.reroute, found.outcome, found.revision
        return Receipted(
            f"{reroute if mark else ingress}/{found.partition}",
            found.offset,
            unix_ms(found.received_at),
            outcome,
            partner,
            found.report,
            revision,
            {goal.desk: goal.lane for goal in found.destinations},
            _commanded(mark, outcome, found.reason) if mark else None,
            found.claims_urgent,
            revision == 1 and outcome is _ROUTED and mark is None and not found.claims_urgent,
        )
    except _UNREADABLE:
        return Fault(FaultKind.UNREADABLE)


def first_offset(receipts: Iterable[Receipted | Fault | None], source: str) -> int:
    """The ingress offset of the first receipt of this ingress partition; 0 where there is none among these.

    Receipts of reroutes and of the test ingress lie between them.
    """
    return next((one.offset for one in receipts if isinstance(one, Receipted) and one.source == source), 0)


def _commanded(mark: _Mark, outcome: Outcome, reason: str | None) -> Commanded:
    refused = outcome is Outcome.REJECTED and reason != RejectReason.IDENTITY_CONFLICT
    return Commanded(mark.command, mark.desk, max(1, mark.chain.count(mark.desk)), refused)


def read_status(desk: str, value: bytes | None, at_ms: int, known: Directory) -> Reported | Fault:
    """An event in the status topic of this desk, appended at `at_ms`."""
    event = _held_to(StatusEvent, value)
    if isinstance(event, Fault):
        return event
    if event.desk != desk:
        return Fault(FaultKind.FOREIGN_DESK)
    if event.partner not in known.partners:
        return Fault(FaultKind.UNKNOWN_PARTNER)
    if event.event is StatusType.FORWARDED and event.to not in known.desks:
        return Fault(FaultKind.UNKNOWN_DESK)
    return Reported(
        entry_key(event.partner, event.report, desk),
        event.partner,
        event.report,
        desk,
        Step(event.event, event.role, at_ms, event.disposition, event.to),
        unix_ms(event.at),
        _identity(event),
    )


def read_track(desk: str, value: bytes | None, at_ms: int) -> Tracked | Fault:
    """An event in the track topic of this desk."""
    event = _held_to(TrackEvent, value)
    if isinstance(event, Fault):
        return event
    if event.desk != desk:
        return Fault(FaultKind.FOREIGN_DESK)
    key = entry_key(event.partner, event.report, desk)
    days = event.from_day, event.until
    return Tracked(key, event.step, at_ms, unix_ms(event.at), event.role, *days, _identity(event))


def read_notice(value: bytes | None) -> Notice | Fault:
    """A notice, as a ledger has written it."""
    return _held_to(Notice, value, MAX_NOTICE_BYTES)


def _held_to(model: type[Event], value: bytes | None, max_bytes: int = MAX_EVENT_BYTES) -> Event | Fault:
    if value is None:
        return Fault(FaultKind.NULL_VALUE)
    if len(value) > max_bytes:
        return Fault(FaultKind.OVERSIZE)
    try:
        return model.model_validate_json(value)
    except ValidationError:
        return Fault(FaultKind.UNREADABLE)


def _identity(event: StatusEvent | TrackEvent) -> str:
    """The same event sent twice has the same: its content decides, since headers are the sender's to leave out."""
    return sha256(event.__pydantic_serializer__.to_json(event)).hexdigest()[:32]
