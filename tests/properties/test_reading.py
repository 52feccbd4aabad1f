"""No key that stands twice and no key with an escape gets past the reader, however it is written."""

import json
from types import UnionType
from typing import Any, Union, get_args, get_origin

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from schemas.codes import RejectReason
from schemas.envelope import Envelope
from schemas.reading import Readable, read
from tests.samples import envelope, place

FULL = envelope(
    jurisdictions=[place("NL"), place("DE", "hosting") | {"verified": False}],
    report_count=1,
    expires_at="2027-01-01T00:00:00Z",
    indicators=["viral", "network"],
    material={"images": 2, "videos": 0, "classification": {"A1": 1}},
    identifiers=[
        {"kind": "email", "subject": "suspect", "key_id": "ncmec-2026a", "hmac_sha256": "0" * 64, "captured_at": None}
    ],
)
SPACES = st.text(alphabet=" \t\n\r", max_size=3)


def objects(value: Any) -> list[dict[str, Any]]:
    """The value's objects, at any depth."""
    if isinstance(value, dict):
        return [value, *(found for inner in value.values() for found in objects(inner))]
    return [found for inner in value for found in objects(inner)] if isinstance(value, list) else []


@st.composite
def spelled(draw: st.DrawFn, value: Any, twice: tuple[int, str] | None, escape: bool, counter: list[int]) -> str:
    """The value as JSON with white space anywhere; one object gets one of its keys a second time."""
    if not isinstance(value, dict | list):
        return json.dumps(value)
    ends = "{}" if isinstance(value, dict) else "[]"
    parts = []
    if isinstance(value, dict):
        mine = counter[0]
        counter[0] += 1
        pairs = list(value.items())
        if twice is not None and twice[0] == mine:
            pairs.insert(draw(st.integers(0, len(pairs))), (twice[1], value[twice[1]]))
        for key, inner in pairs:
            name = json.dumps(key)
            if escape and key == twice_key(twice):
                name = '"' + "".join(f"\\u{ord(letter):04x}" for letter in key) + '"'
            text = draw(spelled(inner, twice, escape, counter))
            parts.append(f"{draw(SPACES)}{name}{draw(SPACES)}:{draw(SPACES)}{text}{draw(SPACES)}")
    else:
        parts = [f"{draw(SPACES)}{draw(spelled(inner, twice, escape, counter))}{draw(SPACES)}" for inner in value]
    return ends[0] + ",".join(parts) + ends[1]


def twice_key(twice: tuple[int, str] | None) -> str:
    return twice[1] if twice else ""


@given(st.data())
def test_white_space_changes_nothing(data: st.DataObject) -> None:
    text = data.draw(spelled(FULL, None, False, [0]))
    found, plain = read(text.encode()), read(json.dumps(FULL).encode())
    assert isinstance(found, Readable)
    assert found == plain


@given(st.data())
def test_a_key_that_stands_twice_is_refused_wherever_it_stands(data: st.DataObject) -> None:
    place_in = data.draw(st.integers(0, len(objects(FULL)) - 1))
    key = data.draw(st.sampled_from(sorted(objects(FULL)[place_in])))
    text = data.draw(spelled(FULL, (place_in, key), False, [0]))
    found = read(text.encode())
    assert not isinstance(found, Readable)
    assert found.reason is RejectReason.DUPLICATE_KEY


@given(st.data())
def test_a_key_that_is_written_with_escapes_is_refused(data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(FULL)))
    text = data.draw(spelled(FULL, (-1, key), True, [0]))
    found = read(text.encode())
    assert not isinstance(found, Readable)
    assert found.reason is RejectReason.ESCAPED_KEY


@given(
    st.binary(max_size=300) | st.recursive(st.none() | st.integers(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_nothing_makes_the_reader_raise(value: bytes) -> None:
    assert not isinstance(read(value), Readable)


def models(model: type[BaseModel]) -> set[type[BaseModel]]:
    """The model and all that it holds."""
    found = {model}
    for field in model.model_fields.values():
        for kind in _parts(field.annotation):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found |= models(kind)
    return found


def _parts(annotation: Any) -> list[Any]:
    if get_origin(annotation) in {Union, UnionType, list}:
        return [part for argument in get_args(annotation) for part in _parts(argument)]
    return [annotation]


def test_no_field_has_a_text_as_its_default() -> None:
    """The proof that every key was read counts on it: a text left out for being the default would hide a key."""
    assert len(models(Envelope)) == 6
    for model in models(Envelope):
        for field in model.model_fields.values():
            assert not isinstance(field.get_default(call_default_factory=True, validated_data={}), str)
