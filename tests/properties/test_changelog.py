"""The seen-log gives back what was put in, whatever its size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.changelog import MAX_BYTES, UnknownFormatError, decode, encode

IDENTITIES = st.from_regex(rb"[A-Za-z0-9-]{1,48}:[1-9][0-9]{0,5}", fullmatch=True)
DIGESTS = st.integers(0, 2**64 - 1)


@given(
    st.dictionaries(IDENTITIES, DIGESTS, max_size=50),
    st.dictionaries(st.from_regex(r"referral\.queue\.[a-z]{2}\.urgent\.v1", fullmatch=True), st.integers(1, 2**40)),
    st.integers(0, 2**60),
    st.integers(0, 2**33),
    st.booleans(),
)
def test_what_is_written_is_what_is_read(
    seen: dict[bytes, int], counts: dict[str, int], next_offset: int, at: int, every: bool
) -> None:
    (value,) = encode(seen.items(), counts, next_offset, at, every)
    record = decode(value)
    assert dict(record.seen) == seen
    assert (record.counts, record.next_offset, record.at_seconds, record.every_count) == (
        counts,
        next_offset,
        at,
        every,
    )


def test_a_transaction_of_any_size_fits_and_only_its_last_record_says_where_to_go_on() -> None:
    seen = [(b"%048d:999999" % number, number) for number in range(40_000)]
    values = list(encode(seen, {"q": 1}, 5, 6))
    assert len(values) > 2
    assert max(map(len, values)) <= MAX_BYTES
    records = [decode(value) for value in values]
    assert [pair for record in records for pair in record.seen.items()] == seen
    assert [record.next_offset for record in records] == [None] * (len(records) - 1) + [5]


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_anything_else_is_refused_without_a_word_of_it(value: bytes) -> None:
    with pytest.raises(UnknownFormatError) as refusal:
        decode(value)
    assert not refusal.value.args
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize("value", [b"", b"{}", b'{"v":2,"digest":1,"at":0}', b"[]", b'{"v":1,"digest":1,"at":0}\nx'])
def test_another_format_is_refused(value: bytes) -> None:
    with pytest.raises(UnknownFormatError):
        decode(value)
