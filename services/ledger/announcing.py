"""Who is told what, and when: keeps what was told of every group, and asks `noticing` for each that may have changed.

Used within the transaction whose effects it tells of. While the ledger catches up nothing is said; once it has, each
group is looked at as it stands then.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from zoneinfo import ZoneInfo

from policy.desks import UNROUTABLE, Desk, DeskTable, Reporting
from schemas.codes import EntryState, Lane, NoticeType
from schemas.notices import MAX_REPORTS, OPERATOR, Notice
from services.ledger.batch import Batch
from services.ledger.entry import Entry
from services.ledger.figures import Figures
from services.ledger.levels import (
    NO_LANE,
    Ending,
    expiring,
    groups_of,
    kind_of,
    lane_counts,
    latest_morning,
    silence,
    supervision,
    waits,
)
from services.ledger.noticing import (
    KEPT_MS,
    NEVER,
    NOTHING_OPEN,
    Group,
    Level,
    Told,
    adopt,
    calm_until_ms,
    is_held_back,
    once,
    parsed,
    speak,
)
from services.ledger.saying import Message
from services.ledger.tally import REJECTED_URGENT, Before

STALE_DIGEST_MS: Final = 6 * 3_600_000
"""A digest that could not be made for so long is left out: the next one says the same, better."""

_URGENT_REJECTED: Final = Group(OPERATOR, NO_LANE, NoticeType.URGENT_REJECTED)


Counted = tuple[str, str, str]
"""Kind, desk and lane."""


@dataclass(slots=True)
class Announcer:
    """Of one ledger. `desks` are those it holds; what concerns the operator is told by the one that holds `zz`."""

    table: DeskTable
    desks: Collection[str]
    told: dict[Group, Told] = field(default_factory=dict)
    _changed: set[Group] = field(default_factory=set)
    _urgent_rejected_ms: int = 0
    _held_back: set[Group] = field(default_factory=set)
    """Groups of entries in which more came than was told, and that are left in peace for now."""

    def take_changes(self) -> dict[Group, Told]:
        """What is different since the last time: to be stored in the transaction that is open."""
        changed = {group: self.told[group] for group in self._changed}
        self._changed.clear()
        return changed

    def hear(self, notice: Notice) -> None:
        """A notice that stands in the topic: what it says was told, by this ledger or by one before."""
        group = parsed(notice.group)
        if group is None or not self._is_ours(group.desk):
            return
        self._set(group, adopt(self.told.get(group, NEVER), notice))

    def after(self, batch: Batch, standing: Figures, now_ms: int, *, live: bool) -> list[Message]:
        """What a finished batch makes it say; `standing` is without the batch."""
        self._urgent_rejected_ms = max(self._urgent_rejected_ms, batch.urgent_rejected_ms)
        if batch.unread_urgent and self._is_ours(OPERATOR):
            self._mark(_URGENT_REJECTED)
        touched: dict[Group, list[Entry]] = {}
        for was, entry in batch.moved:
            for group in self._groups(was, entry):
                arrived = touched.setdefault(group, [])
                held, holds = _holds(group, was), _holds(group, entry)
                if holds and not held:
                    arrived.append(entry)
                elif held and not holds and entry.looked_ms is None:
                    self._mark(group)
        if not live:
            return []
        added = _added(batch) if touched else {}
        messages = [self._of_entries(group, arrived, added, standing, now_ms) for group, arrived in touched.items()]
        if batch.urgent_rejected_ms or any(key.kind == REJECTED_URGENT for key in batch.tallies):
            messages.append(self._rejected(standing.counts, batch, now_ms))
        return [message for message in messages if message is not None]

    def catch_up(self, standing: Figures, newest: Mapping[Group, int], now_ms: int) -> list[Message]:
        """Look at every group of entries once: `newest` says when the newest of each came, where one is open."""
        groups = [group for desk in self._held() for group in groups_of(desk)]
        messages = [self._as_it_stands(group, standing, newest, now_ms) for group in groups]
        messages.append(self._rejected(standing.counts, None, now_ms))
        return [message for message in messages if message is not None]

    def rested(self, now_ms: int) -> list[Group]:
        """Groups of entries that were left in peace for long enough: to be looked at by `go_on`."""
        return [group for group in self._held_back if calm_until_ms(group, self.told.get(group, NEVER)) <= now_ms]

    def go_on(
        self, groups: Iterable[Group], standing: Figures, newest: Mapping[Group, int], now_ms: int
    ) -> list[Message]:
        """What came to these meanwhile, and is still there. `newest`: as of `catch_up`."""
        messages = [self._as_it_stands(group, standing, newest, now_ms) for group in groups]
        return [message for message in messages if message is not None]

    def look(self, standing: Figures, now_ms: int) -> list[Message]:
        """What the clock alone makes true: who waits longest, who says nothing, which mornings have come."""
        messages: list[Message | None] = []
        for desk in self._held():
            if desk.reporting is Reporting.STATUS:
                messages += [self._speak(*found, now_ms) for found in waits(desk, standing, now_ms)]
                messages.append(self._speak(*silence(desk, standing, now_ms), now_ms))
            messages.append(self._digest(desk, standing, now_ms))
        return [message for message in messages if message is not None]

    def look_ahead(self, standing: Figures, endings: Mapping[str, Ending], now_ms: int) -> list[Message]:
        """What ends soon: terms of entries, and supervisions by desk."""
        messages: list[Message | None] = []
        for desk in self._held():
            messages.append(self._speak(*expiring(desk, standing, now_ms), now_ms))
            if desk.track:
                group = Group(desk.id, NO_LANE, NoticeType.SUPERVISION_ENDING)
                messages.append(self._speak(group, supervision(endings.get(desk.id)), now_ms))
        return [message for message in messages if message is not None]

    def open_groups(self, standing: Figures) -> list[Group]:
        """Groups of entries that hold something: whose newest must be known before `catch_up`."""
        return [
            group
            for desk in self._held()
            for group in groups_of(desk)
            if standing.counts.get((kind_of(group), group.desk, group.lane), 0)
        ]

    def _as_it_stands(
        self, group: Group, standing: Figures, newest: Mapping[Group, int], now_ms: int
    ) -> Message | None:
        level = self._level(group, standing, standing.counts, newest.get(group, 0))
        return self._speak_in_peace(group, level, now_ms)

    def _of_entries(
        self, group: Group, arrived: list[Entry], added: Mapping[Counted, int], standing: Figures, now_ms: int
    ) -> Message | None:
        target_ms = 0
        if group.type is NoticeType.TARGET_MISSED:
            target_ms = self.table.by_id[group.desk].targets[Lane(group.lane)] * 1000
        key = kind_of(group), group.desk, group.lane
        counts = {key: standing.counts.get(key, 0) + added.get(key, 0)}
        newest_ms = max((entry.arrived_ms + target_ms for entry in arrived), default=0)
        level = self._level(group, standing, counts, newest_ms, arrived)
        return self._speak_in_peace(group, level, now_ms)

    def _level(
        self,
        group: Group,
        standing: Figures,
        counts: Mapping[Counted, int],
        newest_ms: int,
        arrived: Iterable[Entry] = (),
    ) -> Level:
        count = max(0, counts.get((kind_of(group), group.desk, group.lane), 0))
        if not count:
            return NOTHING_OPEN
        waits = [entry.arrived_ms for entry in arrived]
        oldest_ms = standing.oldest.get((group.desk, group.lane))
        oldest_ms = min([*waits, *([] if oldest_ms is None else [oldest_ms])], default=None)
        reports: list[tuple[str, str]] = []
        if group.type is NoticeType.URGENT_ARRIVED and self.table.by_id[group.desk].notify.report_numbers:
            reports = [(entry.partner, entry.report) for entry in arrived][-MAX_REPORTS:]
        return Level(count, oldest_ms, newest_ms, reports=reports)

    def _rejected(self, counts: Mapping[Counted, int], batch: Batch | None, now_ms: int) -> Message | None:
        """What was rejected although it claims urgency. One that names no report (`unlooked`) is open for as long as
        notices are kept: nobody can say when it is resent."""
        if not self._is_ours(OPERATOR):
            return None
        group = _URGENT_REJECTED
        count = sum(number for (kind, _, _), number in counts.items() if kind == REJECTED_URGENT)
        count += sum(n for key, n in batch.tallies.items() if key.kind == REJECTED_URGENT) if batch else 0
        newest_ms = self._urgent_rejected_ms
        told = self.told.get(group, NEVER)
        if told.unlooked and max(newest_ms, told.through_ms) > now_ms - KEPT_MS:
            count += 1
        return self._speak(group, Level(count, newest_ms=newest_ms), now_ms)

    def _digest(self, desk: Desk, standing: Figures, now_ms: int) -> Message | None:
        at = desk.notify.digest
        if at is None:
            return None
        group = Group(desk.id, NO_LANE, NoticeType.DAILY_DIGEST)
        told = self.told.get(group, NEVER)
        day, due_ms = latest_morning(at, ZoneInfo(desk.notify.time_zone), now_ms)
        if due_ms <= told.through_ms:
            return None
        if now_ms - due_ms > STALE_DIGEST_MS:
            self._set(group, replace(told, through_ms=due_ms))
            return None
        lanes = [lane_counts(desk.id, lane, standing) for lane in Lane]
        level = Level(sum(lane.waiting for lane in lanes), newest_ms=due_ms, day=day.isoformat(), lanes=lanes)
        told, message = once(group, told, level, now_ms)
        self._set(group, told)
        return message

    def _groups(self, was: Before, entry: Entry) -> Iterable[Group]:
        if not self._is_ours(entry.desk):
            return
        lanes = (entry.lane,) if was.lane in (None, entry.lane) else (was.lane, entry.lane)
        for lane in lanes:
            if entry.desk == UNROUTABLE:
                yield Group(entry.desk, lane.value, NoticeType.UNROUTABLE_WAITING)
            elif lane is Lane.URGENT:
                yield Group(entry.desk, lane.value, NoticeType.URGENT_ARRIVED)
            if entry.missed or was.missed:
                yield Group(entry.desk, lane.value, NoticeType.TARGET_MISSED)

    def _mark(self, group: Group) -> None:
        told = self.told.get(group, NEVER)
        if not told.unlooked:
            self._set(group, replace(told, unlooked=True))

    def _speak_in_peace(self, group: Group, level: Level, now_ms: int) -> Message | None:
        """As `_speak`, of a group that nobody looks at by the clock alone: what is not said now is remembered."""
        if is_held_back(group, self.told.get(group, NEVER), level, now_ms):
            self._held_back.add(group)
        else:
            self._held_back.discard(group)
        return self._speak(group, level, now_ms)

    def _speak(self, group: Group, level: Level, now_ms: int) -> Message | None:
        told, message = speak(group, self.told.get(group, NEVER), level, now_ms)
        self._set(group, told)
        return message

    def _set(self, group: Group, told: Told) -> None:
        if told != self.told.get(group, NEVER):
            self.told[group] = told
            self._changed.add(group)

    def _held(self) -> Iterable[Desk]:
        return (self.table.by_id[desk] for desk in sorted(self.desks))

    def _is_ours(self, desk: str) -> bool:
        return (UNROUTABLE if desk == OPERATOR else desk) in self.desks


def _holds(group: Group, entry: Before | Entry) -> bool:
    """Whether an entry of the group's desk is, or was, in the group."""
    if entry.state != EntryState.WAITING or entry.lane != group.lane:
        return False
    return entry.missed or group.type is not NoticeType.TARGET_MISSED


def _added(batch: Batch) -> Mapping[Counted, int]:
    """What a batch adds to each count, whenever it arrived."""
    found: Counter[Counted] = Counter()
    for key, number in batch.tallies.items():
        found[key.kind, key.desk, key.lane] += number
    return found
