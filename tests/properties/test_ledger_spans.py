"""Spans are a dict that counts, and ages that are kept up are those that are counted anew."""

from hypothesis import given
from hypothesis import strategies as st

from services.ledger.figures import Figures, _aged
from services.ledger.spans import Spans
from services.ledger.tally import DAY_MS, EXPIRES, TallyKey

HOUR_MS = 3_600_000
STARTS = st.one_of(st.integers(0, 20), st.integers(0, 9_000)).map(HOUR_MS.__mul__)
TIMES = STARTS | st.integers(0, 9_000 * HOUR_MS)
CHANGES = st.lists(st.tuples(STARTS, st.integers(-2, 3)), max_size=40)


@given(CHANGES, TIMES, TIMES)
def test_spans_count_as_a_dict_does(changes: list[tuple[int, int]], one_ms: int, other_ms: int) -> None:
    spans, plain = Spans(), dict[int, int]()
    for start, number in changes:
        spans.add(start, number)
        plain[start] = plain.get(start, 0) + number
    plain = {start: number for start, number in sorted(plain.items()) if number}
    assert dict(spans) == plain
    assert list(spans) == list(plain)
    assert spans.between(one_ms, other_ms) == sum(n for start, n in plain.items() if one_ms <= start < other_ms)
    assert spans.between(None, None) == sum(plain.values())
    assert spans.through(one_ms) == sum(n for start, n in plain.items() if start <= one_ms)
    assert spans.next_from(one_ms) == min((start for start in plain if start >= one_ms), default=None)
    assert spans.last_through(one_ms) == max((start for start in plain if start <= one_ms), default=None)
    assert spans.starts_total_ms() == sum(start * number for start, number in plain.items())


@given(
    st.lists(st.tuples(st.lists(st.tuples(STARTS, st.integers(1, 3)), max_size=5), st.integers(0, 3 * HOUR_MS))),
    st.integers(8_000, 9_000).map(HOUR_MS.__mul__),
)
def test_ages_that_are_kept_up_are_those_counted_anew(
    steps: list[tuple[list[tuple[int, int]], int]], now_ms: int
) -> None:
    figures = Figures()
    for arrived, later_ms in steps:
        now_ms += later_ms
        figures._add([(TallyKey("waiting", "aa", "urgent", start), number) for start, number in arrived])
        figures._add([(TallyKey(EXPIRES, "aa", "urgent", start // DAY_MS * DAY_MS), n) for start, n in arrived])
        found = figures.ages("waiting", "aa", "urgent", now_ms)
        spans = figures.slots.get(("waiting", "aa", "urgent"), Spans())
        anew = _aged(spans, now_ms)
        assert (found.buckets, found.entries, found.starts_ms) == (anew.buckets, anew.entries, anew.starts_ms)
        ends = figures.slots.get((EXPIRES, "aa", "urgent"), Spans())
        assert figures.through(EXPIRES, "aa", "urgent", now_ms) == ends.through(now_ms)
