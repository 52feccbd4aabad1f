"""From the bytes of a record to an envelope, or to the reason why not. Pure, and total: no input raises.

A parser that resolves a duplicate key silently would let anything pass beside what was checked, so every key
that was written must be one that was read. The quick proof of that compares quotation marks; only what it
cannot prove is read again, key by key.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from schemas.canonical import canonical
from schemas.codes import RejectReason, Urgency
from schemas.envelope import MAX_BYTES, MAX_REVISION, REPORT_PATTERN, Envelope

MAX_DEPTH: Final = 8
"""Containers inside containers; an envelope has four."""

_parse = Envelope.__pydantic_validator__.validate_json
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ESCAPED_KEY: Final = re.compile(rb'"(?:[^"\\]|\\.)*"(?=\s*:)')
_REPORT: Final = re.compile(REPORT_PATTERN)
_LOOSE_REPORT: Final = re.compile(rb'"report"\s*:\s*"([A-Za-z0-9-]{1,48})"')
_LOOSE_REVISION: Final = re.compile(rb'"revision"\s*:\s*([0-9]{1,7})\s*[,}]')
_LOOSE_URGENT: Final = re.compile(rb'"urgency"\s*:\s*"urgent"')
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')
_BRACKETS: Final = re.compile(rb"[\[{\]}]")


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a record is refused. `report` and `revision` only where they can be read without doubt.

    `field` is the path of the first field at fault, made of the contract's own names and indices only:
    the name of an unknown field is payload, and stays out.
    """

    reason: RejectReason
    report: str | None = None
    revision: int | None = None
    claims_urgent: bool = False
    field: str | None = None


@dataclass(slots=True)
class Readable:
    """An envelope, and its canonical form, which the proof of its keys needs anyway. One is made a record."""

    envelope: Envelope
    canonical: bytes


def read(value: bytes | None) -> Readable | Rejection:
    """The envelope in these bytes, or the first reason (in the order of `RejectReason`) why there is none."""
    if value is None:
        return Rejection(RejectReason.NULL_VALUE)
    if len(value) > MAX_BYTES:
        return _of_bytes(RejectReason.OVERSIZE, value[:MAX_BYTES])
    try:
        envelope: Envelope = _parse(value)
    except ValidationError as error:
        return _why(value, error)
    form = canonical(envelope)
    if not _every_key_was_read(value, envelope, form) and (fault := _fault_in_keys(value)):
        return _of_keys(fault, envelope)
    return Readable(envelope, form)


def _every_key_was_read(value: bytes, envelope: Envelope, form: bytes) -> bool:
    """True when the input holds no string beyond those that were read: then no key stood twice.

    No valid string holds a quotation mark or a backslash, so without a backslash each mark begins or ends a key or
    a string. The canonical form holds every string that was read (no field has a string as its default) but not
    every key: those are counted where they were read.
    """
    if b"\\" in value:
        return False
    more = value.count(b'"') - form.count(b'"')
    return not more or more == 2 * (_keys_read(envelope) - form.count(b'":'))


def _keys_read(envelope: Envelope) -> int:
    """Written out, by the name behind `model_fields_set`: this is done for every record."""
    number = len(envelope.__pydantic_fields_set__) + len(envelope.incident.__pydantic_fields_set__)
    for jurisdiction in envelope.jurisdictions:
        number += len(jurisdiction.__pydantic_fields_set__)
    for identifier in envelope.identifiers:
        number += len(identifier.__pydantic_fields_set__)
    material = envelope.material
    if material is not None:
        number += len(material.__pydantic_fields_set__)
        if material.classification is not None:
            number += len(material.classification.__pydantic_fields_set__)
    return number


def _fault_in_keys(value: bytes) -> RejectReason | None:
    """The slow proof, for input that the parser took: an escape in a key, or a key that stands twice."""
    if any(b"\\" in key for key in _ESCAPED_KEY.findall(value)):
        return RejectReason.ESCAPED_KEY
    try:
        json.loads(value, object_pairs_hook=_refuse_duplicates)
    except _DuplicateKeyError:
        return RejectReason.DUPLICATE_KEY
    return None


class _DuplicateKeyError(Exception):
    """Carries nothing: the key is payload."""


class _NotANumberError(Exception):
    """NaN and the infinities are no JSON (RFC 8259 section 6)."""


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _DuplicateKeyError
    return found


def _refuse_constant(_: str) -> None:
    raise _NotANumberError


