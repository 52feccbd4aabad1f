"""Whatever the bytes: one answer, and nothing goes through that was not read."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from policy.intake import Accepted, Headers, Rejection, examine
from policy.partners import Key, Partner
from schemas.canonical import canonical, digest
from schemas.codes import RejectReason
from schemas.envelope import MAX_BYTES, Envelope
from schemas.generate import HERE

NOW_MS: Final = 1_715_947_200_000
KEYS: Final = {
    key_id: Key(key_id, frozenset({"ncmec"}), datetime(2000, 1, 1, tzinfo=UTC))
    for key_id in ("ncmec-2023", "ncmec-2024")
}
PARTNER: Final = Partner("ncmec", "The partner", 4, keys=KEYS)
VALID: Final = [
    (HERE / "vectors" / "valid" / entry["file"]).read_bytes()
    for entry in json.loads((HERE / "vectors" / "valid" / "index.json").read_bytes())
]
SMALL: Final = [value for value in VALID if len(value) < 2_000]


def judge(value: bytes | None, headers: Headers = ()) -> Accepted | Rejection:
    key: bytes | None = b"187654321"
    if value is not None:
        with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
            key = json.loads(value)["report"].encode()
    return examine(value, key, headers, PARTNER, NOW_MS)


def is_read_strictly(value: bytes) -> dict[str, Any]:
    """A second reader, which forgives nothing: fails where a key stands twice or is escaped."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({name for name, _ in pairs}) == len(pairs)
        for name, _ in pairs:
            assert f'"{name}"'.encode() in value
        return dict(pairs)

    def no_constant(_: str) -> None:
        raise AssertionError

    assert len(value) <= MAX_BYTES
    found = json.loads(value.decode(), object_pairs_hook=once, parse_constant=no_constant)
    assert isinstance(found, dict)
    return found


def holds(value: bytes) -> None:
    """What must be true of the answer to any value at all."""
    found = judge(value)
    if isinstance(found, Rejection):
        assert found.reason in RejectReason
        return
    strict = is_read_strictly(value)
    assert found.digest == digest(found.canonical)
    assert len(found.canonical) <= MAX_BYTES
    again = json.loads(found.canonical)
    for field in again.keys() - {"jurisdictions"}:
        assert _without_defaults(again[field]) == _without_defaults(strict[field])


def _without_defaults(node: Any) -> Any:
    if isinstance(node, dict):
        kept = {name: _without_defaults(value) for name, value in node.items()}
        return {name: value for name, value in kept.items() if value not in (None, 0, False)}
    return [_without_defaults(item) for item in node] if isinstance(node, list) else node


@given(st.binary(max_size=400))
def test_arbitrary_bytes_get_an_answer(value: bytes) -> None:
    holds(value)


@given(st.text(max_size=200), st.none() | st.binary(max_size=60))
def test_arbitrary_text_and_key_get_an_answer(text: str, key: bytes | None) -> None:
    value = text.encode("utf-8", "surrogatepass")
    found = examine(value, key, [("ce_id", key), ("ce_time", key), ("content-type", key)], PARTNER, NOW_MS)
    assert isinstance(found, Rejection)


@given(st.sampled_from(SMALL), st.data())
def test_a_byte_changed_added_or_lost_gets_an_answer(value: bytes, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(value) - 1))
        length = data.draw(st.integers(0, 2))
        value = value[:place] + data.draw(st.binary(max_size=3)) + value[place + length :]
        assume(value)
    holds(value)


JSON_TEXT: Final = st.sampled_from(
    [
        "1",
        "0",
        "-0",
        "1.0",
        "1e400",
        "NaN",
        "null",
        "true",
        '""',
        "[]",
        "{}",
        '"NL"',
        '"new"',
        '"\\ud800"',
        "[[[[[[[[[]]]]]]]]]",
    ]
)


@given(st.sampled_from(SMALL), st.data())
def test_a_field_written_twice_never_goes_through(value: bytes, data: st.DataObject) -> None:
    """However the second is spelled, wherever it stands, whatever it says."""
    fields = sorted(Envelope.model_fields)
    name = data.draw(st.sampled_from(fields))
    assume(name in json.loads(value))
    spelled = data.draw(
        st.sampled_from([name, f"\\u{ord(name[0]):04x}{name[1:]}", f"{name[:-1]}\\u{ord(name[-1]):04X}"])
    )
    space = data.draw(st.text(" \t\r\n", max_size=3))
    member = f'"{spelled}"{space}:{space}{data.draw(JSON_TEXT)}'
    text = value.decode().strip()
    forged = f"{{{member},{text[1:]}" if data.draw(st.booleans()) else f"{text[:-1]},{member}}}"
    found = judge(forged.encode())
    assert isinstance(found, Rejection)


@given(st.sampled_from(SMALL), st.integers(0, 3), st.integers(0, 3))
def test_spelling_changes_no_digest(value: bytes, indent: int, order: int) -> None:
    def turned(node: Any) -> Any:
        if isinstance(node, dict):
            items = [(name, turned(inner)) for name, inner in node.items()]
            return dict(items[order % len(items) :] + items[: order % len(items)]) if items else {}
        return [turned(item) for item in node] if isinstance(node, list) else node

    first = judge(value)
    assert isinstance(first, Accepted)
    respelled = json.dumps(turned(json.loads(value)), indent=indent or None).encode()
    again = judge(respelled)
    assert isinstance(again, Accepted)
    assert (again.canonical, again.digest) == (first.canonical, first.digest)


@given(st.sampled_from(SMALL), st.sampled_from(SMALL))
def test_digests_agree_exactly_where_the_content_does(one: bytes, other: bytes) -> None:
    first, second = judge(one), judge(other)
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)

    def content(found: Accepted) -> dict[str, Any]:
        return {name: value for name, value in json.loads(found.canonical).items() if name != "submitted_at"}

    assert (first.digest == second.digest) == (content(first) == content(second))


@pytest.mark.parametrize("value", VALID)
def test_the_canonical_form_is_stable(value: bytes) -> None:
    found = judge(value)
    assert isinstance(found, Accepted)
    again = judge(found.canonical)
    assert isinstance(again, Accepted)
    assert again.canonical == found.canonical == canonical(again.envelope)


BOUNDARIES: Final[list[tuple[Callable[[int], bytes], int]]] = [
    (
        lambda count: (
            b'"jurisdictions":['
            + b",".join([b'{"country":"NL","role":"upload","basis":"ip_geolocation"}'] * count)
            + b"]"
        ),
        16,
    ),
    (lambda count: b'"indicators":[' + b",".join([b'"viral"'] * count) + b"]", 32),
]


@given(st.sampled_from(BOUNDARIES), st.integers(1, 60))
def test_a_list_has_its_largest_length(boundary: tuple[Callable[[int], bytes], int], count: int) -> None:
    make, most = boundary
    envelope = json.loads(VALID[0])
    envelope.update(json.loads(b"{" + make(count) + b"}"))
    found = judge(json.dumps(envelope).encode())
    if count <= most:
        assert isinstance(found, Accepted)
    else:
        assert isinstance(found, Rejection)
        assert found.reason is RejectReason.TOO_MANY_ITEMS
