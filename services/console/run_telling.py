"""What the notifier and the desks' ends of its channels say to a person who watches a run. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from schemas.codes import NoticeType

GROUPS_NAMED: Final = 4
"""So many desks that say nothing are told one by one at the end."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """A group that is open and that nobody has answered, and how far up its desk's ladder it is. `channels`: those to
    which messages of it went.
    """

    group: str
    desk: str
    type: str
    lane: str | None
    count: int
    steps: int
    of: int
    exhausted: bool
    channels: tuple[str, ...]

    @property
    def step(self) -> str:
        """In words."""
        again = f", again {self.steps - self.of}x" if self.steps > self.of else ""
        return f"step {min(self.steps, self.of)} of {self.of}{again}"

    @property
    def is_silence(self) -> bool:
        """Whether it is about a desk that says nothing."""
        return self.type == NoticeType.DESK_SILENT


@dataclass(frozen=True, slots=True)
class Telling:
    """As the notifier says; `unanswered` and `exhausted` count groups of which somebody is told, `delivered` and
    `pending` messages. `ladders` are those groups.
    """

    delivered: int
    pending: int
    unanswered: int
    exhausted: int
    ladders: tuple[Ladder, ...]
    current: bool
    """True once it has read all notices there were."""


def read_telling(document: Mapping[str, Any]) -> Telling:
    """`/api/notices`, added up."""
    return Telling(
        delivered=sum(channel["delivered"] for channel in document["channels"]),
        pending=document["pending"],
        unanswered=document["unanswered"] - document["untold"],
        exhausted=document["exhausted"],
        ladders=tuple(
            Ladder(
                group["group"], group["desk"], group["type"], group["lane"], group["count"], group["steps"],
                group["of"], group["exhausted"], (*group["told"], *group["waiting"], *group["given_up"]),
            )
            for group in document["groups"]
            if group["of"]
        ),
        current=bool(document["caught_up"]) and not document["lag_records"],
    )  # fmt: skip


def line_of_telling(telling: Telling) -> str:
    """All of it in one line."""
    return f"told {telling.delivered:,} unanswered {telling.unanswered:,} (whole ladder {telling.exhausted:,})"


def climbed(before: Telling | None, now: Telling) -> Iterator[str]:
    """A line for each step that was taken because a desk says nothing and nobody answers; not for repetitions."""
    steps = {ladder.group: ladder.steps for ladder in before.ladders} if before else {}
    for ladder in now.ladders:
        if ladder.is_silence and steps.get(ladder.group, 0) < ladder.steps <= ladder.of:
            yield f"{ladder.desk} says nothing: {ladder.step} ({', '.join(ladder.channels)}); nobody has answered"


@dataclass(frozen=True, slots=True)
class Arrived:
    """What came at the desks' ends. `verified`: webhooks whose signature holds; `again`: those with a known id."""

    webhooks: int
    verified: int
    mails: int
    again: int


def read_arrived(lines: Iterable[str]) -> Arrived:
    """From what the sinks print. A line that is no delivery is passed over."""
    webhooks = verified = mails = again = 0
    ids = set()
    for line in lines:
        try:
            delivery = json.loads(line)
            channel = delivery.get("channel")
        except (ValueError, AttributeError):
            continue
        if channel == "webhook":
            webhooks += 1
            verified += delivery["verified"]
            again += delivery["id"] in ids
            ids.add(delivery["id"])
        mails += channel == "email"
    return Arrived(webhooks, verified, mails, again)


def summary(telling: Telling, arrived: Arrived) -> list[str]:
    """At the end: what was delivered and held, and where the ladders stand; who says nothing first."""
    again = f", {arrived.again:,} of them a second time" if arrived.again else ""
    sent = (
        f"Told: {telling.delivered:,} messages delivered, {telling.pending:,} not yet; "
        f"{arrived.webhooks:,} webhooks ({arrived.verified:,} verified), {arrived.mails:,} mails{again}"
    )
    return [sent, *_standing(telling.ladders, telling.unanswered)]


def _standing(ladders: Sequence[Ladder], unanswered: int) -> Iterator[str]:
    """Those about a desk that says nothing one by one; of the rest only the highest."""
    first = sorted(ladders, key=lambda ladder: (not ladder.is_silence, -ladder.steps, ladder.group))
    named = [ladder for ladder in first if ladder.is_silence][:GROUPS_NAMED] or first[:1]
    for ladder in named:
        what = f"{ladder.type.replace('_', ' ')}{f' ({ladder.lane})' if ladder.lane else ''}"
        yield f"Unanswered: {ladder.desk}, {what}, {ladder.count:,} open: {ladder.step}"
    if (more := unanswered - len(named)) > 0:
        gone = sum(ladder.exhausted for ladder in ladders if ladder not in named)
        yield f"Unanswered: {more:,} groups more; the whole ladder was gone through for {gone:,} of them"
