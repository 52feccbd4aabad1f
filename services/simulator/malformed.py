"""Records that are no envelope at all: missing, too large, no text, no JSON, or JSON that hides something."""

from dataclasses import replace
from random import Random
from typing import Final

from schemas.codes import RejectReason
from schemas.envelope import MAX_BYTES
from services.simulator.drafts import Draft, Makers

MAKERS: Final = Makers()


@MAKERS.spoils(RejectReason.NULL_VALUE)
def _null(draft: Draft, _: Random) -> Draft:
    return replace(draft, value=None)


@MAKERS.spoils(RejectReason.OVERSIZE)
def _white_space(draft: Draft, rng: Random) -> Draft:
    return draft.with_value(draft.text + b" " * (MAX_BYTES + rng.randrange(1, 8_192) - len(draft.text)))


@MAKERS.spoils(RejectReason.OVERSIZE)
def _long_story(draft: Draft, rng: Random) -> Draft:
    return draft.with_fields(notes="x" * (MAX_BYTES + rng.randrange(4_096)))


@MAKERS.spoils(RejectReason.INVALID_UTF8)
def _latin_1(draft: Draft, _: Random) -> Draft:
    return draft.with_value(draft.text.replace(b'"action":"', b'"action":"\xe9', 1))


@MAKERS.spoils(RejectReason.INVALID_UTF8)
def _surrogate(draft: Draft, _: Random) -> Draft:
    return draft.with_value(draft.text.replace(b'"report":"', b'"report":"\xed\xa0\x80', 1))


@MAKERS.spoils(RejectReason.CONTROL_CHARACTER)
def _zero_byte(draft: Draft, _: Random) -> Draft:
    return draft.with_value(draft.text.replace(b'"report":"', b'"report":"\x00', 1))


@MAKERS.spoils(RejectReason.CONTROL_CHARACTER)
def _trailing_zeros(draft: Draft, _: Random) -> Draft:
    return draft.with_value(draft.text + b"\x00" * 8)


@MAKERS.spoils(RejectReason.TOO_DEEP)
def _nested(draft: Draft, rng: Random) -> Draft:
    levels = rng.randrange(12, 4_000)
    return draft.with_value(draft.text[:-1] + b',"indicators":' + b"[" * levels + b"]" * levels + b"}")


@MAKERS.spoils(RejectReason.INVALID_JSON)
def _cut_short(draft: Draft, rng: Random) -> Draft:
    return draft.with_value(draft.text[: rng.randrange(1, len(draft.text))])


@MAKERS.spoils(RejectReason.INVALID_JSON)
def _empty(draft: Draft, _: Random) -> Draft:
    return draft.with_value(b"")


@MAKERS.spoils(RejectReason.INVALID_JSON)
def _trailing_bytes(draft: Draft, _: Random) -> Draft:
    return draft.with_value(draft.text + draft.text)


@MAKERS.spoils(RejectReason.INVALID_JSON)
def _not_a_number(draft: Draft, rng: Random) -> Draft:
    constant = rng.choice((float("nan"), float("inf"), float("-inf")))
    return draft.with_fields(report_count=constant)


@MAKERS.spoils(RejectReason.INVALID_JSON)
def _single_quotes(draft: Draft, _: Random) -> Draft:
    return draft.with_value(draft.text.replace(b'"', b"'"))


@MAKERS.spoils(RejectReason.NOT_AN_OBJECT)
def _other_json(draft: Draft, rng: Random) -> Draft:
    return draft.with_value(rng.choice((b"[]", b"null", b"12", b'"report"', b"[" + draft.text + b"]", b"true")))


@MAKERS.spoils(RejectReason.ESCAPED_KEY)
def _escaped_key(draft: Draft, _: Random) -> Draft:
    return draft.with_value(draft.text.replace(b'"action":', b'"\\u0061ction":', 1))


@MAKERS.spoils(RejectReason.DUPLICATE_KEY)
def _same_key_twice(draft: Draft, _: Random) -> Draft:
    return draft.with_value(b'{"urgency":"urgent",' + draft.text[1:])


@MAKERS.spoils(RejectReason.DUPLICATE_KEY)
def _same_inner_key_twice(draft: Draft, _: Random) -> Draft:
    return draft.with_value(draft.text.replace(b'{"country":', b'{"country":"US","country":', 1))
