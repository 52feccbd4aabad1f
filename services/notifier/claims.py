"""Deliveries under way: claimed by whoever delivers, settled by what came of the try."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, select, tuple_, update

from services.notifier.outbox import DELIVERED, FAILED, IS_PENDING, PENDING, waits_for
from services.notifier.retry import Again, Decision, Disabled, Done, GivenUp
from services.notifier.tables import deliveries
from services.notifier.whom import Endpoint
from services.runtime.rows import is_postgresql, mark_of

CLAIM_MS: Final = 90_000
"""Longer than any try: what a notifier had claimed is then anybody's, if it was not known to be dead before."""


_FOUND: Final = '"group", channel, desk, number, body, tries, made_ms'
_FIND_IN_TURN: Final = (
    f"SELECT {_FOUND} FROM {deliveries.name} WHERE desk = ? AND channel = ? AND state = '{PENDING}' "  # noqa: S608 - names of ours
    "AND due_ms <= ? AND claimed_until_ms <= ? ORDER BY due_ms LIMIT ?"
)
_FIND_AT_ONCE: Final = (
    "SELECT found.* FROM unnest(%s::text[], %s::text[], %s::int[]) AS free (desk, channel, most) CROSS JOIN LATERAL ("  # noqa: S608 - as above
    f"SELECT {_FOUND} FROM {deliveries.name} AS it WHERE it.desk = free.desk AND it.channel = free.channel "
    f"AND it.state = '{PENDING}' AND it.due_ms <= %s AND it.claimed_until_ms <= %s "
    "ORDER BY it.due_ms LIMIT free.most FOR UPDATE SKIP LOCKED) AS found"
)


class Claimed(Struct, frozen=True):
    """A message to try now; `tries` counts this one."""

    group: str
    endpoint: Endpoint
    number: int
    body: bytes
    tries: int
    made_ms: int


class Settled(Struct, frozen=True):
    """What follows from a try."""

    claimed: Claimed
    decision: Decision


def claim(connection: Connection, free: Mapping[Endpoint, int], holder: str, now_ms: int) -> list[Claimed]:
    """As many for each endpoint as are due and as it may have; nobody else gets them until the claim ends."""
    if not free:
        return []
    find = _find_at_once if is_postgresql(connection) else _find_in_turn
    claimed = [
        Claimed(group, Endpoint(desk, channel), number, bytes(body), tries + 1, made_ms)
        for group, channel, desk, number, body, tries, made_ms in find(connection, free, now_ms)
    ]
    if claimed:
        mark = mark_of(connection)
        connection.exec_driver_sql(
            f"UPDATE {deliveries.name} SET claimed_until_ms = {mark}, holder = {mark}, "  # noqa: S608 - names of ours
            f"reached = TRUE WHERE {_of(mark)}",
            [(now_ms + CLAIM_MS, holder, *_key(each)) for each in claimed],
        )
    return claimed


def _find_in_turn(connection: Connection, free: Mapping[Endpoint, int], now_ms: int) -> Iterator[Sequence[Any]]:
    """SQLite looks up the index once for each endpoint, whoever asks for it."""
    for endpoint, number in free.items():
        yield from connection.exec_driver_sql(_FIND_IN_TURN, (*endpoint, now_ms, now_ms, number)).all()


def _find_at_once(connection: Connection, free: Mapping[Endpoint, int], now_ms: int) -> Iterable[Sequence[Any]]:
    """One question to the server for all of them. What another notifier has locked is passed over."""
    desks = [endpoint.desk for endpoint in free]
    channels = [endpoint.channel for endpoint in free]
    return connection.exec_driver_sql(_FIND_AT_ONCE, (desks, channels, list(free.values()), now_ms, now_ms)).all()


def settle(connection: Connection, settled: Iterable[Settled], holder: str, now_ms: int) -> None:
    """Write down what came of tries; what a newer message has replaced in the meantime, or another claimed, stays.

    A try counts here and not where it is claimed: one that a crash cut off is no failure of the endpoint.
    """
    ordered = sorted(settled, key=lambda each: (each.claimed.group, each.claimed.endpoint.channel))
    if not ordered:
        return
    mark = mark_of(connection)
    connection.exec_driver_sql(
        f"UPDATE {deliveries.name} SET state = {mark}, due_ms = {mark}, settled_ms = {mark}, code = {mark}, "  # noqa: S608 - names of ours
        f"tries = tries + 1, claimed_until_ms = 0 WHERE {_of(mark)} AND holder = {mark}",
        [(*_outcome(each.decision, now_ms), *_key(each.claimed), holder) for each in ordered],
    )


def hurry(connection: Connection, endpoint: Endpoint, now_ms: int) -> None:
    """It takes messages again: what waits for it is due now."""
    connection.execute(
        update(deliveries).where(*waits_for(endpoint), deliveries.c.due_ms > now_ms).values(due_ms=now_ms)
    )


def holders(connection: Connection, now_ms: int) -> list[str]:
    """Who has claimed what is pending."""
    claimed = select(deliveries.c.holder).where(IS_PENDING, deliveries.c.claimed_until_ms > now_ms)
    return list(connection.scalars(claimed.distinct()))


def release_of(connection: Connection, holder: str) -> None:
    """What that notifier had, which is dead; but for what somebody else is at now: next time."""
    key = deliveries.c.group, deliveries.c.channel
    theirs = select(*key).where(IS_PENDING, deliveries.c.claimed_until_ms > 0, deliveries.c.holder == holder)
    free = theirs.with_for_update(skip_locked=True)
    connection.execute(update(deliveries).where(tuple_(*key).in_(free)).values(claimed_until_ms=0))


def release(connection: Connection) -> None:
    """Where nobody else can have claimed anything: what a notifier had that was killed."""
    connection.execute(
        update(deliveries).where(IS_PENDING, deliveries.c.claimed_until_ms > 0).values(claimed_until_ms=0)
    )


def _of(mark: str) -> str:
    return f'"group" = {mark} AND channel = {mark} AND number = {mark}'


def _key(claimed: Claimed) -> tuple[str, str, int]:
    """As `_of` asks for it."""
    return claimed.group, claimed.endpoint.channel, claimed.number


def _outcome(decision: Decision, now_ms: int) -> tuple[str, int, int | None, str]:
    """State, when it is due, when it was settled for good, and the code of a failure."""
    match decision:
        case Done():
            return DELIVERED, now_ms, now_ms, ""
        case Again(due_ms, code):
            return PENDING, due_ms, None, str(code)
        case GivenUp(code):
            return FAILED, now_ms, now_ms, str(code)
        case Disabled(code):
            return PENDING, now_ms, None, str(code)
