"""Counting all openings of a batch at once says what counting each of them would have said."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from schemas.codes import Lane
from services.ledger.entry import Entry
from services.ledger.history import moments, replace_moments
from services.ledger.openings import Openings
from services.ledger.tally import NOTHING, count
from services.ledger.waits import Waiting

SLOT_MS = 3_600_000
START_MS = 1_790_000_000_000
times = st.integers(START_MS, START_MS + 40 * 86_400_000)
entries = st.builds(
    lambda desk, lane, arrived_ms, expires_ms, captured_ms: Entry(
        f"p:r:{desk}", "p", "r", desk, lane, "waiting", 1, 1, False, arrived_ms, expires_ms, captured_ms, records=1
    ),
    st.sampled_from(["aa", "bb"]),
    st.sampled_from(Lane),
    times,
    st.none() | times,
    st.none() | times,
)


@given(st.lists(entries, max_size=20))
def test_together_they_count_as_one_by_one(opened: list[Entry]) -> None:
    openings, tallies, history, waiting = Openings(SLOT_MS), Counter(), Counter(), Waiting()  # type: ignore[var-annotated]
    each_tallies, each_history, each_waiting, counters = Counter(), Counter(), Waiting(), Counter()  # type: ignore[var-annotated]
    for entry in opened:
        openings.add(entry)
        count(NOTHING, entry, (), None, SLOT_MS, each_tallies, counters)
        replace_moments(each_history, (), moments(entry, None, SLOT_MS))
        each_waiting.come((entry.desk, entry.lane), entry.arrived_ms, missed=False)
    openings.count(tallies, history, waiting)
    assert (tallies, history) == (each_tallies, each_history)
    assert (waiting.came, waiting.unmissed) == (each_waiting.came, each_waiting.unmissed)
    assert not counters
