"""A desk's entries as rows: for its list, its export, its programs. Pure."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from policy.desks import Desk
from services.console.desk_entries import DeskEntry

COLUMNS: Final = (
    "partner", "report", "desk", "revision", "lane", "state", "arrived_at", "target_at", "looked_at", "taken_up_at",
    "closed_at", "disposition", "forwarded_to", "forwarded_at", "expires_at", "captured_at", "roles", "reasons",
    "chain", "stays", "contested",
)  # fmt: skip
_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def fields(entry: DeskEntry, desk: Desk, now_ms: int) -> dict[str, Any]:
    """One entry, under the names of `COLUMNS`. Codes in a list are in one text, with commas between."""
    came, found = entry.speaking, entry.course(desk, now_ms)
    assert came is not None  # rows are made of what came
    return {
        "partner": entry.partner,
        "report": entry.report,
        "desk": desk.id,
        "revision": came.rank[0],
        "lane": came.lane.value,
        "state": entry.state(desk, now_ms, found).value,
        "arrived_at": rfc3339(entry.arrived_ms),
        "target_at": rfc3339(entry.arrived_ms + desk.targets[came.lane] * 1000),
        "looked_at": rfc3339(found.looked_ms),
        "taken_up_at": rfc3339(found.taken_ms),
        "closed_at": rfc3339(found.closed_ms),
        "disposition": found.disposition and found.disposition.value,
        "forwarded_to": found.forwarded_to,
        "forwarded_at": rfc3339(found.forwarded_ms),
        "expires_at": rfc3339(entry.expires_ms(desk)),
        "captured_at": rfc3339(came.captured_ms),
        "roles": came.roles,
        "reasons": came.reasons,
        "chain": entry.chain,
        "stays": entry.tenure,
        "contested": found.contested,
    }


def rfc3339(unix_ms: int | None) -> str | None:
    """In UTC, with milliseconds."""
    if unix_ms is None:
        return None
    return datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def csv_line(cells: Iterable[object]) -> str:
    """One line of CSV, without its end."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(["" if cell is None else cell for cell in cells])
    return text.getvalue()


def csv_row(row: Mapping[str, Any]) -> str:
    """A row under `COLUMNS`. A number that begins with a hyphen gets an apostrophe before it.

    A spreadsheet would take `-A1` for a formula. All else that a row holds begins with a letter or a digit.
    """
    report = row["report"]
    safe = f"'{report}" if report.startswith("-") else report
    return csv_line({**row, "report": safe}[name] for name in COLUMNS)


def age(milliseconds: int) -> str:
    """`3 h`: in the largest unit that is whole."""
    seconds = max(0, milliseconds // 1000)
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds >= size), ("s", 1))
    return f"{seconds // size} {unit}"
