"""What may become of an entry at a desk: which status event may follow which, as one table. Pure.

`course` folds an entry's status events in the order of the desk's topic. It asks for nothing else, so that the
result is the same whenever the queue record is read: before them, between them or after them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from schemas.codes import (
    LOOKED_DISPOSITIONS,
    ActorRole,
    Disposition,
    EntryState,
    StatusType,
)
from schemas.returns import NO_RETURNS, Returns

MAX_STEPS: Final = 256
"""So many status events of an entry count, the first in the desk's topic; the others are refused."""

_OPEN: Final = (EntryState.WAITING, EntryState.SHELVED, EntryState.IN_HAND)

STEPS: Final[Mapping[StatusType, Mapping[EntryState, EntryState]]] = {
    StatusType.LOOKED: {
        EntryState.WAITING: EntryState.SHELVED,
        EntryState.SHELVED: EntryState.SHELVED,
        EntryState.IN_HAND: EntryState.IN_HAND,
    },
    StatusType.SHELVED: dict.fromkeys(_OPEN, EntryState.SHELVED),
    StatusType.TAKEN_UP: dict.fromkeys(_OPEN, EntryState.IN_HAND),
    StatusType.RETURNED: {EntryState.IN_HAND: EntryState.SHELVED},
    StatusType.FORWARDED: dict.fromkeys(_OPEN, EntryState.FORWARDED),
    StatusType.CLOSED: dict.fromkeys(_OPEN, EntryState.CLOSED),
    StatusType.REOPENED: {EntryState.CLOSED: EntryState.SHELVED},
}
"""Event → state it may come in → state it leads to. What is not here can not happen: it is contested.

A state that says somebody looked (shelved, in hand) is reached only where somebody did: else it stays waiting.
"""

_LOOKS: Final = frozenset({StatusType.LOOKED, StatusType.SHELVED, StatusType.TAKEN_UP})


@dataclass(slots=True)
class Step:
    """What counts of a status event. `at_ms`: the broker's time of it, Unix ms; a desk's own clock decides nothing.

    Neither this nor a course is ever changed; to freeze them would take three times as long to make one.
    """

    event: StatusType
    role: ActorRole
    at_ms: int
    disposition: Disposition | None = None
    to: str | None = None

    @property
    def is_look(self) -> bool:
        """Whether a human has looked, by this event alone. What a system says of itself is no look."""
        if self.role is ActorRole.SYSTEM:
            return False
        return self.event in _LOOKS or self.disposition in LOOKED_DISPOSITIONS


class Closing(NamedTuple):
    """One closing: with what, whether nobody had looked, when (Unix ms), and in which stay.

    `returned_ms`: when that stay began, where its moment told of it; else 0.
    """

    disposition: Disposition
    unlooked: bool
    at_ms: int
    tenure: int
    returned_ms: int = 0


@dataclass(slots=True)
class Course:
    """How far a desk's events brought an entry. `tenure`: its stay at the desk, from 1, as far as chains tell.

    `looked_ms`, `taken_ms`, `closed_ms` and what is said of a forwarding are of the stay in hand; `looks_ms` (when each
    first look was), `closings` and `forwards` are of all stays, and only grow as events are added. `unlooked`: closed
    although nobody had looked. `returned_ms`: when the stay in hand began, where a moment told of it; else 0.
    """

    state: EntryState = EntryState.WAITING
    tenure: int = 1
    looked_ms: int | None = None
    taken_ms: int | None = None
    closed_ms: int | None = None
    disposition: Disposition | None = None
    unlooked: bool = False
    forwarded_to: str | None = None
    forwarded_by: ActorRole | None = None
    forwarded_ms: int | None = None
    looks_ms: tuple[int, ...] = ()
    closings: tuple[Closing, ...] = ()
    forwards: int = 0
    contested: int = 0
    returned_ms: int = 0

    @property
    def looks(self) -> int:
        """How many stays somebody looked in."""
        return len(self.looks_ms)

    def after(self, step: Step, most_forwards: int | None = None, last_stay: int | None = None) -> "Course":
        """The course with one more event; contested where it can not follow, or is a forwarding too many."""
        state = STEPS[step.event].get(self.state)
        forwarded = state is EntryState.FORWARDED
        if state is None or (forwarded and self._stays_here(most_forwards, last_stay)):
            return replace(self, contested=self.contested + 1)
        looked_ms, looks_ms = self.looked_ms, self.looks_ms
        if looked_ms is None and step.is_look:
            looked_ms, looks_ms = step.at_ms, (*looks_ms, step.at_ms)
        if looked_ms is None and state in _OPEN:
            state = EntryState.WAITING
        closed = state is EntryState.CLOSED
        closing: tuple[Closing, ...] = ()
        if closed and step.disposition is not None:
            closing = (Closing(step.disposition, looked_ms is None, step.at_ms, self.tenure, self.returned_ms),)
        return Course(
            state=state,
            tenure=self.tenure,
            looked_ms=looked_ms,
            taken_ms=step.at_ms if self.taken_ms is None and state is EntryState.IN_HAND else self.taken_ms,
            closed_ms=step.at_ms if closed else None,
            disposition=step.disposition if closed else None,
            unlooked=closed and looked_ms is None,
            forwarded_to=step.to if forwarded else None,
            forwarded_by=step.role if forwarded else None,
            forwarded_ms=step.at_ms if forwarded else None,
            looks_ms=looks_ms,
            closings=self.closings + closing,
            forwards=self.forwards + forwarded,
            contested=self.contested,
            returned_ms=self.returned_ms,
        )

    def _stays_here(self, most_forwards: int | None, last_stay: int | None) -> bool:
        if most_forwards is not None and self.forwards >= most_forwards:
            return True
        return last_stay is not None and self.tenure >= last_stay

    def again(self, tenure: int, returned_ms: int = 0) -> "Course":
        """The next stay: what the desk was done with has come back, and nobody has looked at it since."""
        return replace(self.refused(), tenure=tenure, returned_ms=returned_ms)

    def refused(self) -> "Course":
        """Waiting in the same stay: the forwarding was not carried out. No desk has it, so this one must look."""
        return Course(
            tenure=self.tenure,
            looks_ms=self.looks_ms,
            closings=self.closings,
            forwards=self.forwards,
            contested=self.contested,
            returned_ms=self.returned_ms,
        )


