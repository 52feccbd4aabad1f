"""What somebody must be told, from how things stand and what was told before. Pure.

A group is what is open at one desk, in one lane, for one reason (`schemas.notices`). `Level` says how it stands now,
`Told` what the notifier has heard of it; `speak` makes of both the next notice, or none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, NamedTuple

from schemas import topics
from schemas.codes import CLOSING_NOTICES, Lane, NoticeType
from schemas.notices import LaneCounts, Notice, NoticedReport
from schemas.records import serialise
from services.ledger.saying import Message

NOTICE: Final = "referral.notice.v1"
"""Their `ce_type`."""
KEPT_MS: Final = 7 * 86_400_000
"""As long as notices are kept."""
CALM_MS: Final = 3_600_000
"""What is not urgent is told of an open group once in this time, however much comes to it."""

_AT_ONCE: Final = frozenset({NoticeType.URGENT_ARRIVED, NoticeType.URGENT_REJECTED, NoticeType.DAILY_DIGEST})
_GROWS: Final = frozenset(
    {
        NoticeType.URGENT_ARRIVED,
        NoticeType.URGENT_REJECTED,
        NoticeType.TARGET_MISSED,
        NoticeType.UNROUTABLE_WAITING,
    }
)
"""Groups in which one more is news even where nothing newer came: what was looked at can be waiting again."""
_LOOKED: Final = frozenset({NoticeType.URGENT_ARRIVED, NoticeType.TARGET_MISSED, NoticeType.UNROUTABLE_WAITING})
"""Groups of entries that nobody has looked at: these can end by a look."""


class Group(NamedTuple):
    """Whom, of what, and why. `lane` is empty where all are meant."""

    desk: str
    lane: str
    type: NoticeType

    @property
    def name(self) -> str:
        """As the notice bears it."""
        return f"{self.desk}/{self.lane or 'all'}/{self.type}"


def parsed(name: str) -> Group | None:
    """The group of such a name; None for a type of which there is none."""
    desk, lane, kind = name.split("/")[:3]
    found = next((code for code in NoticeType if code == kind), None)
    if found is None or found in CLOSING_NOTICES:
        return None
    return Group(desk, "" if lane == "all" else lane, found)


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of a group: up to which sequence, and up to which cause (`through_ms`, Unix ms).

    `count`: how many were open when it was last looked at, so that one more is seen. `told_ms`: when the last notice
    was made. `unlooked`: of what it held, something went without a look.
    """

    sequence: int = 0
    open: bool = False
    through_ms: int = 0
    count: int = 0
    told_ms: int = 0
    unlooked: bool = False


NEVER: Final = Told()


@dataclass(frozen=True, slots=True)
class Level:
    """How a group stands. `newest_ms`: when its newest cause came, 0 where that is not known to be newer."""

    count: int
    oldest_ms: int | None = None
    newest_ms: int = 0
    day: str | None = None
    reports: Sequence[tuple[str, str]] = ()
    lanes: Sequence[LaneCounts] = field(default=())


NOTHING_OPEN: Final = Level(0)


def speak(group: Group, told: Told, level: Level, now_ms: int) -> tuple[Told, Message | None]:
    """What is told now: what was told afterwards, and the notice, None where there is nothing to say."""
    if level.count:
        return _held(group, told, level, now_ms)
    if not told.open:
        return told, None
    looked = group.type in _LOOKED and not told.unlooked
    after = replace(told, sequence=_next(told, now_ms), open=False, count=0, told_ms=now_ms, unlooked=False)
    kind = NoticeType.LOOKED if looked else NoticeType.RESOLVED
    return after, _message(group, kind, after, NOTHING_OPEN, 0, now_ms)


def _held(group: Group, told: Told, level: Level, now_ms: int) -> tuple[Told, Message | None]:
    newest_ms = max(level.newest_ms, told.through_ms)
    if told.open and (not _is_more(group, told, level) or now_ms < calm_until_ms(group, told)):
        return (told if level.count >= told.count else replace(told, count=level.count)), None
    added = max(1, level.count - (told.count if told.open else 0))
    after = replace(
        told, sequence=_next(told, now_ms), open=True, through_ms=newest_ms, count=level.count, told_ms=now_ms
    )
    return after, _message(group, group.type, after, level, added, now_ms)


def is_held_back(group: Group, told: Told, level: Level, now_ms: int) -> bool:
    """Whether there is something to say that is said later, so as not to be said too often."""
    if not (level.count and told.open and _is_more(group, told, level)):
        return False
    return now_ms < calm_until_ms(group, told)


def calm_until_ms(group: Group, told: Told) -> int:
    """Until when nothing more is told of an open group, Unix ms."""
    return 0 if group.type in _AT_ONCE or group.lane == Lane.URGENT else told.told_ms + CALM_MS


def _is_more(group: Group, told: Told, level: Level) -> bool:
    return level.newest_ms > told.through_ms or (group.type in _GROWS and level.count > told.count)


def once(group: Group, told: Told, level: Level, now_ms: int) -> tuple[Told, Message]:
    """A notice that leaves nothing open: a digest."""
    after = replace(told, sequence=_next(told, now_ms), through_ms=level.newest_ms, told_ms=now_ms)
    return after, _message(group, group.type, after, level, 0, now_ms)


def adopt(told: Told, notice: Notice) -> Told:
    """What was told, after a notice was read that a ledger wrote before: the later of both."""
    if notice.sequence <= told.sequence:
        return told
    through_ms = told.through_ms if notice.through is None else max(told.through_ms, _unix_ms(notice.through))
    is_open = notice.type not in CLOSING_NOTICES and notice.type is not NoticeType.DAILY_DIGEST
    return Told(notice.sequence, is_open, through_ms, notice.count, _unix_ms(notice.at))


def _next(told: Told, now_ms: int) -> int:
    """A group's first is a time: a ledger whose database was lost, and the topic's memory with it, gives none again."""
    return told.sequence + 1 if told.sequence else now_ms


def _message(group: Group, kind: NoticeType, told: Told, level: Level, added: int, now_ms: int) -> Message:
    identity = sha256(f"{group.name} {told.sequence}".encode()).hexdigest()[:32]
    notice = Notice(
        id=identity,
        type=kind,
        group=group.name,
        sequence=told.sequence,
        desk=group.desk,
        at=rfc3339(now_ms),
        lane=Lane(group.lane) if group.lane else None,
        ends=group.type if kind in CLOSING_NOTICES else None,
        count=level.count,
        added=added,
        oldest_at=None if level.oldest_ms is None else rfc3339(level.oldest_ms),
        through=rfc3339(told.through_ms) if told.through_ms else None,
        day=level.day,
        reports=[NoticedReport(partner=partner, report=report) for partner, report in level.reports],
        lanes=list(level.lanes),
    )
    return Message(topics.NOTICE, group.desk, identity, NOTICE, now_ms, serialise(notice))


def rfc3339(unix_ms: int) -> str:
    """In UTC, with milliseconds."""
    moment = datetime.fromtimestamp(unix_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{unix_ms % 1000:03d}Z"


def _unix_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
