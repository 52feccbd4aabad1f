"""Durations: what is written is what is read, and no text raises."""

from hypothesis import given
from hypothesis import strategies as st

from policy.durations import LEAST_SECONDS, MOST_SECONDS, parse_duration, write_duration

SECONDS = st.integers(LEAST_SECONDS, MOST_SECONDS)
UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@given(SECONDS)
def test_what_is_written_is_what_is_read(seconds: int) -> None:
    assert parse_duration(write_duration(seconds)) == seconds


@given(st.integers(0, 10**10), st.sampled_from(sorted(UNITS)))
def test_a_number_and_a_unit_are_their_product_within_the_bounds_and_nothing_beyond(number: int, unit: str) -> None:
    seconds = number * UNITS[unit]
    within = LEAST_SECONDS <= seconds <= MOST_SECONDS
    assert parse_duration(f"{number}{unit}") == (seconds if within else None)


@given(SECONDS)
def test_what_is_written_is_no_longer_than_it_must_be(seconds: int) -> None:
    written = write_duration(seconds)
    assert len(written) <= min(len(f"{seconds // of_it}{unit}") for unit, of_it in UNITS.items() if not seconds % of_it)


@given(st.text() | st.text("0123456789smhd +-.", max_size=12))
def test_any_text_is_a_duration_within_the_bounds_or_none(text: str) -> None:
    seconds = parse_duration(text)
    assert seconds is None or LEAST_SECONDS <= seconds <= MOST_SECONDS
