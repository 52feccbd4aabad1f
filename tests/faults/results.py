"""The campaign's table: one row a fault. Pure, but for the drawing."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.table import Table

from tests.faults import stalls
from tests.faults.evidence import Coordinates, Evidence
from tests.faults.performing import Performance
from tests.faults.stalls import Moment
from tests.faults.verdict import Finding, Wrong

_COLUMNS: Final = (Wrong.LOST, Wrong.DOUBLED, Wrong.SWALLOWED)


@dataclass(frozen=True, slots=True)
class Row:
    """What one fault did. Counts are of ingress records; `other` is every further wrong; times in seconds."""

    brokers: int
    fault: str
    sent: int
    lost: int
    doubled: int
    conflicts_swallowed: int
    other: int
    longest_stall_s: float
    took_s: float

    @property
    def wrong(self) -> int:
        """All of it."""
        return self.lost + self.doubled + self.conflicts_swallowed + self.other


def rows(
    evidence: Evidence,
    performances: Sequence[Performance],
    arrivals: Iterable[tuple[Coordinates, Moment]],
    findings: Iterable[Finding],
) -> list[Row]:
    """A finding counts for the fault under which its ingress record was sent, and once however many saw it."""
    phase_of = {one.at: one.phase for one in evidence.sent}
    sent = Counter(phase_of.values())
    acked: defaultdict[int, list[Moment]] = defaultdict(list)
    for one in evidence.sent:
        acked[one.phase].append((one.at[0], one.acked_s))
    received: defaultdict[int, list[Moment]] = defaultdict(list)
    for at, moment in arrivals:
        if at in phase_of:
            received[phase_of[at]].append(moment)
    counts = Counter((phase_of.get(at), wrong) for wrong, at in {(f.wrong, f.at) for f in findings if f.at})
    return [
        Row(
            brokers=performance.brokers,
            fault=performance.fault,
            sent=sent[phase],
            lost=counts[phase, Wrong.LOST],
            doubled=counts[phase, Wrong.DOUBLED],
            conflicts_swallowed=counts[phase, Wrong.SWALLOWED],
            other=_others(counts, phase) + len(performance.wrong),
            longest_stall_s=round(stalls.longest(acked[phase], received[phase]), 1),
            took_s=round(performance.took_s, 1),
        )
        for phase, performance in enumerate(performances)
    ]


def table(all_rows: Iterable[Row]) -> Table:
    """For a terminal."""
    drawn = Table(
        "brokers", "fault", "sent", "lost", "doubled", "conflicts swallowed", "other", "longest stall", "took"
    )
    for column in drawn.columns[2:]:
        column.justify = "right"
    for row in all_rows:
        numbers = (row.sent, row.lost, row.doubled, row.conflicts_swallowed, row.other)
        drawn.add_row(
            str(row.brokers),
            row.fault,
            *map(str, numbers),
            f"{row.longest_stall_s:.1f} s",
            f"{row.took_s:.0f} s",
            style="red" if row.wrong else None,
        )
    return drawn


def markdown(campaigns: Sequence[Sequence[Row]]) -> str:
    """For docs/reliability.md: one line a fault, a group of columns a cluster. All must have the same faults."""
    clusters = [rows_of_one[0].brokers for rows_of_one in campaigns]
    heads = [f"{number} broker{'s' * (number > 1)}: sent | wrong | longest stall" for number in clusters]
    lines = ["| fault | " + " | ".join(heads) + " |", "|---" * (1 + 3 * len(heads)) + "|"]
    for same in zip(*campaigns, strict=True):
        cells = [f"{row.sent:,} | {row.wrong} | {row.longest_stall_s:.1f} s" for row in same]
        lines.append(f"| `{same[0].fault}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def document(row: Row) -> Mapping[str, Any]:
    """For var/faults.json."""
    return asdict(row)


def _others(counts: Mapping[tuple[int | None, Wrong], int], phase: int) -> int:
    return sum(number for (of, wrong), number in counts.items() if of == phase and wrong not in _COLUMNS)
