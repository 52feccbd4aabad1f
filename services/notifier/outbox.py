"""Deliveries: put there with the group they speak of, and what waits; `claims` has what is done with them.

One row for each group and endpoint. A newer message takes the place of the one before, so that an endpoint that takes
nothing costs one row a group; the number tells the two apart wherever a try was under way.
"""

from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    update,
)

from services.notifier.store import chunks, insert_into
from services.notifier.tables import deliveries
from services.notifier.whom import Endpoint

PENDING: Final = "pending"
DELIVERED: Final = "delivered"
FAILED: Final = "failed"
"""Tried for the whole schedule."""
DROPPED: Final = "dropped"
"""Nothing was left to say before it was taken."""
IS_PENDING = deliveries.c.state == literal_column(f"'{PENDING}'")
IS_FAILED = deliveries.c.state == literal_column(f"'{FAILED}'")
"""Written out: SQLite takes an index of part of a table only where the statement itself says that part."""
OF: Final = and_(deliveries.c.group == bindparam("of_group"), deliveries.c.channel == bindparam("of_channel"))
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
class Waiting:
    """What an endpoint has not taken yet."""

    pending: int
    oldest_ms: int
    due_ms: int


def post(connection: Connection, messages: Collection[Posted], now_ms: int) -> None:
    """Each takes the place of what its endpoint had not taken of the group."""
    for again in (True, False):
        rows = [_row(each, now_ms) for each in messages if each.again is again]
        if not rows:
            continue
        insert = insert_into(connection, deliveries)
        undelivered = IS_PENDING
        kept = deliveries.c.reached if again else and_(
            deliveries.c.reached, or_(undelivered, IS_FAILED)
        )  # fmt: skip
        changed = {name: insert.excluded[name] for name in rows[0] if name not in ("group", "channel")}
        changed |= {
            "reached": kept,
            "made_ms": case((undelivered, deliveries.c.made_ms), else_=insert.excluded.made_ms),
        }
        connection.execute(insert.on_conflict_do_update(index_elements=["group", "channel"], set_=changed), rows)


def post_ends(
    connection: Connection, messages: Iterable[Posted], reached: Container[tuple[str, str]], now_ms: int
) -> set[Endpoint]:
    """Ends, to those that may have been told; the others hear nothing of it at all. Returns whom they go to.

    `reached`: as `lock` found them.
    """
    told: list[Posted] = []
    untold: list[Posted] = []
    for each in messages:
        (told if _place(each) in reached else untold).append(each)
    if told:
        new = [name for name in deliveries.c.keys() if name not in _KEPT_AT_END]  # noqa: SIM118 - it is no mapping
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in new}
        rows = [{f"new_{name}": row[name] for name in new} for row in (_row(each, now_ms) for each in told)]
        connection.execute(update(deliveries).where(OF).values(values), _of(told, rows))
    if untold:
        dropped = update(deliveries).where(OF, IS_PENDING).values(state=DROPPED, settled_ms=now_ms)
        connection.execute(dropped, _of(untold, [{} for _ in untold]))
    return {each.endpoint for each in told}


def lock(connection: Connection, groups: Iterable[str]) -> set[tuple[str, str]]:
    """Nobody else changes their deliveries until the transaction ends, and no try of them begins.

    In the order of their keys, in which `claims.settle` writes too: so the two do not wait for each other. Returns
    group and channel of each to which a try was made, or may have been.
    """
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
    covered = and_(deliveries.c.group == group, IS_PENDING, deliveries.c.covers <= through)
    connection.execute(update(deliveries).where(covered).values(state=DROPPED, settled_ms=now_ms))


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
        .where(IS_PENDING)
        .group_by(deliveries.c.desk, deliveries.c.channel)
    )
    return {
        Endpoint(row.desk, row.channel): Waiting(row.pending, row.oldest_ms, row.due_ms)
        for row in connection.execute(asked)
    }


def waits_for(endpoint: Endpoint) -> tuple[ColumnElement[bool], ...]:
    """A delivery that is pending there."""
    return deliveries.c.desk == endpoint.desk, deliveries.c.channel == endpoint.channel, IS_PENDING


def drop_endpoint(connection: Connection, endpoint: Endpoint, now_ms: int) -> None:
    """The configuration knows it no more."""
    connection.execute(update(deliveries).where(*waits_for(endpoint)).values(state=DROPPED, settled_ms=now_ms))


def read_group(connection: Connection, group: str) -> list[Any]:
    """Every delivery of a group: rows of the table."""
    return list(connection.execute(select(deliveries).where(deliveries.c.group == group)))


def read_failed(connection: Connection, limit: int) -> list[Any]:
    """Deliveries that were given up, the newest first: rows of the table."""
    asked = select(deliveries).where(IS_FAILED)
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
    """The rows, each with the key that `OF` asks for."""
    return [
        {"of_group": each.group, "of_channel": each.endpoint.channel, **row}
        for each, row in zip(messages, rows, strict=True)
    ]
