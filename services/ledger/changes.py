"""What the entries of a batch were before it, and the counting of what they are now instead. Pure."""

from collections.abc import Callable, Sequence

from schemas.lifecycle import Closing, Course, Refusals, Step
from services.ledger.entry import Entry, course_of
from services.ledger.history import History, MomentKey, moments, replace_course, replace_moments
from services.ledger.tally import NOTHING, Before, Counters, Tallies, before, count


class Changes:
    """Of one batch. `steps` and `is_refused` say of an entry what its events are, and of them the router refused."""

    def __init__(
        self, slot_ms: int, steps: Callable[[Entry], Sequence[Step]], is_refused: Callable[[str], Refusals]
    ) -> None:
        self.before: dict[str, Before] = {}
        """Key → what was; `NOTHING` for those that the batch made."""
        self.retold: set[str] = set()
        """Of which a queue record said something, or whose term changed or is over: more than `entry_rows.ACTED`."""
        self._told: dict[str, Course | None] = {}
        """Of those that were there and may be told otherwise now: what their events said."""
        self._moments: dict[str, tuple[MomentKey, ...]] = {}
        """Of those of them that a queue record is about: as they were."""
        self._closings: dict[str, tuple[Closing, ...]] = {}
        """Of those whose events told of any: these."""
        self._slot_ms = slot_ms
        self._steps = steps
        self._is_refused = is_refused

    def made(self, entry: Entry) -> None:
        """It was not there before."""
        self.before[entry.key] = NOTHING

    def touch(self, entry: Entry) -> None:
        """It changes now, for the first time or again."""
        if entry.key not in self.before:
            self.before[entry.key] = before(entry, self._slot_ms)

    def move(self, entry: Entry) -> None:
        """It changes so that what happened to it, and when, may be told otherwise afterwards."""
        key = entry.key
        self.touch(entry)
        if key not in self._told and self.before[key] is not NOTHING:
            told = course_of(entry, self._steps(entry), self._is_refused(key)) if entry.events else None
            self._told[key] = told
            if told is not None and told.closings and entry.met:
                self._closings[key] = told.closings[: entry.closings]  # fewer, if other rules told them

    def retell(self, entry: Entry) -> None:
        """A queue record changes it."""
        key = entry.key
        self.move(entry)
        if key not in self.retold and self.before[key] is not NOTHING:
            self._moments[key] = tuple(moments(entry, self._told[key], self._slot_ms))
        self.retold.add(key)

    def rewrite(self, entry: Entry) -> None:
        """More of it changes than what its events tell, but nothing that happened to it."""
        self.touch(entry)
        self.retold.add(entry.key)

    def count(
        self, was: Before, entry: Entry, course: Course | None, tallies: Tallies, counters: Counters, history: History
    ) -> None:
        """What it is now instead of what it was. `course`: of all its events, None where it can not have changed."""
        key = entry.key
        count(was, entry, self._closings.get(key, ()), course, self._slot_ms, tallies, counters)
        if was is NOTHING or key in self._moments:
            replace_moments(history, self._moments.get(key, ()), moments(entry, course, self._slot_ms))
        elif course is not None and entry.records:
            replace_course(history, entry, self._told[key], course, self._slot_ms)
