"""Deliveries: put there with the group they speak of, and what waits; `claims` has what is done with them.

One row for each group and endpoint. A newer message takes the place of the one before, so that an endpoint that takes
nothing costs one row a group; the number tells the two apart wherever a try was under way.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, delete, func, literal_column, select, update

from services.notifier.tables import deliveries
from services.notifier.whom import Endpoint
from services.runtime.rows import among, is_postgresql, mark_of, put, taken

PENDING: Final = "pending"
DELIVERED: Final = "delivered"
FAILED: Final = "failed"
"""Tried for the whole schedule."""
DROPPED: Final = "dropped"
"""Nothing was left to say before it was taken."""
IS_PENDING = deliveries.c.state == literal_column(f"'{PENDING}'")
IS_FAILED = deliveries.c.state == literal_column(f"'{FAILED}'")
"""Written out: SQLite takes an index of part of a table only where the statement itself says that part."""
_COLUMNS: Final = tuple(deliveries.c.keys())
_STANDS: Final = f"{deliveries.name}.state"
_SINCE: Final = f"CASE WHEN {_STANDS} = '{PENDING}' THEN {deliveries.name}.made_ms ELSE excluded.made_ms END"
_REACHED: Final = f"{deliveries.name}.reached AND {_STANDS} IN ('{PENDING}', '{FAILED}')"
_ENDED: Final = taken(_COLUMNS, deliveries, "reached")
_TOLD_ON: Final = {**_ENDED, "made_ms": _SINCE}
_TOLD_ANEW: Final = {**_TOLD_ON, "reached": _REACHED}
"""What takes the place of a delivery: an end, another message of the same opening, the first one of an opening."""


class Posted(Struct, frozen=True):
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
    for again, changes in ((True, _TOLD_ON), (False, _TOLD_ANEW)):
        put(connection, deliveries, _COLUMNS, [_row(each, now_ms) for each in messages if each.again is again], changes)


def post_ends(connection: Connection, messages: Iterable[Posted], now_ms: int) -> set[Endpoint]:
    """Ends, to those that may have been told (`lock`). Returns whom they go to."""
    told = list(messages)
    put(connection, deliveries, _COLUMNS, [_row(each, now_ms) for each in told], _ENDED)
    return {each.endpoint for each in told}


def lock(connection: Connection, groups: Collection[str]) -> set[tuple[str, str]]:
    """Nobody else changes their deliveries until the transaction ends, and no try of them begins.

    In the order of their keys, in which `claims.settle` writes too: so the two do not wait for each other. By their
    bytes, since a database may sort by the habits of a language. Returns group and channel of each to which a try was
    made, or may have been.
    """
    if not groups:
        return set()
    listed, asked = among(connection, groups)
    locked = 'ORDER BY "group" COLLATE "C", channel COLLATE "C" FOR UPDATE' if is_postgresql(connection) else ""
    statement = f'SELECT "group", channel, reached FROM {deliveries.name} WHERE "group" {listed} {locked}'  # noqa: S608 - names of ours
    return {(group, channel) for group, channel, reached in connection.exec_driver_sql(statement, (asked,)) if reached}


def drop_untold(connection: Connection, groups: Collection[str], now_ms: int) -> None:
    """They are over: who was not told of them yet, and may not have been, hears nothing of it at all."""
    if not groups:
        return
    listed, asked = among(connection, groups)
    mark = mark_of(connection)
    connection.exec_driver_sql(
        f"UPDATE {deliveries.name} SET state = '{DROPPED}', settled_ms = {mark} "  # noqa: S608 - names of ours
        f"WHERE \"group\" {listed} AND state = '{PENDING}' AND NOT reached",
        (now_ms, asked),
    )


def drop(connection: Connection, group: str, through: int, now_ms: int) -> None:
    """What was answered before it was taken need not be said any more, nor again by a try that is under way."""
    covered = and_(deliveries.c.group == group, IS_PENDING, deliveries.c.covers <= through)
    connection.execute(update(deliveries).where(covered).values(state=DROPPED, settled_ms=now_ms, holder=""))


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
    """The configuration knows it no more; what somebody is at now waits until the try has ended."""
    free = (*waits_for(endpoint), deliveries.c.claimed_until_ms <= now_ms)
    connection.execute(update(deliveries).where(*free).values(state=DROPPED, settled_ms=now_ms))


def read_group(connection: Connection, group: str) -> list[Any]:
    """Every delivery of a group: rows of the table."""
    return list(connection.execute(select(deliveries).where(deliveries.c.group == group)))


def read_states(connection: Connection, groups: Collection[str]) -> dict[tuple[str, str], str]:
    """How every delivery of those groups stands, by group and channel."""
    if not groups:
        return {}
    listed, asked = among(connection, groups)
    statement = f'SELECT "group", channel, state FROM {deliveries.name} WHERE "group" {listed}'  # noqa: S608 - names of ours
    return {(group, channel): state for group, channel, state in connection.exec_driver_sql(statement, (asked,))}


def read_failed(connection: Connection, desk: str | None, limit: int) -> list[Any]:
    """Deliveries that were given up, of one desk or of all, the newest first: rows of the table."""
    asked = select(deliveries).where(IS_FAILED)
    if desk is not None:
        asked = asked.where(deliveries.c.desk == desk)
    return list(connection.execute(asked.order_by(deliveries.c.settled_ms.desc()).limit(limit)))


def forget(connection: Connection, groups: Sequence[str]) -> int:
    """The deliveries of those groups, for good; how many that were."""
    return connection.execute(delete(deliveries).where(deliveries.c.group.in_(groups))).rowcount


def _row(each: Posted, now_ms: int) -> tuple[Any, ...]:
    """In the order of the table's columns."""
    return (
        each.group,
        each.endpoint.channel,
        each.endpoint.desk,
        each.number,
        each.covers,
        each.body,
        PENDING,
        False,
        0,
        now_ms,
        0,
        "",
        now_ms,
        None,
        "",
    )
