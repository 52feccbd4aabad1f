"""How groups stand that the clock or the counts alone decide. Pure: times in Unix ms, counts from `Figures`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from policy.desks import UNROUTABLE, Desk, Reporting
from schemas.codes import EntryState, Lane, NoticeType
from schemas.notices import LaneCounts
from services.ledger.figures import Figures
from services.ledger.noticing import NOTHING_OPEN, Group, Level, rfc3339
from services.ledger.tally import DAY_MS, EXPIRES, OVERDUE

NO_LANE: Final = ""
SOON_MS: Final = 30 * DAY_MS
"""How long before its end an entry, or a supervision's last day, is told of."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Supervisions of a desk whose last day is near: how many, and the first last day (ISO 8601)."""

    count: int
    day: str


def groups_of(desk: Desk) -> list[Group]:
    """The groups of entries of a desk. Of one that does not report, nobody knows what it missed."""
    first = [Group(desk.id, Lane.URGENT.value, NoticeType.URGENT_ARRIVED)]
    if desk.id == UNROUTABLE:
        first = [Group(desk.id, lane.value, NoticeType.UNROUTABLE_WAITING) for lane in Lane]
    missed = [Group(desk.id, lane.value, NoticeType.TARGET_MISSED) for lane in Lane]
    return first + (missed if desk.reporting is Reporting.STATUS else [])


def kind_of(group: Group) -> str:
    """The tally that says how many a group of entries holds."""
    return OVERDUE if group.type is NoticeType.TARGET_MISSED else EntryState.WAITING.value


def waits(desk: Desk, standing: Figures, now_ms: int) -> Iterable[tuple[Group, Level]]:
    """By lane, whether the oldest has waited more than twice its target; news again each time that has doubled."""
    for lane in Lane:
        group = Group(desk.id, lane.value, NoticeType.OLDEST_WAITING)
        count = standing.counts.get((EntryState.WAITING, desk.id, lane.value), 0)
        oldest_ms = standing.oldest.get((desk.id, lane.value))
        target_ms = desk.targets[lane] * 1000
        if not count or oldest_ms is None or now_ms - oldest_ms <= 2 * target_ms:
            yield group, NOTHING_OPEN
            continue
        doubled = (now_ms - oldest_ms) // target_ms
        passed_ms = oldest_ms + target_ms * (1 << (doubled.bit_length() - 1))
        yield group, Level(count, oldest_ms, passed_ms)


def silence(desk: Desk, standing: Figures, now_ms: int) -> tuple[Group, Level]:
    """Silent as the page and the alert have it: something waits for so long, and in all that time it said nothing."""
    group = Group(desk.id, NO_LANE, NoticeType.DESK_SILENT)
    waits = [standing.oldest[desk.id, lane] for lane in Lane if (desk.id, lane) in standing.oldest]
    count = sum(standing.counts.get((EntryState.WAITING, desk.id, lane), 0) for lane in Lane)
    if not waits or not count:
        return group, NOTHING_OPEN
    since_ms = max(standing.heard.get(desk.id, 0), min(waits)) + desk.silent_after_seconds * 1000
    return group, Level(count, min(waits), since_ms) if now_ms > since_ms else NOTHING_OPEN


def expiring(desk: Desk, standing: Figures, now_ms: int) -> tuple[Group, Level]:
    """By the day of their end: all those whose day is over within the time before."""
    ahead_ms = min(SOON_MS, desk.keep_seconds * 1000 // 10)
    count, last_ms = 0, 0
    for lane in Lane:
        days = standing.slots.get((EXPIRES, desk.id, lane.value))
        if days and (day_ms := days.last_through(now_ms + ahead_ms - DAY_MS)) is not None:
            count += days.through(day_ms)
            last_ms = max(last_ms, day_ms + DAY_MS - ahead_ms)
    group = Group(desk.id, NO_LANE, NoticeType.EXPIRING_SOON)
    return group, Level(count, newest_ms=last_ms) if count else NOTHING_OPEN


def supervision(found: Ending | None) -> Level:
    """By the days that are near."""
    if found is None or not found.count:
        return NOTHING_OPEN
    first = datetime.combine(date.fromisoformat(found.day), time(), UTC)
    return Level(found.count, newest_ms=round(first.timestamp() * 1000) - SOON_MS, day=found.day)


def lane_counts(desk: str, lane: Lane, standing: Figures) -> LaneCounts:
    """How a desk's lane stands, for the digest."""

    def count(kind: str) -> int:
        return max(0, standing.counts.get((kind, desk, lane.value), 0))

    waiting = count(EntryState.WAITING)
    oldest_ms = standing.oldest.get((desk, lane.value)) if waiting else None
    return LaneCounts(
        lane=lane,
        waiting=waiting,
        shelved=count(EntryState.SHELVED),
        in_hand=count(EntryState.IN_HAND),
        overdue=count(OVERDUE),
        oldest_at=None if oldest_ms is None else rfc3339(oldest_ms),
    )


def latest_morning(at: time, zone: ZoneInfo, now_ms: int) -> tuple[date, int]:
    """The desk's last day whose `at` has come, and when that was (Unix ms).

    Where clocks go forward over `at`, it comes as if they had not; where they go back over it, the first time counts.
    """
    day = datetime.fromtimestamp(now_ms / 1000, zone).date() + timedelta(days=1)
    while True:
        due_ms = round(datetime.combine(day, at, zone).timestamp() * 1000)
        if due_ms <= now_ms:
            return day, due_ms
        day -= timedelta(days=1)
