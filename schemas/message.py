"""What a desk is told, by whatever channel: the body of a webhook, what an e-mail is made of, a desk's own topic.

Thin: how a group stands, and how to answer. No report number but where the desk's configuration asks for them. The
form (`type`, `timestamp`, `data`) is the one that Standard Webhooks recommends.
"""

from typing import Annotated, Final

from pydantic import Field

from schemas.codes import Lane, NoticeType
from schemas.envelope import Contract, Slug
from schemas.notices import MAX_REPORTS, Count, Group, LaneCounts, NoticedReport, Sequence
from schemas.records import BrokerTime, Day

TYPE_PREFIX: Final = "referral.notice."
TEST_TYPE: Final = f"{TYPE_PREFIX}test"
"""A message that somebody sends to see whether it arrives; nothing waits."""
MESSAGE_TYPE_PATTERN: Final = r"^referral\.notice\.(" + "|".join([*NoticeType, "test"]) + r")$"
TEST_GROUP_PATTERN: Final = r"^[a-z][a-z0-9-]*/test/[a-z][a-z0-9-]*$"

MessageType = Annotated[str, Field(pattern=MESSAGE_TYPE_PATTERN)]
TestGroup = Annotated[str, Field(pattern=TEST_GROUP_PATTERN, max_length=96)]


class Answering(Contract):
    """How to say that somebody has it in hand.

    `url`: POST there `{"group": …, "covers": …, "token": …}`; `page`: the same for a person, with a button. The token
    answers this message's group up to its `covers`, and nothing else.
    """

    url: Annotated[str, Field(pattern=r"^https?://[!-~]+$", max_length=512)]
    page: Annotated[str, Field(pattern=r"^https?://[!-~]+$", max_length=1024)]
    token: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,128}$")]


class MessageData(Contract):
    """How the group stands at `timestamp`; the newest message stands for all before it.

    `sequence` grows with each message of the group, by any amount; `covers`: the newest notice that it speaks for (0:
    none). `count`: what is open, `added`: how much came since the message before; `oldest_at`: since when the oldest
    waits. `step`: how far up the desk's ladder, from 1; null where nothing needs an answer. `ends`: of `looked` and
    `resolved`, what has ended. `since`: when the group opened. `day`, `lanes`: of a digest, or the day that something
    ends.
    """

    desk: Slug
    group: Group | TestGroup
    sequence: Sequence
    covers: Annotated[int, Field(ge=0, le=2**53 - 1)]
    lane: Lane | None = None
    ends: NoticeType | None = None
    count: Count
    added: Count = 0
    since: BrokerTime | None = None
    oldest_at: BrokerTime | None = None
    oldest_age_seconds: Count | None = None
    step: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    day: Day | None = None
    reports: Annotated[list[NoticedReport], Field(max_length=MAX_REPORTS)] = []
    lanes: Annotated[list[LaneCounts], Field(max_length=len(Lane))] = []
    acknowledge: Answering | None = None


class Message(Contract):
    """One message. Sent twice it has the same bytes and the same id."""

    type: MessageType
    timestamp: BrokerTime
    data: MessageData