Refusals = Callable[[int, str], bool]
"""Whether the how-manieth forwarding, to this desk, was refused by whoever had to carry it out."""


def never(_number: int, _to: str) -> bool:
    """No forwarding was refused."""
    return False


_DONE: Final = frozenset({EntryState.CLOSED, EntryState.FORWARDED})


def course(
    steps: Iterable[Step],
    tenure: int = 1,
    most_forwards: int | None = None,
    returns: Returns = NO_RETURNS,
    *,
    last_stay: int | None = None,
    is_refused: Refusals = never,
) -> Course:
    """The fold. `tenure`: how often the referral came to this desk, as its queue records say; at least 1.

    `most_forwards`: how often it can have been forwarded in all; `last_stay`: in which it can not go on any more; None
    for no limit. `returns`: when it came back here. What follows a forwarding belongs to the next stay, where there is
    one, or to the same where it was refused; else it is contested. What follows a closing belongs to the next stay
    where it came back in between.
    """
    found = Course()
    for step in steps:
        if found.state in _DONE:
            found = _onward(found, tenure, returns, is_refused, step)
        found = found.after(step, most_forwards, last_stay)
    return _onward(found, tenure, returns, is_refused) if found.state in _DONE else found


def _onward(
    found: Course, tenure: int, returns: Returns, is_refused: Refusals, following: Step | None = None
) -> Course:
    """What came of what the desk was done with, before the step that follows; None: after all."""
    if found.state is EntryState.CLOSED:
        return _after_closing(found, returns, following)
    return _after_forwarding(found, tenure, returns, is_refused)


def _after_forwarding(found: Course, tenure: int, returns: Returns, is_refused: Refusals) -> Course:
    """A refused one begins no stay: the next that comes back must not be taken for it.

    Two desks that one report addresses, and that forward it to each other, have no stay before in either chain: there
    the moment decides.
    """
    assert found.forwarded_to is not None and found.forwarded_ms is not None  # noqa: PT018 - a forwarding has both
    if is_refused(found.forwards, found.forwarded_to):
        return found.refused()
    if found.tenure < tenure:
        return found.again(found.tenure + 1)
    back = returns.first_after(found.forwarded_ms)
    return found if back is None else found.again(found.tenure, back.at_ms)


def _after_closing(found: Course, returns: Returns, following: Step | None) -> Course:
    """Only what came back before the step that follows: a desk may open again what it has closed by itself.

    Where returns are forgotten, what can not follow shows that there was one.
    """
    assert found.closed_ms is not None  # it is closed
    until_ms = None if following is None else following.at_ms
    if back := returns.between(found.closed_ms, until_ms):
        return found.again(max(found.tenure, *(one.tenure for one in back)), back[0].at_ms)
    forgotten = found.closed_ms < returns.since_ms
    if forgotten and following is not None and EntryState.CLOSED not in STEPS[following.event]:
        return found.again(found.tenure)
    return found
