"""The faults, as data: what is done to which router or broker, and when. Adding one is adding a value here.

Times are seconds since the fault's stream began; a seed moves each by up to `JITTER_S`, so that two campaigns
do not hit the same moment of a transaction. What a fault leaves behind (a stopped router, a dead broker) the
campaign mends after it, before the next.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from typing import Final

JITTER_S: Final = 0.5


class Act(StrEnum):
    """One thing that can be done. `Step.on` is a router (0, 1) or a broker node, `Step.times` how often."""

    START_ROUTER = "start_router"
    KILL_ROUTER = "kill_router"
    STOP_ROUTER = "stop_router"
    PAUSE_ROUTER = "pause_router"
    WAKE_ROUTER = "wake_router"
    KILL_BROKER = "kill_broker"
    PAUSE_BROKER = "pause_broker"
    WAKE_BROKER = "wake_broker"
    RESTART_BROKER = "restart_broker"
    START_BROKER = "start_broker"
    LOSE_COMMIT_ANSWER = "lose_commit_answer"
    WITHHOLD_COMMIT_ANSWER = "withhold_commit_answer"
    CUT_BEFORE_COMMIT = "cut_before_commit"
    REFUSE_OFFSETS = "refuse_offsets"
    DELAY_COMMIT_OF_KILLED = "delay_commit_of_killed"
    KILL_ROUTER_IN_COMMIT = "kill_router_in_commit"
    KILL_BROKER_IN_COMMIT = "kill_broker_in_commit"
    FENCE = "fence"
    QUEUES_REFUSE = "queues_refuse"
    QUEUES_ACCEPT = "queues_accept"


THROUGH_PROXY: Final = frozenset(
    {
        Act.LOSE_COMMIT_ANSWER,
        Act.WITHHOLD_COMMIT_ANSWER,
        Act.CUT_BEFORE_COMMIT,
        Act.REFUSE_OFFSETS,
        Act.DELAY_COMMIT_OF_KILLED,
        Act.KILL_ROUTER_IN_COMMIT,
        Act.KILL_BROKER_IN_COMMIT,
    }
)
"""Acts that need the routers' connections to go through the campaign's proxy."""


@dataclass(frozen=True, slots=True)
class Step:
    """Do `act` to `on`, `at_s` seconds after the stream began."""

    at_s: float
    act: Act
    on: int = 0
    times: int = 1


@dataclass(frozen=True, slots=True)
class Fault:
    """A named schedule; the stream flows for `lasts_s`, `routers` are running when it begins."""

    name: str
    says: str
    lasts_s: float
    steps: tuple[Step, ...] = ()
    routers: int = 1

    @property
    def begins_s(self) -> float:
        """When the first step is due; for a fault without steps, half of its time."""
        return min((step.at_s for step in self.steps), default=self.lasts_s / 2)

    @property
    def through_proxy(self) -> bool:
        """Whether the routers must reach the brokers through the proxy."""
        return any(step.act in THROUGH_PROXY for step in self.steps)


A = Act
FAULTS: Final = (
    Fault("none", "nothing is done: what a quiet run looks like", 5),
    Fault(
        "router-killed",
        "SIGKILL in the middle of the stream, started again, killed again",
        18,
        (
            Step(3, A.KILL_ROUTER),
            Step(4, A.START_ROUTER),
            Step(12, A.KILL_ROUTER),
            Step(12.5, A.START_ROUTER),
        ),
    ),
    Fault(
        "router-stopped",
        "SIGTERM, gone within 10 s, started again",
        12,
        (Step(3, A.STOP_ROUTER), Step(4, A.START_ROUTER), Step(8, A.STOP_ROUTER), Step(8.5, A.START_ROUTER)),
    ),
    Fault(
        "router-zombie",
        "SIGSTOP past the session time-out while another takes over, then woken",
        26,
        (
            Step(3, A.PAUSE_ROUTER, 0),
            Step(14, A.WAKE_ROUTER, 0),
            Step(16, A.PAUSE_ROUTER, 1),
            Step(24.5, A.WAKE_ROUTER, 1),
        ),
        routers=2,
    ),
    Fault(
        "router-zombie-woken-early",
        "SIGSTOP until just after another has taken over, then woken with a transaction still open",
        23,
        (
            Step(3, A.PAUSE_ROUTER, 0),
            Step(10.5, A.WAKE_ROUTER, 0),
            Step(14, A.PAUSE_ROUTER, 1),
            Step(21.5, A.WAKE_ROUTER, 1),
        ),
        routers=2,
    ),
    Fault(
        "router-joins",
        "a second router joins, leaves by SIGTERM, joins again and is killed",
        18,
        (
            Step(3, A.START_ROUTER, 1),
            Step(7, A.STOP_ROUTER, 1),
            Step(9, A.START_ROUTER, 1),
            Step(13, A.KILL_ROUTER, 1),
        ),
    ),
    Fault(
        "router-fenced",
        "somebody else starts a producer of the router's transactional ids",
        12,
        (Step(3, A.FENCE, times=2), Step(6, A.FENCE, times=4)),
    ),
    Fault(
        "transactions-aborted",
        "the offsets of a transaction whose records are written are refused",
        14,
        (Step(3, A.REFUSE_OFFSETS, times=4), Step(8, A.REFUSE_OFFSETS, times=4)),
    ),
    Fault(
        "queues-refuse",
        "the queues refuse every record for a while (their size limit is lowered)",
        14,
        (Step(3, A.QUEUES_REFUSE), Step(7, A.QUEUES_ACCEPT)),
    ),
    Fault(
        "commit-answer-lost",
        "a commit is done, its answer swallowed, the connection cut; or cut before the commit arrives",
        14,
        (
            Step(3, A.LOSE_COMMIT_ANSWER, times=3),
            Step(7, A.CUT_BEFORE_COMMIT, times=3),
            Step(10, A.LOSE_COMMIT_ANSWER, times=3),
        ),
    ),
    Fault(
        "commit-answer-withheld",
        "a commit is done, and its answer never comes on a connection that stays open",
        22,
        (Step(3, A.WITHHOLD_COMMIT_ANSWER, times=2), Step(13, A.WITHHOLD_COMMIT_ANSWER, times=1)),
    ),
    Fault(
        "commit-delayed",
        "SIGKILL as a commit goes out, which reaches the broker when a successor has taken over",
        26,
        (
            Step(3, A.DELAY_COMMIT_OF_KILLED),
            Step(4.5, A.START_ROUTER),
            Step(14.5, A.DELAY_COMMIT_OF_KILLED),
            Step(16, A.START_ROUTER),
        ),
    ),
    Fault(
        "router-killed-in-commit",
        "SIGKILL at the moment a commit goes out",
        19,
        (
            Step(3, A.KILL_ROUTER_IN_COMMIT),
            Step(4.5, A.START_ROUTER),
            Step(12, A.KILL_ROUTER_IN_COMMIT),
            Step(13.5, A.START_ROUTER),
        ),
    ),
    Fault(
        "broker-killed",
        "SIGKILL of a broker, started again",
        18,
        (Step(3, A.KILL_BROKER), Step(5, A.START_BROKER)),
    ),
    Fault(
        "broker-killed-in-commit",
        "SIGKILL of a broker a few milliseconds after a commit reached it: markers may be half written",
        18,
        (Step(3, A.KILL_BROKER_IN_COMMIT), Step(6, A.START_BROKER)),
    ),
    Fault(
        "broker-paused",
        "SIGSTOP of a broker for 8 s",
        17,
        (Step(3, A.PAUSE_BROKER, 0), Step(11, A.WAKE_BROKER, 0)),
    ),
    Fault(
        "broker-restarted",
        "a broker is stopped cleanly and started again",
        15,
        (Step(3, A.RESTART_BROKER),),
    ),
    Fault(
        "both-killed",
        "a broker and the router are killed together",
        18,
        (Step(3, A.KILL_BROKER), Step(3, A.KILL_ROUTER), Step(5, A.START_BROKER), Step(6, A.START_ROUTER)),
    ),
)
BY_NAME: Final = {fault.name: fault for fault in FAULTS}


def spread(fault: Fault, rng: Random, nodes: int) -> Fault:
    """The same fault with its moments moved by up to `JITTER_S`, and a broker chosen where there are several.

    Every step moves by the same amount as those before it or more, so that their order stays.
    """
    node = rng.randrange(nodes)
    steps = []
    late_s = 0.0
    for step in fault.steps:
        late_s = max(late_s, rng.uniform(0, JITTER_S))
        on = node if step.act in BROKER_ACTS else step.on
        steps.append(replace(step, at_s=step.at_s + late_s, on=on))
    return replace(fault, steps=tuple(steps))


BROKER_ACTS: Final = frozenset(
    {
        Act.KILL_BROKER,
        Act.START_BROKER,
        Act.PAUSE_BROKER,
        Act.WAKE_BROKER,
        Act.RESTART_BROKER,
        Act.KILL_BROKER_IN_COMMIT,
    }
)
"""Acts whose `on` is a broker node."""