def _why(value: bytes, error: ValidationError) -> Rejection:
    """The reason for bytes that the model refused. Slow is fine here."""
    fault = _fault_in_bytes(value)
    if fault is not None:
        return _of_bytes(fault, value)
    try:
        found = json.loads(value, parse_constant=_refuse_constant)
    except (ValueError, RecursionError, _NotANumberError):
        return _of_bytes(RejectReason.INVALID_JSON, value)
    if error.errors(include_url=False, include_context=False, include_input=False)[0]["type"] == "json_invalid":
        return _of_bytes(RejectReason.INVALID_JSON, value)  # a byte order mark, half a surrogate pair
    if not isinstance(found, dict):
        return Rejection(RejectReason.NOT_AN_OBJECT)
    if fault := _fault_in_keys(value):
        return Rejection(fault, claims_urgent=found.get("urgency") == Urgency.URGENT)
    reason, field = _first_fault(error)
    return _of_object(reason, found, field)


def _fault_in_bytes(value: bytes) -> RejectReason | None:
    try:
        value.decode()
    except UnicodeDecodeError:
        return RejectReason.INVALID_UTF8
    if _CONTROL.search(value):
        return RejectReason.CONTROL_CHARACTER
    if _depth(value) > MAX_DEPTH:
        return RejectReason.TOO_DEEP
    return None


def _depth(value: bytes) -> int:
    depth = deepest = 0
    for bracket in _BRACKETS.findall(_STRING.sub(b"", value)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


_BY_FIELD: Final[Mapping[str, RejectReason]] = {
    "schema_version": RejectReason.UNSUPPORTED_VERSION,
    "report": RejectReason.INVALID_REPORT,
    "submitted_at": RejectReason.INVALID_TIME,
    "expires_at": RejectReason.INVALID_TIME,
    "occurred_at": RejectReason.INVALID_TIME,
    "captured_at": RejectReason.INVALID_TIME,
    "country": RejectReason.INVALID_COUNTRY,
}
_PRECEDENCE: Final = {reason: place for place, reason in enumerate(RejectReason)}


def _first_fault(error: ValidationError) -> tuple[RejectReason, str]:
    """The gravest of the model's complaints, and where it is."""
    faults = [
        (_reason_of(fault["type"], fault["loc"]), _path(fault["type"], fault["loc"]))
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return min(faults, key=lambda fault: _PRECEDENCE[fault[0]])


def _reason_of(kind: str, where: tuple[str | int, ...]) -> RejectReason:
    field = where[-1] if where else None
    if kind == "missing":
        return RejectReason.MISSING_FIELD
    if field == "schema_version":
        return RejectReason.UNSUPPORTED_VERSION
    if kind == "extra_forbidden":
        return RejectReason.UNKNOWN_FIELD
    if kind.endswith("_type") or kind in {"model_attributes_type", "finite_number", "int_from_float"}:
        return RejectReason.WRONG_TYPE
    if kind in {"too_long", "too_short"}:
        return RejectReason.TOO_MANY_ITEMS if kind == "too_long" else RejectReason.INVALID_VALUE
    if isinstance(field, str) and field in _BY_FIELD:
        return _BY_FIELD[field]
    return RejectReason.INVALID_VALUE


def _path(kind: str, where: tuple[str | int, ...]) -> str:
    known = where[:-1] if kind == "extra_forbidden" else where
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in known).lstrip(".")


def _of_object(reason: RejectReason, found: Mapping[str, Any], field: str) -> Rejection:
    """A rejection of something that is JSON: what it calls itself, where that has the contract's form."""
    report, revision = found.get("report"), found.get("revision")
    return Rejection(
        reason,
        report=report if isinstance(report, str) and is_report(report) else None,
        revision=revision if type(revision) is int and 1 <= revision <= MAX_REVISION else None,
        claims_urgent=found.get("urgency") == Urgency.URGENT,
        field=field,
    )


def _of_keys(reason: RejectReason, envelope: Envelope) -> Rejection:
    """A rejection for keys that two readers may read differently: what it calls itself is in doubt too."""
    return Rejection(reason, claims_urgent=envelope.urgency == Urgency.URGENT)


def _of_bytes(reason: RejectReason, value: bytes) -> Rejection:
    """A rejection of something that is not JSON: a report number only where exactly one is written."""
    reports, revisions = set(_LOOSE_REPORT.findall(value)), set(_LOOSE_REVISION.findall(value))
    revision = _only(revisions, int)
    return Rejection(
        reason,
        report=_only(reports, bytes.decode),
        revision=revision if revision is not None and 1 <= revision <= MAX_REVISION else None,
        claims_urgent=_LOOSE_URGENT.search(value) is not None,
    )


def _only(found: Iterable[bytes], convert: Any) -> Any:
    values = list(found)
    return convert(values[0]) if len(values) == 1 else None


def is_report(text: str) -> bool:
    """True for what may be a report's number."""
    return _REPORT.fullmatch(text) is not None
