"""The small campaign: 10,000 referrals through one killed router and one zombie. The long one is `make faults`."""

from pathlib import Path

from tests.faults.proving import Plan, prove
from tests.faults.schedule import Act, Fault, Step
from tests.faults.workload import COPIES

REFERRALS = 10_000
KILLED = Fault("killed", "SIGKILL, and started again", 14, (Step(3, Act.KILL_ROUTER), Step(4, Act.START_ROUTER)))
ZOMBIE = Fault(
    "zombie",
    "SIGSTOP past the session time-out while another takes over, then woken",
    18,
    (Step(3, Act.PAUSE_ROUTER), Step(13, Act.WAKE_ROUTER)),
    routers=2,
)


def test_ten_thousand_referrals_survive_a_kill_and_a_zombie(tmp_path: Path) -> None:
    result = prove(Plan((KILLED, ZOMBIE), brokers=1, referrals=REFERRALS, seed=3), tmp_path, lambda _: None)
    assert (list(result.wrong), list(result.findings)) == ([], [])
    assert sum(row.sent for row in result.rows) == REFERRALS * (1 + COPIES)
