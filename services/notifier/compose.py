"""A group as a message's bytes: composed once and stored, so that one number never has two bodies. Pure.

`schemas.message` is the contract of it; here are only values that it takes, so they are written without being proven.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Final

from msgspec import Struct
from msgspec.json import Encoder

from policy.notify import Notify
from schemas.codes import Lane, NoticeType
from schemas.message import TEST_TYPE, TYPE_PREFIX
from services.notifier.answering import Invitation
from services.notifier.group import Group
from services.notifier.ladder import Reason, Told
from services.notifier.notice import LaneCounts, NoticedReport

Invite = Callable[[str, int], Invitation]
"""(group, covers) → how that message is answered."""


class _Data(Struct, frozen=True, omit_defaults=True, kw_only=True):
    desk: str
    group: str
    sequence: int
    covers: int
    lane: Lane | None = None
    ends: NoticeType | None = None
    count: int
    added: int = 0
    since: str | None = None
    oldest_at: str | None = None
    oldest_age_seconds: int | None = None
    step: int | None = None
    day: str | None = None
    reports: tuple[NoticedReport, ...] = ()
    lanes: tuple[LaneCounts, ...] = ()
    acknowledge: Invitation | None = None


class _Message(Struct, frozen=True):
    type: str
    timestamp: str
    data: _Data


_WRITTEN: Final = Encoder()


def compose(group: Group, told: Told, notify: Notify, invite: Invite, now_ms: int) -> bytes:
    """The body for every channel of the message; `group` as it stands once it is told."""
    notice = group.newest
    answerable = told.reason in (Reason.STEP, Reason.UPDATE)
    data = _Data(
        desk=group.desk,
        group=group.key,
        sequence=told.number,
        covers=notice.sequence,
        lane=notice.lane,
        ends=notice.ends,
        count=notice.count,
        added=told.added,
        since=broker_time(group.since_ms) if group.since_ms else None,
        oldest_at=notice.oldest_at,
        oldest_age_seconds=_age_seconds(notice.oldest_at, now_ms),
        step=told.step if answerable else None,
        day=notice.day,
        reports=notice.reports if notify.report_numbers else (),
        lanes=notice.lanes,
        acknowledge=invite(group.key, notice.sequence) if answerable else None,
    )
    return _WRITTEN.encode(_Message(f"{TYPE_PREFIX}{notice.type}", broker_time(now_ms), data))


def compose_test(desk: str, channel: str, number: int, now_ms: int) -> bytes:
    """A message that says of itself that it is a test."""
    data = _Data(desk=desk, group=tried_group(desk, channel), sequence=number, covers=0, count=0)
    return _WRITTEN.encode(_Message(TEST_TYPE, broker_time(now_ms), data))


def tried_group(desk: str, channel: str) -> str:
    """The group of a channel's tests."""
    return f"{desk}/test/{channel}"


def message_id(group: str, number: int, channel: str) -> str:
    """What names a message at one endpoint, at every try."""
    return f"msg_{sha256(f'{group} {number} {channel}'.encode()).hexdigest()[:32]}"


@lru_cache(1024)
def broker_time(at_ms: int) -> str:
    """RFC 3339 in UTC with milliseconds. Kept for a while: what a transaction composes has few times."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{moment.isoformat()[:19]}.{at_ms % 1000:03d}Z"


def _age_seconds(since: str | None, now_ms: int) -> int | None:
    if since is None:
        return None
    return max(0, now_ms // 1000 - int(datetime.fromisoformat(since).timestamp()))
