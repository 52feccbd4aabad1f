"""What is done to the ledger, in which order: so many kills, and the rest strewn among them. Pure, seeded."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final


class Act(StrEnum):
    """One thing that is done."""

    KILL = "kill the active ledger"
    KILL_EARLY = "kill it while it begins"
    KILL_ALL = "kill every ledger at once"
    PAUSE = "pause the active ledger"
    READER = "kill the processes that read for them"
    READER_PAUSED = "pause the process that reads for the active one"
    DATABASE_FAST = "restart PostgreSQL, fast"
    DATABASE_IMMEDIATE = "restart PostgreSQL, immediate"
    DATABASE_KILLED = "kill PostgreSQL, start it"
    BROKER = "restart the broker"


KILLS: Final = (Act.KILL, Act.KILL_EARLY, Act.KILL_ALL)


@dataclass(frozen=True, slots=True)
class Step:
    """Do `act` after the ledger has been active for `after_s`; KILL_EARLY so long after the last start."""

    act: Act
    after_s: float


def steps(kills: int, postgresql: bool, rng: Random) -> list[Step]:
    """All of them in their order."""
    acts = [rng.choices(KILLS, (0.7, 0.2, 0.1 if postgresql else 0.0))[0] for _ in range(kills)]
    more = [Act.BROKER] + [Act.PAUSE, Act.READER, Act.READER_PAUSED] * max(1, kills // 10)
    if postgresql:
        more += [Act.DATABASE_FAST, Act.DATABASE_IMMEDIATE, Act.DATABASE_KILLED] * max(1, kills // 25)
    for act in more:
        acts.insert(rng.randrange(len(acts) + 1), act)
    return [Step(act, rng.uniform(0.0, 4.0) if act is not Act.KILL_EARLY else rng.uniform(0.2, 2.5)) for act in acts]
