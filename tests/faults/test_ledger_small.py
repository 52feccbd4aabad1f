"""The small campaign of the ledger: killed three times while records flow, on SQLite. The long one is `make faults`."""

from pathlib import Path

from tests.faults.ledger.playing import Plan, prove
from tests.faults.ledger.schedule import Act, Step

STEPS = (Step(Act.KILL, 1.0), Step(Act.KILL_EARLY, 0.8), Step(Act.KILL, 0.5))


def test_a_ledger_that_is_killed_says_what_the_topics_say(tmp_path: Path) -> None:
    plan = Plan("sqlite", originals=400, kills=3, lasts_s=9, seed=5, steps=STEPS, quiet_s=1.0)
    result = prove(plan, tmp_path, lambda _: None)
    assert (result.wrong, result.differences) == ([], [])
    assert sum(result.done.values()) == len(STEPS)
    assert result.dropped_s is not None
    assert result.entries >= 400
