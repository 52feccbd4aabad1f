"""What the ledger's document says to a person who watches a run. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

SILENT_NAMED: Final = 6


@dataclass(frozen=True, slots=True)
class Backlog:
    """Sums over all desks that report; `unknown` is held by those that do not. `lag`: offsets not read yet."""

    waiting: int
    overdue: int
    shelved: int
    in_hand: int
    closed: int
    forwarded: int
    unknown: int
    silent: tuple[str, ...]
    in_doubt: int | None
    """None while the ledger is not up to date."""
    lag: int
    current: bool

    @property
    def counted(self) -> tuple[int, ...]:
        """What changes with every record that the ledger reads."""
        return (self.waiting, self.shelved, self.in_hand, self.closed, self.forwarded, self.unknown)


def read_backlog(document: Mapping[str, Any]) -> Backlog:
    """`/api/backlog`, added up."""
    desks = document["desks"]
    lanes = [lane for desk in desks for lane in desk["lanes"]]
    return Backlog(
        waiting=_sum(lanes, "waiting"),
        overdue=_sum(lanes, "overdue"),
        shelved=_sum(lanes, "shelved"),
        in_hand=_sum(lanes, "in_hand"),
        closed=sum(sum(desk["closed"].values()) for desk in desks if desk["closed"] is not None),
        forwarded=_sum(desks, "forwarded"),
        unknown=_sum(lanes, "unreported"),
        silent=tuple(desk["desk"] for desk in desks if "silent" in desk["signs"]),
        in_doubt=document["in_doubt"],
        lag=document["lag_records"],
        current=document["current"],
    )


def _sum(rows: Iterable[Mapping[str, Any]], field: str) -> int:
    """What is not known adds nothing: it stands under `unknown`."""
    return sum(row[field] or 0 for row in rows)


def line_of_backlog(backlog: Backlog | None) -> str:
    """All of it in one line."""
    if backlog is None:
        return "ledger: no figures yet"
    return (
        f"waiting {backlog.waiting:,} (past target {backlog.overdue:,}) shelved {backlog.shelved:,} "
        f"in hand {backlog.in_hand:,} closed {backlog.closed:,} unknown {backlog.unknown:,} | "
        f"silent {silent_desks(backlog)} | in doubt {in_doubt(backlog)}"
    )


def silent_desks(backlog: Backlog) -> str:
    """How many, and who; some of them, where there are many."""
    names = list(backlog.silent[:SILENT_NAMED])
    if len(backlog.silent) > SILENT_NAMED:
        names.append("…")
    return f"{len(backlog.silent)}{' (' + ' '.join(names) + ')' if names else ''}"


def in_doubt(backlog: Backlog) -> str:
    """The residue; `?` while it is not known."""
    return "?" if backlog.in_doubt is None else f"{backlog.in_doubt:,}"
