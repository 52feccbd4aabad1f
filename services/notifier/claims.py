"""Deliveries under way: claimed by whoever delivers, settled by what came of the try."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select, update

from services.notifier.outbox import DELIVERED, FAILED, IS_PENDING, OF, PENDING, waits_for
from services.notifier.retry import Again, Decision, Disabled, Done, GivenUp
from services.notifier.tables import deliveries
from services.notifier.whom import Endpoint

CLAIM_MS: Final = 90_000
"""Longer than any try: what a dead notifier had claimed is then anybody's."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message to try now; `tries` counts this one."""

    group: str
    endpoint: Endpoint
    number: int
    body: bytes
    tries: int
    made_ms: int


@dataclass(frozen=True, slots=True)
class Settled:
    """What follows from a try."""

    claimed: Claimed
    decision: Decision


def claim(connection: Connection, free: Mapping[Endpoint, int], holder: str, now_ms: int) -> list[Claimed]:
    """As many for each endpoint as are due and as it may have; nobody else gets them until the claim ends."""
    claimed = []
    for endpoint, number in free.items():
        asked = (
            select(deliveries)
            .where(
                *waits_for(endpoint),
                deliveries.c.due_ms <= now_ms,
                deliveries.c.claimed_until_ms <= now_ms,
            )
            .order_by(deliveries.c.due_ms)
            .limit(number)
            .with_for_update(skip_locked=True)
        )
        claimed += [
            Claimed(row.group, endpoint, row.number, row.body, row.tries + 1, row.made_ms)
            for row in connection.execute(asked)
        ]
    if claimed:
        connection.execute(
            update(deliveries)
            .where(OF, deliveries.c.number == bindparam("of_number"))
            .values(claimed_until_ms=now_ms + CLAIM_MS, holder=holder, reached=True),
            [_key(each) for each in claimed],
        )
    return claimed


def settle(connection: Connection, settled: Iterable[Settled], holder: str, now_ms: int) -> None:
    """Write down what came of tries; what a newer message has replaced in the meantime, or another claimed, stays.

    A try counts here and not where it is claimed: one that a crash cut off is no failure of the endpoint.
    """
    ordered = sorted(settled, key=lambda each: (each.claimed.group, each.claimed.endpoint.channel))
    rows = [_key(each.claimed) | _outcome(each.decision, now_ms) for each in ordered]
    if not rows:
        return
    connection.execute(
        update(deliveries)
        .where(OF, deliveries.c.number == bindparam("of_number"), deliveries.c.holder == holder)
        .values(
            state=bindparam("new_state"),
            tries=deliveries.c.tries + 1,
            due_ms=bindparam("new_due_ms"),
            settled_ms=bindparam("new_settled_ms"),
            code=bindparam("new_code"),
            claimed_until_ms=0,
        ),
        rows,
    )


def hurry(connection: Connection, endpoint: Endpoint, now_ms: int) -> None:
    """It takes messages again: what waits for it is due now."""
    connection.execute(
        update(deliveries).where(*waits_for(endpoint), deliveries.c.due_ms > now_ms).values(due_ms=now_ms)
    )


def release(connection: Connection) -> None:
    """Where nobody else can have claimed anything: what a notifier had that was killed."""
    connection.execute(
        update(deliveries).where(IS_PENDING, deliveries.c.claimed_until_ms > 0).values(claimed_until_ms=0)
    )


def _key(claimed: Claimed) -> dict[str, Any]:
    return {"of_group": claimed.group, "of_channel": claimed.endpoint.channel, "of_number": claimed.number}


def _outcome(decision: Decision, now_ms: int) -> dict[str, Any]:
    match decision:
        case Done():
            state, due_ms, code = DELIVERED, now_ms, ""
        case Again(due_ms=due_ms, code=code):
            state = PENDING
        case GivenUp(code):
            state, due_ms = FAILED, now_ms
        case Disabled(code):
            state, due_ms = PENDING, now_ms
    return {
        "new_state": state,
        "new_due_ms": due_ms,
        "new_settled_ms": None if state == PENDING else now_ms,
        "new_code": code,
    }
