"""What is expected of an envelope, in plain sentences: one a reason, closer ones for what the model refuses. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from policy.intake import AHEAD
from schemas.codes import RejectReason
from schemas.envelope import MAX_BYTES, Classification, Envelope, Identifier, Incident, Jurisdiction, Material
from schemas.reading import MAX_DEPTH
from services.console.output import printable

R = RejectReason


@dataclass(frozen=True, slots=True)
class Problem:
    """One place in a record, and a sentence that says what would be right there.

    `reason` is what this alone would be rejected for; None for a remark on a record that is taken.
    """

    reason: RejectReason | None
    field: str | None
    expected: str


EXPECTED: Final[Mapping[RejectReason, str]] = {
    R.NULL_VALUE: "a record has a value; Kafka's null value (a tombstone) means nothing here",
    R.OVERSIZE: f"at most {MAX_BYTES:,} bytes",
    R.INVALID_UTF8: "UTF-8 throughout",
    R.CONTROL_CHARACTER: "no control character; line feed, carriage return and tab only between values",
    R.TOO_DEEP: f"at most {MAX_DEPTH} objects and lists inside one another",
    R.INVALID_JSON: "one JSON object and nothing after it (RFC 8259: no comments, no trailing comma, no NaN)",
    R.NOT_AN_OBJECT: "a JSON object; a list of envelopes is sent as one record each",
    R.ESCAPED_KEY: "field names as plain text, without a backslash",
    R.DUPLICATE_KEY: "every field once",
    R.UNSUPPORTED_VERSION: "schema_version 1",
    R.UNKNOWN_FIELD: "only the fields of the contract (schemas/json/envelope.v1.json)",
    R.MISSING_FIELD: "this field; it has no default",
    R.WRONG_TYPE: "another JSON type",
    R.INVALID_REPORT: "1 to 48 letters, digits and hyphens",
    R.INVALID_TIME: "a time that exists, as RFC 3339 with an offset, for instance 2024-05-01T12:00:00Z",
    R.TOO_MANY_ITEMS: "fewer items",
    R.INVALID_VALUE: "a value that the contract knows (schemas/json/envelope.v1.json)",
    R.PARTNER_MISMATCH: "the partner that the topic belongs to",
    R.MISSING_KEY: "the record's Kafka key is the report's number",
    R.KEY_MISMATCH: "the record's Kafka key is the same as the field report",
    R.HEADER_MISMATCH: "headers that say what the envelope says, or none",
    R.INVALID_COUNTRY: "an assigned ISO 3166-1 alpha-2 code, XK, or ZZ where the country is not known",
    R.TIME_BEFORE_2000: "a time from the year 2000 on",
    R.TIME_IN_FUTURE: f"a time at most {AHEAD.seconds // 60} minutes after now",
    R.UNKNOWN_KEY_ID: "a key of this partner",
    R.KEY_NOT_VALID: "a key that is in force now",
    R.UNKNOWN_DESK: "a desk of the desk table",
    R.IDENTITY_CONFLICT: "another revision: this one was sent with other content",
}


OF_THE_MODEL: Final = frozenset(
    {
        R.UNSUPPORTED_VERSION, R.UNKNOWN_FIELD, R.MISSING_FIELD, R.WRONG_TYPE, R.INVALID_REPORT, R.INVALID_TIME,
        R.TOO_MANY_ITEMS, R.INVALID_VALUE, R.INVALID_COUNTRY,
    }
)  # fmt: skip
"""Reasons that the model's own complaints explain."""

_TIMES: Final = frozenset({"submitted_at", "expires_at", "occurred_at", "captured_at"})
_JSON_TYPES: Final = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "model_type": "an object",
    "dict_type": "an object",
}
_FORMS: Final = {
    "partner": "the partner's id: lower-case letters, digits and hyphens",
    "key_id": "a key's id: lower-case letters, digits and hyphens",
    "hmac_sha256": "64 hexadecimal digits in lower case: the HMAC-SHA256 of the normalised identifier",
}
_MODELS: Final[Mapping[str, type[BaseModel]]] = {
    "incident": Incident,
    "jurisdictions": Jurisdiction,
    "material": Material,
    "classification": Classification,
    "identifiers": Identifier,
}


def complaints(value: bytes) -> tuple[Problem, ...]:
    """Everything that the model has against these bytes, in the order of its fields."""
    try:
        Envelope.model_validate_json(value)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        return tuple(_problem(fault["type"], fault["loc"], fault.get("ctx", {})) for fault in faults)
    return ()


def _problem(kind: str, where: tuple[str | int, ...], context: Mapping[str, Any]) -> Problem:
    name = next((step for step in reversed(where) if isinstance(step, str)), "")
    reason = _reason(kind, name)
    return Problem(reason, _path(where), _sentence(kind, name, where, context) or EXPECTED[reason])


def _reason(kind: str, name: str) -> RejectReason:
    """As `schemas.reading` has it; a test holds the two together over every invalid vector."""
    if kind == "missing":
        return R.MISSING_FIELD
    if name == "schema_version":
        return R.UNSUPPORTED_VERSION
    if kind == "extra_forbidden":
        return R.UNKNOWN_FIELD
    if kind == "too_long":
        return R.TOO_MANY_ITEMS
    if kind.endswith("_type") or kind in {"int_from_float", "finite_number"}:
        return R.WRONG_TYPE
    if name in _TIMES:
        return R.INVALID_TIME
    return {"report": R.INVALID_REPORT, "country": R.INVALID_COUNTRY}.get(name, R.INVALID_VALUE)


def _sentence(kind: str, name: str, where: Sequence[str | int], context: Mapping[str, Any]) -> str | None:
    """What is expected here, made of the contract alone; None where the reason says it all."""
    if name == "schema_version":
        return None
    match kind:
        case "extra_forbidden":
            return _nearest_field(name, where)
        case "enum":
            return f"one of {context['expected']}"
        case "string_pattern_mismatch" | "string_too_long":
            return _FORMS.get(name)
        case "greater_than_equal":
            return f"at least {context['ge']:,}"
        case "less_than_equal":
            return f"at most {context['le']:,}"
        case "too_long":
            return f"at most {context['max_length']} items"
        case "too_short":
            return "at least one item"
    return _JSON_TYPES.get(kind)


def _nearest_field(name: str, where: Sequence[str | int]) -> str:
    parents = [step for step in where[:-1] if isinstance(step, str)]
    model = _MODELS.get(parents[-1], Envelope) if parents else Envelope
    near = get_close_matches(name, model.model_fields, n=1)
    return f"no field of this name; did you mean {near[0]}?" if near else EXPECTED[R.UNKNOWN_FIELD]


def _path(where: Sequence[str | int]) -> str | None:
    steps = (f"[{step}]" if isinstance(step, int) else f".{printable(step)}" for step in where)
    return "".join(steps).lstrip(".") or None
