"""Groups and positions: rows as values and back. Every function works within the transaction it is given."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct, json, structs
from sqlalchemy import Connection, delete, func, select

from services.notifier.group import Group
from services.notifier.notice import read_notice, write_notice
from services.notifier.tables import endpoints, groups, notes, positions
from services.notifier.whom import Endpoint
from services.runtime.rows import among, is_postgresql, put, upsert

_STATE: Final = tuple(name for name in Group.__struct_fields__ if name not in ("key", "newest"))
_STATES: Final = json.Decoder(dict[str, Any])
_WRITTEN: Final = json.Encoder()


class Kept(Struct, frozen=True):
    """A group with when it is due."""

    group: Group
    due_ms: int | None


def load_groups(connection: Connection, keys: Iterable[str]) -> dict[str, Kept]:
    """Those that there are, locked until the transaction ends, in one order so that no two wait for each other."""
    listed, asked = among(connection, set(keys))
    locked = "ORDER BY key FOR UPDATE" if is_postgresql(connection) else ""
    statement = f"SELECT key, due_ms, newest, state FROM {groups.name} WHERE key {listed} {locked}"  # noqa: S608 - names of ours
    return {row.key: _kept(row) for row in connection.exec_driver_sql(statement, (asked,))}


def due_keys(connection: Connection, now_ms: int, limit: int) -> list[str]:
    """Groups for which the clock asks something."""
    asked = select(groups.c.key).where(groups.c.due_ms <= now_ms).order_by(groups.c.due_ms).limit(limit)
    return list(connection.scalars(asked))


def next_due_ms(connection: Connection) -> int | None:
    """When the clock next asks something."""
    found: int | None = connection.scalar(select(func.min(groups.c.due_ms)).where(groups.c.due_ms.is_not(None)))
    return found


def save_groups(connection: Connection, kept: Iterable[Kept]) -> None:
    """As they are now."""
    put(connection, groups, groups.c.keys(), [_row(each) for each in kept])


def escalating(connection: Connection, desk: str | None = None, limit: int = 1_000) -> list[Kept]:
    """Open and unanswered, those due first before the others; those of which nobody is told come last."""
    asked = select(groups).where(groups.c.escalating)
    if desk is not None:
        asked = asked.where(groups.c.desk == desk)
    ordered = asked.order_by(groups.c.due_ms.is_(None), groups.c.due_ms, groups.c.key)
    return [_kept(row) for row in connection.execute(ordered.limit(limit))]


def escalating_keys(connection: Connection) -> list[str]:
    """The same, all of them, by key."""
    return list(connection.scalars(select(groups.c.key).where(groups.c.escalating)))


def count_escalating(connection: Connection) -> list[tuple[str, bool, int]]:
    """Desk, whether the whole ladder was gone through, how many."""
    asked = select(groups.c.desk, groups.c.exhausted, func.count()).where(groups.c.escalating)
    return [tuple(row) for row in connection.execute(asked.group_by(groups.c.desk, groups.c.exhausted))]


def has_groups(connection: Connection, desk: str) -> bool:
    """Whether anything is kept of it, open or over."""
    return connection.scalar(select(groups.c.key).where(groups.c.desk == desk).limit(1)) is not None


def ended_before(connection: Connection, before_ms: int, limit: int) -> list[str]:
    """Groups that ended so long ago."""
    return list(connection.scalars(select(groups.c.key).where(groups.c.ended_ms < before_ms).limit(limit)))


def forget_groups(connection: Connection, keys: Sequence[str]) -> None:
    """For good."""
    connection.execute(delete(groups).where(groups.c.key.in_(keys)))


def read_positions(connection: Connection) -> dict[tuple[str, int], int]:
    """The next offset of each partition."""
    return {(row.topic, row.partition): row.next_offset for row in connection.execute(select(positions))}


def save_positions(connection: Connection, reached: Mapping[tuple[str, int], int]) -> None:
    """In the transaction of what was read up to there."""
    put(connection, positions, positions.c.keys(), [(*place, offset) for place, offset in reached.items()])


def read_note(connection: Connection, name: str) -> str | None:
    """What the database remembers under that name."""
    return connection.scalar(select(notes.c.value).where(notes.c.name == name))


def keep_note(connection: Connection, name: str, value: str) -> str:
    """What it remembers, `value` where it remembered nothing."""
    connection.execute(upsert(connection, notes).values(name=name, value=value).on_conflict_do_nothing())
    found = read_note(connection, name)
    assert found is not None
    return found


def read_disabled(connection: Connection) -> dict[Endpoint, str]:
    """Endpoints that said they are gone → the fingerprint of the address that said so."""
    return {Endpoint(row.desk, row.channel): row.disabled_for for row in connection.execute(select(endpoints))}


def disable(connection: Connection, endpoint: Endpoint, fingerprint: str, now_ms: int) -> None:
    """Until its address changes or somebody enables it."""
    put(connection, endpoints, endpoints.c.keys(), [(*endpoint, fingerprint, now_ms)])


def enable(connection: Connection, endpoint: Endpoint) -> bool:
    """True where it was disabled."""
    gone = connection.execute(
        delete(endpoints).where(endpoints.c.desk == endpoint.desk, endpoints.c.channel == endpoint.channel)
    )
    return bool(gone.rowcount)


def _row(kept: Kept) -> tuple[Any, ...]:
    """In the order of the table's columns."""
    group = kept.group
    key, newest, *state = structs.astuple(group)
    over = not group.open and not group.end_owed
    return (
        key,
        group.desk,
        group.needs_answer,
        group.exhausted,
        kept.due_ms,
        group.changed_ms if over else None,
        write_notice(newest),
        _WRITTEN.encode(dict(zip(_STATE, state, strict=True))).decode(),
    )


def _kept(row: Any) -> Kept:
    state = _STATES.decode(row.state)
    state["addressed"] = tuple(state["addressed"])
    newest = read_notice(row.newest)
    assert newest is not None  # it was read before it was written
    return Kept(Group(row.key, newest, **state), row.due_ms)
