"""A notice as the notifier reads it: what it uses of `schemas.notices.Notice`, held to the same bounds. Pure.

Our own ledger writes it from what was validated, so it is read by msgspec, several times as fast as a whole contract
(decision 11, no. 13). Bounds stay, because what comes in here goes out to a desk.
"""

from datetime import date, datetime
from typing import Annotated, Final

from msgspec import Meta, MsgspecError, Struct
from msgspec.json import Decoder, Encoder

from schemas.codes import CLOSING_NOTICES, Lane, NoticeType
from schemas.envelope import REPORT_PATTERN, SLUG_PATTERN
from schemas.notices import GROUP_PATTERN, MAX_REPORTS
from schemas.records import BROKER_TIME_PATTERN


def _whole(pattern: str) -> str:
    """To Python alone `$` is before a line's end too."""
    return pattern.removesuffix("$") + r"\Z"


Slug = Annotated[str, Meta(pattern=_whole(SLUG_PATTERN), max_length=32)]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
BrokerTime = Annotated[str, Meta(pattern=_whole(BROKER_TIME_PATTERN))]


class NoticedReport(Struct, frozen=True):
    """A referral by its partner's own number."""

    partner: Slug
    report: Annotated[str, Meta(pattern=_whole(REPORT_PATTERN))]


class LaneCounts(Struct, frozen=True, omit_defaults=True):
    """How a desk's lane stands, for the digest."""

    lane: Lane
    waiting: Count
    shelved: Count
    in_hand: Count
    overdue: Count
    oldest_at: BrokerTime | None = None

    def __post_init__(self) -> None:
        _require_time(self.oldest_at)


class Notice(Struct, frozen=True, omit_defaults=True):
    """How a group stands; `schemas.notices.Notice` says what each field is."""

    type: NoticeType
    group: Annotated[str, Meta(pattern=_whole(GROUP_PATTERN), max_length=96)]
    sequence: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    desk: Slug
    count: Count
    lane: Lane | None = None
    ends: NoticeType | None = None
    added: Count = 0
    oldest_at: BrokerTime | None = None
    day: str | None = None
    reports: Annotated[tuple[NoticedReport, ...], Meta(max_length=MAX_REPORTS)] = ()
    lanes: Annotated[tuple[LaneCounts, ...], Meta(max_length=len(Lane))] = ()

    def __post_init__(self) -> None:
        """What stands between fields, and times that exist."""
        ending = self.type in CLOSING_NOTICES
        if ending != (self.ends is not None) or (ending and (self.count or self.ends in CLOSING_NOTICES)):
            raise ValueError("an end ends what is no end, and holds nothing")
        if not self.group.startswith(f"{self.desk}/"):
            raise ValueError("the group is another desk's")
        _require_time(self.oldest_at)
        if self.day is not None and (len(self.day) != len("2026-11-18") or not date.fromisoformat(self.day)):
            raise ValueError("no such day")

    @property
    def is_end(self) -> bool:
        """True where nothing of the group is open any more."""
        return self.ends is not None


def _require_time(text: str | None) -> None:
    if text is not None:
        datetime.fromisoformat(text)


_NOTICES: Final = Decoder(Notice)
_WRITTEN: Final = Encoder()


def read_notice(value: bytes | None) -> Notice | None:
    """None for what is none."""
    try:
        return _NOTICES.decode(value or b"")
    except (MsgspecError, ValueError):  # UnicodeDecodeError is a ValueError
        return None


def write_notice(notice: Notice) -> bytes:
    """As `read_notice` reads it."""
    return _WRITTEN.encode(notice)
