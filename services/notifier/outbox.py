"""Deliveries: put there with the group they speak of, claimed by whoever delivers, settled by what came of it.

One row for each group and endpoint. A newer message takes the place of the one before, so that an endpoint that takes
nothing costs one row a group; the number tells the two apart wherever a try was under way.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, case, delete, func, literal_column, or_, select, update

from services.notifier.retry import Again, Decision, Disabled, Done, GivenUp
from services.notifier.store import chunks, insert_into
from services.notifier.tables import deliveries
from services.notifier.whom import Endpoint

PENDING: Final = "pending"
DELIVERED: Final = "delivered"
FAILED: Final = "failed"
"""Tried for the whole schedule."""
DROPPED: Final = "dropped"
"""Nothing was left to say before it was taken."""
_IS_PENDING = deliveries.c.state == literal_column(f"'{PENDING}'")
_IS_FAILED = deliveries.c.state == literal_column(f"'{FAILED}'")
"""Written out: SQLite takes an index of part of a table only where the statement itself says that part."""
CLAIM_MS: Final = 90_000
"""Longer than any try: what a dead notifier had claimed is then anybody's."""
_OF = and_(deliveries.c.group == bindparam("of_group"), deliveries.c.channel == bindparam("of_channel"))
_KEPT_AT_END: Final = frozenset({"group", "channel", "reached"})


@dataclass(frozen=True, slots=True)
class Posted:
    """A message for one endpoint. `again`: messages of this opening went there before."""

    group: str
    endpoint: Endpoint
    number: int
    covers: int
    body: bytes
    again: bool


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


@dataclass(frozen=True, slots=True)
class Waiting:
    """What an endpoint has not taken yet."""

    pending: int
    oldest_ms: int
    due_ms: int


def post(connection: Connection, messages: Collection[Posted], now_ms: int) -> None:
    """Each takes the place of what its endpoint had not taken of the group.

    Rows are always written in the order of their keys: so no two transactions wait for each other.
    """
    for again in (True, False):
        rows = [_row(each, now_ms) for each in sorted(messages, key=_place) if each.again is again]
        if not rows:
            continue
        insert = insert_into(connection, deliveries)
        undelivered = _IS_PENDING
        kept = deliveries.c.reached if again else and_(
            deliveries.c.reached, or_(undelivered, _IS_FAILED)
        )  # fmt: skip
        changed = {name: insert.excluded[name] for name in rows[0] if name not in ("group", "channel")}
        changed |= {
            "reached": kept,
            "made_ms": case((undelivered, deliveries.c.made_ms), else_=insert.excluded.made_ms),
        }
        connection.execute(insert.on_conflict_do_update(index_elements=["group", "channel"], set_=changed), rows)


def post_ends(connection: Connection, messages: Iterable[Posted], now_ms: int) -> set[Endpoint]:
    """Ends, to those that may have been told; the others hear nothing of it at all. Returns whom they go to."""
    told: list[Posted] = []
    untold: list[Posted] = []
    ordered = sorted(messages, key=_place)
    reached = _reached(connection, {each.group for each in ordered})
    for each in ordered:
        (told if _place(each) in reached else untold).append(each)
    if told:
        new = [name for name in deliveries.c.keys() if name not in _KEPT_AT_END]  # noqa: SIM118 - it is no mapping
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in new}
        rows = [{f"new_{name}": row[name] for name in new} for row in (_row(each, now_ms) for each in told)]
        connection.execute(update(deliveries).where(_OF).values(values), _of(told, rows))
    if untold:
        dropped = update(deliveries).where(_OF, _IS_PENDING).values(state=DROPPED, settled_ms=now_ms)
        connection.execute(dropped, _of(untold, [{} for _ in untold]))
    return {each.endpoint for each in told}


def _reached(connection: Connection, groups: Iterable[str]) -> set[tuple[str, str]]:
    """Group and channel of each to which a try was made, or may have been; locked, so that none begins meanwhile."""
    return {
        (row.group, row.channel)
        for chunk in chunks(sorted(groups))
        for row in connection.execute(
            select(deliveries.c.group, deliveries.c.channel, deliveries.c.reached)
            .where(deliveries.c.group.in_(chunk))
            .order_by(deliveries.c.group, deliveries.c.channel)
            .with_for_update()
        )
        if row.reached
    }


