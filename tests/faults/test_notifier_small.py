"""The small campaign of the notifier: killed three times while it tells ten desks, on SQLite. See `make faults`."""

from pathlib import Path

from tests.faults.notifier.playing import Plan, prove
from tests.notices.load import BRISK


def test_a_notifier_that_is_killed_leaves_nothing_out_and_says_nothing_in_two_ways(tmp_path: Path) -> None:
    plan = Plan("sqlite", notices=800, groups=160, kills=3, a_second=200, seed=3, desks=10, courses=BRISK)
    result = prove(plan, tmp_path, lambda _: None)
    assert (result.wrong, result.faults) == ([], [])
    assert result.kills == 3
    assert result.taken > 100
