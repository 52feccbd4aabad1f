"""One simulated desk: what it holds, and what it says next. Pure: time is an argument, in Unix milliseconds."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from typing import Final

from policy.desks import Desk, DeskTable
from schemas.codes import ActorRole, Disposition, Lane, StatusType
from schemas.lifecycle import Step, course
from schemas.records import StatusEvent
from services.simulator.desks.conduct import Conduct
from services.simulator.desks.fates import PlannedStep, plan
from services.simulator.stamps import stamp_ms

REMEMBERED: Final = 50_000
"""Entries that it is done with and still knows, so that an amendment does not begin them anew."""

Key = tuple[str, str]
"""Partner and report."""


@dataclass(slots=True)
class Held:
    """An entry that something will still be done with. `began_ms`: from when the steps count; `done` of them."""

    steps: tuple[PlannedStep, ...]
    began_ms: int
    done: int = 0


class SimulatedDesk:
    """Fold in with `remember` (once, at the start) and `take_in`; `decide` gives what is due."""

    def __init__(self, desk: Desk, table: DeskTable, conduct: Conduct, seed: int, began_ms: int) -> None:
        self.desk = desk
        self._conduct = conduct
        self._seed = seed
        self._onward = tuple(other.id for other in table.desks if other.forwarded_by == desk.id)
        self._dam = conduct.dam if conduct.dam is not None and conduct.dam.to in table.by_id else None
        self._held: dict[Key, Held] = {}
        self._due: list[tuple[int, int, Key]] = []
        self._numbered = 0
        self._kept: dict[Key, None] = {}
        """What waits for a Friday or behind the dam."""
        self._finished: dict[Key, None] = {}
        self._said: defaultdict[Key, list[Step]] = defaultdict(list)
        self._busy_until_ms = began_ms
        self._friday_ms = began_ms + int((conduct.friday_every_s or 0) * 1000)
        self._flush_ms = began_ms + int((self._dam.first_s if self._dam else 0) * 1000)

    def remember(self, event: StatusEvent) -> None:
        """What this desk said in an earlier run, before the queue record that it is about is taken in."""
        step = Step(event.event, event.role, 0, event.disposition, event.to)
        said = self._said[event.partner, event.report]
        if not said or said[-1] != step:  # what was sent twice was said once
            said.append(step)

    def take_in(self, partner: str, report: str, lane: Lane, *, withdrawn: bool, now_ms: int) -> None:
        """A record of one of its queues. An amendment changes nothing, a withdrawal ends the work."""
        key = partner, report
        if withdrawn:
            self._finish(key)
        elif key not in self._held and key not in self._kept and key not in self._finished:
            self._begin(key, lane, now_ms)

    def _begin(self, key: Key, lane: Lane, now_ms: int) -> None:
        said = self._said.pop(key, [])
        if not said and self._keeps(lane):
            self._kept[key] = None
            return
        manner, rng = self._conduct.lanes[lane], Random(f"{self._seed} {self.desk.id} {':'.join(key)}")  # noqa: S311
        steps = plan(manner, self.desk.targets[lane], self._onward, rng)
        left = _rest(said, steps)
        if not left:
            self._finish(key)
            return
        began_ms = now_ms
        if self._conduct.looks_per_s is not None and lane is Lane.ROUTINE and not said:
            turn_ms = self._busy_until_ms + int(1000 / self._conduct.looks_per_s)
            self._busy_until_ms = max(now_ms + steps[0].after_ms, turn_ms)
            began_ms = self._busy_until_ms - steps[0].after_ms
        held = Held(steps, began_ms, len(steps) - len(left))
        self._held[key] = held
        self._schedule(key, held)

    def _keeps(self, lane: Lane) -> bool:
        if self._conduct.friday_every_s is not None:
            return True
        return self._dam is not None and lane is Lane.ROUTINE and len(self._kept) < self._dam.count

    def _schedule(self, key: Key, held: Held) -> None:
        self._numbered += 1
        heappush(self._due, (held.began_ms + held.steps[held.done].after_ms, self._numbered, key))

    def _finish(self, key: Key) -> None:
        self._held.pop(key, None)
        self._kept.pop(key, None)
        self._finished[key] = None
        if len(self._finished) > REMEMBERED:
            del self._finished[next(iter(self._finished))]

    def decide(self, now_ms: int) -> list[StatusEvent]:
        """What it says by now, in order; what is said twice stands twice."""
        return [*self._planned(now_ms), *self._friday(now_ms), *self._flush(now_ms)]

    def _planned(self, now_ms: int) -> Iterator[StatusEvent]:
        while self._due and self._due[0][0] <= now_ms:
            _, _, key = heappop(self._due)
            if (held := self._held.get(key)) is None:
                continue  # withdrawn meanwhile
            step = held.steps[held.done]
            held.done += 1
            event = self._event(key, now_ms + held.done, step.event, step.role, step.disposition, step.to)
            yield event
            if step.repeated:
                yield event
            if held.done < len(held.steps):
                self._schedule(key, held)
            else:
                self._finish(key)

    def _friday(self, now_ms: int) -> Iterator[StatusEvent]:
        every_s = self._conduct.friday_every_s
        if every_s is None or now_ms < self._friday_ms:
            return
        self._friday_ms = now_ms + int(every_s * 1000)
        for key in list(self._kept):
            yield self._event(key, now_ms, StatusType.CLOSED, ActorRole.SUPERVISOR, Disposition.ADMINISTRATIVE)
            self._finish(key)

    def _flush(self, now_ms: int) -> Iterator[StatusEvent]:
        if self._dam is None or now_ms < self._flush_ms or len(self._kept) < self._dam.count:
            return
        self._flush_ms = now_ms + int(self._dam.every_s * 1000)
        for key in list(self._kept):
            yield self._event(key, now_ms, StatusType.FORWARDED, ActorRole.SUPERVISOR, to=self._dam.to)
            self._finish(key)

    def _event(
        self,
        key: Key,
        at_ms: int,
        event: StatusType,
        role: ActorRole,
        disposition: Disposition | None = None,
        to: str | None = None,
    ) -> StatusEvent:
        partner, report = key
        at = stamp_ms(at_ms + self._conduct.clock_s * 1000)
        return StatusEvent(
            partner=partner,
            report=report,
            desk=self.desk.id,
            event=event,
            role=role,
            at=at,
            to=to,
            disposition=disposition,
        )


def _rest(said: Sequence[Step], steps: tuple[PlannedStep, ...]) -> tuple[PlannedStep, ...]:
    """The steps that are left after what was said before; none where they could not follow it."""
    left = steps[len(said) :]
    whole = (*said, *(Step(step.event, step.role, 0, step.disposition, step.to) for step in left))
    return () if course(whole).contested else left
