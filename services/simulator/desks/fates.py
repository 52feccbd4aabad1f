"""From an entry's fate to the steps that its desk will take, and when. Pure; the generator is an argument."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, TypeVar

from schemas.codes import ActorRole, Disposition, StatusType
from services.simulator.desks.conduct import Fate, Manner

REPEATED: Final = 0.01
"""Of the events, those that are sent twice."""
_ACTED: Final[Mapping[Disposition, int]] = {
    Disposition.PROSECUTION: 6,
    Disposition.INDIGO: 14,
    Disposition.WARNING_LETTER: 22,
    Disposition.VICTIM_SAFEGUARDED: 5,
    Disposition.MERGED: 13,
    Disposition.NO_OFFENCE: 25,
    Disposition.INSUFFICIENT_INFORMATION: 15,
}
_DISMISSED: Final[Mapping[Disposition, int]] = {
    Disposition.NO_OFFENCE: 45,
    Disposition.INSUFFICIENT_INFORMATION: 25,
    Disposition.IP_NOT_RESOLVABLE: 20,
    Disposition.OUTSIDE_JURISDICTION: 10,
}
Code = TypeVar("Code", Fate, Disposition)
_SOON: Final = (0.02, 0.1)
_WORKING: Final = (0.2, 0.8)


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step. `after_ms`: from the entry's arrival; `repeated`: said twice."""

    after_ms: int
    event: StatusType
    role: ActorRole
    disposition: Disposition | None = None
    to: str | None = None
    repeated: bool = False


def plan(manner: Manner, target_s: float, onward: Sequence[str], rng: Random) -> tuple[PlannedStep, ...]:
    """The steps of one entry, in their order; none where it is left. `onward`: the desks it may be forwarded to."""
    fate = _draw(manner.fates, rng)
    if fate is Fate.FORWARD and not onward:
        fate = Fate.WORK
    steps: list[PlannedStep] = []
    at_s = target_s * rng.uniform(*manner.within)

    def step(
        event: StatusType,
        role: ActorRole,
        wait: tuple[float, float] | None = None,
        disposition: Disposition | None = None,
        to: str | None = None,
    ) -> None:
        nonlocal at_s
        at_s += 0.0 if wait is None else max(0.01, target_s * rng.uniform(*wait))
        steps.append(PlannedStep(int(at_s * 1000), event, role, disposition, to, rng.random() < REPEATED))

    match fate:
        case Fate.WORK | Fate.REOPEN:
            step(StatusType.TAKEN_UP, ActorRole.INVESTIGATOR)
            step(StatusType.CLOSED, ActorRole.PROSECUTOR, _WORKING, _draw(_ACTED, rng))
        case Fate.DISMISS:
            step(StatusType.LOOKED, ActorRole.TRIAGE)
            step(StatusType.CLOSED, ActorRole.TRIAGE, _SOON, _draw(_DISMISSED, rng))
        case Fate.SHELVE:
            step(StatusType.LOOKED, ActorRole.TRIAGE)
            step(StatusType.SHELVED, ActorRole.SUPERVISOR, _SOON)
        case Fate.RETURN:
            step(StatusType.TAKEN_UP, ActorRole.ANALYST)
            step(StatusType.RETURNED, ActorRole.ANALYST, _WORKING)
        case Fate.FORWARD:
            step(StatusType.FORWARDED, ActorRole.TRIAGE, to=rng.choice(onward))
        case Fate.LEAVE:
            return ()
    if fate is Fate.REOPEN:
        step(StatusType.REOPENED, ActorRole.SUPERVISOR, _WORKING)
        step(StatusType.CLOSED, ActorRole.SUPERVISOR, _SOON, Disposition.MERGED)
    return tuple(steps)


def _draw(weights: Mapping[Code, int], rng: Random) -> Code:
    return rng.choices(list(weights), list(weights.values()))[0]
