"""Groups and positions: rows as values and back. Every function works within the transaction it is given."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Table, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from schemas.notices import Notice
from schemas.records import serialise
from services.notifier.group import UNANSWERABLE, Group
from services.notifier.tables import endpoints, groups, notes, positions
from services.notifier.whom import Endpoint

CHUNK: Final = 500
_STATE: Final = (
    "open", "added", "answered", "covered", "number", "told_ms", "changed_ms", "since_ms", "steps", "step_ms",
    "addressed", "end_owed", "exhausted",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kept:
    """A group with when it is due."""

    group: Group
    due_ms: int | None


def load_groups(connection: Connection, keys: Iterable[str]) -> dict[str, Kept]:
    """Those that there are, locked until the transaction ends, in one order so that no two wait for each other."""
    return {
        kept.group.key: kept
        for chunk in chunks(sorted(set(keys)))
        for row in connection.execute(
            select(groups).where(groups.c.key.in_(chunk)).order_by(groups.c.key).with_for_update()
        )
        for kept in [_kept(row)]
    }


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
    put(connection, groups, ["key"], [_row(each) for each in kept])


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
    rows = [
        {"topic": topic, "partition": partition, "next_offset": offset}
        for (topic, partition), offset in reached.items()
    ]
    put(connection, positions, ["topic", "partition"], rows)


def read_note(connection: Connection, name: str) -> str | None:
    """What the database remembers under that name."""
    return connection.scalar(select(notes.c.value).where(notes.c.name == name))


def keep_note(connection: Connection, name: str, value: str) -> str:
    """What it remembers, `value` where it remembered nothing."""
    connection.execute(insert_into(connection, notes).values(name=name, value=value).on_conflict_do_nothing())
    found = read_note(connection, name)
    assert found is not None
    return found


def read_disabled(connection: Connection) -> dict[Endpoint, str]:
    """Endpoints that said they are gone → the fingerprint of the address that said so."""
    return {Endpoint(row.desk, row.channel): row.disabled_for for row in connection.execute(select(endpoints))}


def disable(connection: Connection, endpoint: Endpoint, fingerprint: str, now_ms: int) -> None:
    """Until its address changes or somebody enables it."""
    row = {"desk": endpoint.desk, "channel": endpoint.channel, "disabled_for": fingerprint, "disabled_ms": now_ms}
    put(connection, endpoints, ["desk", "channel"], [row])


def enable(connection: Connection, endpoint: Endpoint) -> bool:
    """True where it was disabled."""
    gone = connection.execute(
        delete(endpoints).where(endpoints.c.desk == endpoint.desk, endpoints.c.channel == endpoint.channel)
    )
    return bool(gone.rowcount)


def put(connection: Connection, table: Table, keys: Sequence[str], rows: list[dict[str, Any]]) -> None:
    """Rows that take the place of those with the same key."""
    if not rows:
        return
    insert = insert_into(connection, table)
    changed = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(insert.on_conflict_do_update(index_elements=list(keys), set_=changed), rows)


def insert_into(connection: Connection, table: Table) -> Any:
    """An INSERT that can say what happens where the key is there already."""
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)


def chunks(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many at once as one statement may name."""
    return (keys[start : start + CHUNK] for start in range(0, len(keys), CHUNK))


def _row(kept: Kept) -> dict[str, Any]:
    group = kept.group
    over = not group.open and not group.end_owed
    return {
        "key": group.key,
        "desk": group.desk,
        "escalating": group.needs_answer and group.type not in UNANSWERABLE,
        "exhausted": group.exhausted,
        "due_ms": kept.due_ms,
        "ended_ms": group.changed_ms if over else None,
        "newest": serialise(group.newest),
        "state": json.dumps({name: getattr(group, name) for name in _STATE}, separators=(",", ":")),
    }


def _kept(row: Any) -> Kept:
    state = json.loads(row.state)
    state["addressed"] = tuple(state["addressed"])
    return Kept(Group(row.key, Notice.model_validate_json(row.newest), **state), row.due_ms)
