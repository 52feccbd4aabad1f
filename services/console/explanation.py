"""Where a refused record is wrong and what would be right, for the partner who wrote it. Pure: the time is given.

It names fields (also the partner's own, unknown ones), positions and what is expected: never a value.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from policy.intake import AHEAD, EARLIEST, Accepted
from policy.partners import Partner
from schemas import countries
from schemas.codes import RejectReason
from schemas.envelope import Envelope
from schemas.reading import Rejection
from services.console.complaints import EXPECTED, OF_THE_MODEL, Problem, complaints
from services.console.output import printable

R = RejectReason
CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
KEY: Final = re.compile(rb'"(?:[^"\\]|\\.)*"(?=\s*:)')


@dataclass(frozen=True, slots=True)
class Case:
    """A readable envelope, whose topic it is sent to, and when (Unix milliseconds)."""

    envelope: Envelope
    partner: Partner
    received_ms: int


def explain(value: bytes, rejection: Rejection, partner: Partner, received_ms: int) -> tuple[Problem, ...]:
    """Every place where the record is wrong, as far as it can be read; at least one."""
    reason = rejection.reason
    if where := _IN_TEXT.get(reason):
        problems = tuple(where(value))
    elif reason in OF_THE_MODEL and (problems := complaints(value)):
        return problems
    elif place := _IN_CONTEXT.get(reason):
        problems = tuple(place(Case(Envelope.model_validate_json(value), partner, received_ms)))
    else:
        problems = ()
    return problems or (Problem(reason, rejection.field, EXPECTED[reason]),)


def remarks(accepted: Accepted) -> tuple[Problem, ...]:
    """What is taken as it is, and should be known."""
    found = []
    if accepted.dropped:
        number = sum(accepted.dropped.values())
        text = f"{number} country code{'s' * (number > 1)} not assigned: left out, the other jurisdictions count"
        found.append(Problem(None, "jurisdictions", text))
    if accepted.clock_ahead:
        found.append(Problem(None, "submitted_at", "before 2000 or in the future: is the clock right?"))
    return tuple(found)


def _not_utf8(value: bytes) -> Iterator[Problem]:
    try:
        value.decode()
    except UnicodeDecodeError as error:
        yield _at(R.INVALID_UTF8, f"byte {error.start + 1}")


def _control(value: bytes) -> Iterator[Problem]:
    if found := CONTROL.search(value):
        yield _at(R.CONTROL_CHARACTER, f"byte {found.start() + 1}")


def _not_json(value: bytes) -> Iterator[Problem]:
    try:
        json.loads(value)
    except json.JSONDecodeError as error:
        yield _at(R.INVALID_JSON, f"line {error.lineno}, column {error.colno}")
    except (ValueError, RecursionError):
        return


def _escaped_key(value: bytes) -> Iterator[Problem]:
    for key in KEY.finditer(value):
        if b"\\" in key[0]:
            yield _at(R.ESCAPED_KEY, f"byte {key.start() + 1}")


def _doubled_keys(value: bytes) -> Iterator[Problem]:
    doubled: dict[str, None] = {}

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                doubled[name] = None
            seen.add(name)
        return dict(pairs)

    json.loads(value, object_pairs_hook=collect)
    for name in doubled:
        yield Problem(R.DUPLICATE_KEY, printable(name), EXPECTED[R.DUPLICATE_KEY])


def _at(reason: RejectReason, place: str) -> Problem:
    return Problem(reason, None, f"{EXPECTED[reason]}; the first fault is at {place} of the record")


def _partner(case: Case) -> Iterator[Problem]:
    yield Problem(
        R.PARTNER_MISMATCH, "partner", f"{case.partner.id}, whose topic this is; or name another by --partner"
    )


def _countries(case: Case) -> Iterator[Problem]:
    for index, place in enumerate(case.envelope.jurisdictions):
        if countries.settle(place.country) is None:
            yield Problem(R.INVALID_COUNTRY, f"jurisdictions[{index}].country", EXPECTED[R.INVALID_COUNTRY])


def _times(envelope: Envelope) -> Iterator[tuple[str, str]]:
    """The times that are held against 2000; all but `expires_at` also against now."""
    if envelope.expires_at is not None:
        yield "expires_at", envelope.expires_at
    if envelope.incident.occurred_at is not None:
        yield "incident.occurred_at", envelope.incident.occurred_at
    for index, identifier in enumerate(envelope.identifiers):
        if identifier.captured_at is not None:
            yield f"identifiers[{index}].captured_at", identifier.captured_at


def _no_times(case: Case) -> Iterator[Problem]:
    for field, text in (("submitted_at", case.envelope.submitted_at), *_times(case.envelope)):
        try:
            datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            yield Problem(R.INVALID_TIME, field, EXPECTED[R.INVALID_TIME])


def _early(case: Case) -> Iterator[Problem]:
    for field, text in _times(case.envelope):
        if datetime.fromisoformat(text) < EARLIEST:
            yield Problem(R.TIME_BEFORE_2000, field, EXPECTED[R.TIME_BEFORE_2000])


def _late(case: Case) -> Iterator[Problem]:
    latest = datetime.fromtimestamp(case.received_ms / 1000, UTC) + AHEAD
    for field, text in _times(case.envelope):
        if field != "expires_at" and datetime.fromisoformat(text) > latest:
            yield Problem(R.TIME_IN_FUTURE, field, EXPECTED[R.TIME_IN_FUTURE])


def _keys(case: Case) -> Iterator[Problem]:
    in_force = [name for name, key in case.partner.keys.items() if key.valid_at(case.received_ms)]
    expected = f"a key of {case.partner.id} in force now: {', '.join(in_force) or 'there is none'}"
    for index, identifier in enumerate(case.envelope.identifiers):
        if identifier.key_id not in in_force:
            reason = R.KEY_NOT_VALID if identifier.key_id in case.partner.keys else R.UNKNOWN_KEY_ID
            yield Problem(reason, f"identifiers[{index}].key_id", expected)


_IN_TEXT: Final[Mapping[RejectReason, Callable[[bytes], Iterator[Problem]]]] = {
    R.INVALID_UTF8: _not_utf8,
    R.CONTROL_CHARACTER: _control,
    R.INVALID_JSON: _not_json,
    R.ESCAPED_KEY: _escaped_key,
    R.DUPLICATE_KEY: _doubled_keys,
}
_IN_CONTEXT: Final[Mapping[RejectReason, Callable[[Case], Iterator[Problem]]]] = {
    R.PARTNER_MISMATCH: _partner,
    R.INVALID_COUNTRY: _countries,
    R.INVALID_TIME: _no_times,
    R.TIME_BEFORE_2000: _early,
    R.TIME_IN_FUTURE: _late,
    R.UNKNOWN_KEY_ID: _keys,
    R.KEY_NOT_VALID: _keys,
}