def drop(connection: Connection, group: str, through: int, now_ms: int) -> None:
    """What was answered before it was taken need not be said any more."""
    covered = and_(deliveries.c.group == group, _IS_PENDING, deliveries.c.covers <= through)
    connection.execute(update(deliveries).where(covered).values(state=DROPPED, settled_ms=now_ms))


def claim(connection: Connection, free: Mapping[Endpoint, int], holder: str, now_ms: int) -> list[Claimed]:
    """As many for each endpoint as are due and as it may have; nobody else gets them until the claim ends."""
    claimed = []
    for endpoint, number in free.items():
        asked = (
            select(deliveries)
            .where(
                deliveries.c.desk == endpoint.desk,
                deliveries.c.channel == endpoint.channel,
                _IS_PENDING,
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
            .where(_OF, deliveries.c.number == bindparam("of_number"))
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
        .where(_OF, deliveries.c.number == bindparam("of_number"), deliveries.c.holder == holder)
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
        update(deliveries)
        .where(
            deliveries.c.desk == endpoint.desk,
            deliveries.c.channel == endpoint.channel,
            _IS_PENDING,
            deliveries.c.due_ms > now_ms,
        )
        .values(due_ms=now_ms)
    )


def waiting(connection: Connection) -> dict[Endpoint, Waiting]:
    """What each endpoint has not taken; of the index of what is pending alone."""
    asked = (
        select(
            deliveries.c.desk,
            deliveries.c.channel,
            func.count().label("pending"),
            func.min(deliveries.c.made_ms).label("oldest_ms"),
            func.min(deliveries.c.due_ms).label("due_ms"),
        )
        .where(_IS_PENDING)
        .group_by(deliveries.c.desk, deliveries.c.channel)
    )
    return {
        Endpoint(row.desk, row.channel): Waiting(row.pending, row.oldest_ms, row.due_ms)
        for row in connection.execute(asked)
    }


def drop_endpoint(connection: Connection, endpoint: Endpoint, now_ms: int) -> None:
    """The configuration knows it no more."""
    connection.execute(
        update(deliveries)
        .where(
            deliveries.c.desk == endpoint.desk,
            deliveries.c.channel == endpoint.channel,
            _IS_PENDING,
        )
        .values(state=DROPPED, settled_ms=now_ms)
    )


def release(connection: Connection) -> None:
    """Where nobody else can have claimed anything: what a notifier had that was killed."""
    connection.execute(
        update(deliveries).where(_IS_PENDING, deliveries.c.claimed_until_ms > 0).values(claimed_until_ms=0)
    )


def read_group(connection: Connection, group: str) -> list[Any]:
    """Every delivery of a group: rows of the table."""
    return list(connection.execute(select(deliveries).where(deliveries.c.group == group)))


def read_failed(connection: Connection, limit: int) -> list[Any]:
    """Deliveries that were given up, the newest first: rows of the table."""
    asked = select(deliveries).where(_IS_FAILED)
    return list(connection.execute(asked.order_by(deliveries.c.settled_ms.desc()).limit(limit)))


def forget(connection: Connection, groups: Sequence[str]) -> int:
    """The deliveries of those groups, for good; how many that were."""
    return connection.execute(delete(deliveries).where(deliveries.c.group.in_(groups))).rowcount


def _row(each: Posted, now_ms: int) -> dict[str, Any]:
    return {
        "group": each.group,
        "channel": each.endpoint.channel,
        "desk": each.endpoint.desk,
        "number": each.number,
        "covers": each.covers,
        "body": each.body,
        "state": PENDING,
        "reached": False,
        "tries": 0,
        "due_ms": now_ms,
        "claimed_until_ms": 0,
        "holder": "",
        "made_ms": now_ms,
        "settled_ms": None,
        "code": "",
    }


def _place(each: Posted) -> tuple[str, str]:
    return each.group, each.endpoint.channel


def _of(messages: Iterable[Posted], rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, each with the key that `_OF` asks for."""
    return [
        {"of_group": each.group, "of_channel": each.endpoint.channel, **row}
        for each, row in zip(messages, rows, strict=True)
    ]


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
