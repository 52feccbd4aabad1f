"""A message as an e-mail's text: counts and a link. Never a report number, whatever the message holds. Pure.

What is written is made of codes, numbers and words of ours: nothing of a message can begin a header or a tag.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from typing import Final

from schemas.codes import NoticeType
from schemas.message import TEST_TYPE, TYPE_PREFIX, Message, MessageData

_WHAT: Final = MappingProxyType(
    {
        NoticeType.URGENT_ARRIVED: "urgent referrals wait",
        NoticeType.URGENT_REJECTED: "urgent reports of a partner were rejected",
        NoticeType.TARGET_MISSED: "referrals are past the time to look",
        NoticeType.OLDEST_WAITING: "the oldest referral has waited long",
        NoticeType.DESK_SILENT: "the desk says nothing",
        NoticeType.EXPIRING_SOON: "referrals expire soon, unseen",
        NoticeType.UNROUTABLE_WAITING: "referrals wait that no desk takes",
        NoticeType.SUPERVISION_ENDING: "supervision ends soon",
        NoticeType.DAILY_DIGEST: "daily digest",
    }
)
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class MailText:
    """A subject on one line, and the same text twice."""

    subject: str
    plain: str
    html: str


def write_mail(message: Message, public_url: str) -> MailText:
    """`public_url`: where the page with all of it is."""
    data = message.data
    heading = _heading(message)
    lines = [heading + ".", *_facts(data)]
    links = list(_links(data, public_url))
    plain = "\n".join([*lines, "", *(f"{words}:\n{url}\n" for words, url in links), _WHY])
    shown = "".join(f"<p>{escape(line)}</p>" for line in lines)
    anchors = "".join(f'<p><a href="{escape(url)}">{escape(words)}</a></p>' for words, url in links)
    html = f'<!doctype html><html lang="en"><body>{shown}{anchors}<p>{escape(_WHY)}</p></body></html>'
    return MailText(_subject(message, heading), plain, html)


_WHY: Final = "Sent by the referral router: this mail has numbers alone; what they stand for is on the page."


def _heading(message: Message) -> str:
    data = message.data
    if message.type == TEST_TYPE:
        return f"Test: a message for desk {data.desk}; nothing waits"
    kind = NoticeType(message.type.removeprefix(TYPE_PREFIX))
    if data.ends is not None:
        how = "somebody has looked" if kind is NoticeType.LOOKED else "it is over"
        return f"Desk {data.desk}: {how} ({_WHAT[data.ends]})"
    return f"Desk {data.desk}: {_WHAT[kind]}"


def _subject(message: Message, heading: str) -> str:
    data = message.data
    lane = f"[{data.lane}] " if data.lane is not None else ""
    count = f" ({data.count:,})" if data.count and data.ends is None else ""
    return f"{lane}{heading}{count}"


def _facts(data: MessageData) -> Iterator[str]:
    if data.lane is not None:
        yield f"Lane: {data.lane}"
    if data.ends is None and (data.count or data.added):
        more = f", {data.added:,} more than in the message before" if data.added else ""
        yield f"Open: {data.count:,}{more}"
    if data.oldest_age_seconds is not None:
        yield f"The oldest waits for {write_age(data.oldest_age_seconds)}"
    if data.step is not None:
        yield f"Nobody has answered yet: step {data.step}" if data.step > 1 else "Waits for an answer"
    if data.day is not None:
        yield f"Day: {data.day}"
    for lane in data.lanes:
        yield (
            f"{lane.lane}: {lane.waiting:,} waiting, {lane.overdue:,} of them past the time to look; "
            f"{lane.shelved:,} shelved; {lane.in_hand:,} in hand"
        )


def _links(data: MessageData, public_url: str) -> Iterator[tuple[str, str]]:
    if data.acknowledge is not None:
        yield "Say that somebody has it in hand (a page with a button)", data.acknowledge.page
    yield "See what waits", f"{public_url.rstrip('/')}/"  # what that page leads to is relative to it


def write_age(seconds: int) -> str:
    """In the two longest units that say something: `2 d 4 h`, `35 min`."""
    if seconds >= _DAY:
        return f"{seconds // _DAY} d {seconds % _DAY // _HOUR} h"
    if seconds >= _HOUR:
        return f"{seconds // _HOUR} h {seconds % _HOUR // _MINUTE} min"
    return f"{seconds // _MINUTE} min" if seconds >= _MINUTE else f"{seconds} s"
