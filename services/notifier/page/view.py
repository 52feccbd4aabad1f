"""What page and API show, as values: the API's document is what the page is made of."""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from services.notifier import outbox, store
from services.notifier.compose import broker_time
from services.notifier.database import Database
from services.notifier.figures import Figures
from services.notifier.outbox import Waiting
from services.notifier.store import Kept
from services.notifier.whom import Endpoint, Whom, fingerprint, kind_of

MOST: Final = 1_000
"""Of groups, and of deliveries that were given up; there may be more, and the numbers say how many."""


class Part(BaseModel):
    """A part of the document."""

    model_config = ConfigDict(frozen=True)


class OpenGroup(Part):
    """A group that is open and that nobody has answered."""

    group: str
    desk: str
    lane: str | None
    type: str
    count: int
    since: str
    oldest_at: str | None
    covers: Annotated[int, Field(description="What an answer to the newest message covers")]
    steps: Annotated[int, Field(description="Steps taken")]
    of: Annotated[int, Field(description="Steps of the desk's ladder; behind the last it repeats")]
    due_at: str | None
    exhausted: bool
    told: Annotated[list[str], Field(description="Channels that took the newest message to them")]
    waiting: Annotated[list[str], Field(description="Channels that have not taken it yet")]
    given_up: Annotated[list[str], Field(description="Channels that did not take it for the whole schedule")]


class Channel(Part):
    """An endpoint."""

    desk: str
    channel: str
    kind: str
    pending: int
    oldest_at: str | None
    disabled: bool
    delivered: Annotated[int, Field(description="By this notifier, since it began")]


class Failed(Part):
    """A message that was tried for the whole schedule."""

    group: str
    desk: str
    channel: str
    tries: int
    code: str
    at: str


class Told(Part):
    """Who is told what."""

    at: str
    active: bool
    caught_up: bool
    lag_records: int
    unanswered: Annotated[int, Field(description="Open groups that nobody has answered")]
    untold: Annotated[int, Field(description="Those of them of which nobody is told: their desks have no channel")]
    untold_of: Annotated[dict[str, int], Field(description="The same by desk: all of them, also what `groups` has not")]
    exhausted: int
    pending: int
    groups: list[OpenGroup]
    channels: list[Channel]
    failed: list[Failed]


def look(database: Database, whom: Whom, figures: Figures, now_ms: int, desk: str | None = None) -> Told:
    """Now; of one desk or of all."""
    with database.reading() as connection:
        kept = store.escalating(connection, desk, MOST)
        states = outbox.read_states(connection, [each.group.key for each in kept])
        counted = [row for row in store.count_escalating(connection) if desk in (None, row[0])]
        waiting = outbox.waiting(connection)
        disabled = store.read_disabled(connection)
        failed = outbox.read_failed(connection, desk, MOST)
    with figures.lock:
        active, caught_up, lag = figures.active, figures.caught_up, figures.lag_records
        delivered = dict(figures.deliveries)
    untold = Counter[str]()
    for name, _, number in counted:
        if not whom.notify(name).rungs:
            untold[name] += number
    channels = [
        _channel(endpoint, kind_of(channel), waiting, disabled.get(endpoint) == fingerprint(channel), delivered)
        for endpoint, channel in whom.endpoints().items()
        if desk in (None, endpoint.desk)
    ]
    return Told(
        at=broker_time(now_ms),
        active=active,
        caught_up=caught_up,
        lag_records=lag,
        unanswered=sum(number for _, _, number in counted),
        untold=untold.total(),
        untold_of=untold,
        exhausted=sum(number for _, exhausted, number in counted if exhausted),
        pending=sum(channel.pending for channel in channels),
        groups=[_group(each, whom, states) for each in kept],
        channels=channels,
        failed=[
            Failed(group=row.group, desk=row.desk, channel=row.channel, tries=row.tries, code=row.code,
                   at=broker_time(row.settled_ms))
            for row in failed
        ],
    )  # fmt: skip


def _group(kept: Kept, whom: Whom, states: Mapping[tuple[str, str], str]) -> OpenGroup:
    group = kept.group

    def those(state: str) -> list[str]:
        return [channel for channel in group.addressed if states.get((group.key, channel)) == state]

    return OpenGroup(
        group=group.key,
        desk=group.desk,
        lane=group.lane,
        type=group.type,
        count=group.newest.count,
        since=broker_time(group.since_ms),
        oldest_at=group.newest.oldest_at,
        covers=group.newest.sequence,
        steps=group.steps,
        of=len(whom.notify(group.desk).rungs),
        due_at=None if kept.due_ms is None else broker_time(kept.due_ms),
        exhausted=group.exhausted,
        told=those(outbox.DELIVERED),
        waiting=those(outbox.PENDING),
        given_up=those(outbox.FAILED),
    )


def _channel(
    endpoint: Endpoint,
    kind: str,
    waiting: Mapping[Endpoint, Waiting],
    disabled: bool,
    delivered: Mapping[tuple[Endpoint, str], int],
) -> Channel:
    found = waiting.get(endpoint)
    return Channel(
        desk=endpoint.desk,
        channel=endpoint.channel,
        kind=kind,
        pending=found.pending if found else 0,
        oldest_at=broker_time(found.oldest_ms) if found else None,
        disabled=disabled,
        delivered=delivered.get((endpoint, "delivered"), 0),
    )
