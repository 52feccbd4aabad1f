"""The simulator's own arithmetic of time holds for every time."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.simulator.pace import BURST_S, Pace
from services.simulator.stamps import ZONES, stamp, stamp_ms

TIMES_MS = st.integers(min_value=0, max_value=4_102_444_800_000)


@settings(deadline=None)
@given(TIMES_MS, st.integers(0, len(ZONES) - 1))
def test_a_stamp_reads_back_as_the_same_second_in_its_zone(at_ms: int, zone: int) -> None:
    read = datetime.fromisoformat(stamp(at_ms, zone))
    assert read == datetime.fromtimestamp(at_ms // 1_000, UTC)
    assert read.utcoffset() == timedelta(minutes=ZONES[zone][0])


@settings(deadline=None)
@given(TIMES_MS)
def test_a_stamp_with_milliseconds_loses_nothing(at_ms: int) -> None:
    assert datetime.fromisoformat(stamp_ms(at_ms)) == datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at_ms)


@settings(deadline=None)
@given(st.floats(0.1, 100_000), st.lists(st.floats(0, 5), max_size=50))
def test_a_pace_never_gives_more_than_its_rate_and_one_burst(rate: float, steps_s: list[float]) -> None:
    pace, now_s = Pace(rate, 0.0), 0.0
    due = 0
    for step_s in steps_s:
        now_s += step_s
        due += pace.take(now_s)
    assert due <= rate * now_s + 1e-6
    last_burst = max(1.0, rate * BURST_S)
    assert pace.take(now_s + 1_000_000) <= last_burst


@settings(deadline=None)
@given(st.floats(1, 10_000), st.integers(100, 1_000))
def test_a_pace_that_is_asked_often_gives_all_of_its_rate(rate: float, asked: int) -> None:
    pace = Pace(rate, 0.0)
    due = sum(pace.take(tick * 0.001) for tick in range(1, asked + 1))
    assert abs(due - rate * asked * 0.001) <= 1 + 1e-6


@settings(deadline=None)
@given(st.floats(0.01, 1e6))
def test_a_wait_is_short_enough_to_be_told_to_end(rate: float) -> None:
    assert 0.001 <= Pace(rate, 0.0).wait_s() <= 0.02
