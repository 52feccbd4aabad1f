"""Whether a record of an ingress topic is taken in: the contract, the partner, the key, the headers, the clock.

Pure and total: nothing a partner can send raises. The router, `referrals check` and the benches all ask here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from policy.partners import Partner
from schemas import countries
from schemas.canonical import canonical, digest
from schemas.codes import RejectReason
from schemas.envelope import Envelope, Jurisdiction
from schemas.reading import Rejection, is_report, read

__all__ = ["Accepted", "Headers", "Rejection", "examine"]

Headers = Sequence[tuple[str, bytes | None]]

AHEAD: Final = timedelta(minutes=5)
"""How far a partner's clock may run before ours."""
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_ASSIGNED: Final = countries.ASSIGNED
_NOTHING: Final[Mapping[str, int]] = {}
_COMPARED: Final = frozenset({"ce_id", "ce_source", "ce_type", "ce_specversion", "content-type"})


@dataclass(slots=True)
class Accepted:
    """An envelope to act on, countries settled, and the only form of it that may be passed on. One is made a record."""

    envelope: Envelope
    canonical: bytes
    digest: int
    dropped: Mapping[str, int]
    """Country codes ignored beside valid ones → how often."""
    clock_ahead: bool
    """`submitted_at` is before 2000 or over 5 minutes after the broker's time: counted, not refused."""


def examine(
    value: bytes | None, key: bytes | None, headers: Headers, partner: Partner, received_ms: int
) -> Accepted | Rejection:
    """What to make of a record; `received_ms` is the broker's time of it, Unix milliseconds."""
    found = read(value)
    if isinstance(found, Rejection):
        return _named_by_key(found, key)
    envelope, form = found.envelope, found.canonical
    if fault := _fault_in_context(envelope, key, headers, partner):
        return _rejected(envelope, fault)
    dropped: Mapping[str, int] = _NOTHING
    if not _ASSIGNED.issuperset([place.country for place in envelope.jurisdictions]):
        envelope, dropped = _settle_countries(envelope)
        if not envelope.jurisdictions:
            return _rejected(envelope, RejectReason.INVALID_COUNTRY)
        form = canonical(envelope)
    latest = _latest(received_ms)
    try:
        fault, clock_ahead = _fault_in_times(envelope, latest)
    except (ValueError, OverflowError):
        fault, clock_ahead = RejectReason.INVALID_TIME, False
    if fault := fault or _fault_in_keys(envelope, partner, received_ms):
        return _rejected(envelope, fault)
    return Accepted(envelope, form, digest(form), dropped, clock_ahead)


def _named_by_key(rejection: Rejection, key: bytes | None) -> Rejection:
    """Where the payload does not name the report, the record's key may."""
    if rejection.report is None and key is not None and key.isascii() and is_report(text := key.decode()):
        return replace(rejection, report=text)
    return rejection


def _rejected(envelope: Envelope, reason: RejectReason) -> Rejection:
    return Rejection(reason, envelope.report, envelope.revision, envelope.urgency == "urgent")


def _fault_in_context(envelope: Envelope, key: bytes | None, headers: Headers, partner: Partner) -> RejectReason | None:
    if envelope.partner != partner.id:
        return RejectReason.PARTNER_MISMATCH
    if key is None:
        return RejectReason.MISSING_KEY
    if key != envelope.report.encode():
        return RejectReason.KEY_MISMATCH
    if headers and _contradicts(headers, envelope):
        return RejectReason.HEADER_MISMATCH
    return None


def _contradicts(headers: Headers, envelope: Envelope) -> bool:
    """A partner need not send CloudEvents headers; those it sends must say what the envelope says.

    `ce_time` is not compared: client libraries set it to the moment of sending.
    """
    for name, value in headers:  # noqa: SIM110 - a generator would cost more than what it asks
        if name in _COMPARED and _is_wrong(name, value, envelope):
            return True
    return False


def _is_wrong(name: str, value: bytes | None, envelope: Envelope) -> bool:
    match name:
        case "ce_id":
            return value != f"{envelope.partner}:{envelope.report}:{envelope.revision}".encode()
        case "ce_source":
            return value != f"/partners/{envelope.partner}".encode()
        case "ce_type":
            return value != b"referral.envelope.v1"
        case "ce_specversion":
            return value != b"1.0"
        case "content-type":
            return value != b"application/json" and not _is_json_type(value)
        case _:
            return False


def _is_json_type(value: bytes | None) -> bool:
    """`application/json` in any case, with or without parameters (RFC 9110, section 8.3.1)."""
    return value is not None and value.split(b";")[0].strip().lower() == b"application/json"


def _settle_countries(envelope: Envelope) -> tuple[Envelope, Mapping[str, int]]:
    """Aliases resolved, codes that no desk could stand for left out and counted."""
    settled: list[Jurisdiction] = []
    dropped: dict[str, int] = {}
    for place in envelope.jurisdictions:
        country = countries.settle(place.country)
        if country is None:
            dropped[place.country] = dropped.get(place.country, 0) + 1
        else:
            settled.append(place.model_copy(update={"country": country}))
    return envelope.model_copy(update={"jurisdictions": settled}), dropped


@lru_cache(maxsize=64)
def _latest(received_ms: int) -> datetime:
    return datetime.fromtimestamp(received_ms / 1000, UTC) + AHEAD


def _fault_in_times(envelope: Envelope, latest: datetime) -> tuple[RejectReason | None, bool]:
    """Raises ValueError or OverflowError for a time that is no time (a thirteenth month)."""
    parse = datetime.fromisoformat
    submitted = parse(envelope.submitted_at)
    clock_ahead = not EARLIEST <= submitted <= latest
    if envelope.expires_at is not None and parse(envelope.expires_at) < EARLIEST:
        return RejectReason.TIME_BEFORE_2000, clock_ahead
    times = [identifier.captured_at for identifier in envelope.identifiers]
    times.append(envelope.incident.occurred_at)
    fault = None
    for text in times:
        if text is not None:
            time = parse(text)
            if time < EARLIEST:
                return RejectReason.TIME_BEFORE_2000, clock_ahead
            if time > latest:
                fault = RejectReason.TIME_IN_FUTURE
    return fault, clock_ahead


def _fault_in_keys(envelope: Envelope, partner: Partner, received_ms: int) -> RejectReason | None:
    """A hash is worth nothing without its key: it must be one of the partner's, valid when we received it."""
    fault = None
    for identifier in envelope.identifiers:
        key = partner.keys.get(identifier.key_id)
        if key is None:
            return RejectReason.UNKNOWN_KEY_ID
        if not key.valid_at(received_ms):
            fault = RejectReason.KEY_NOT_VALID
    return fault
