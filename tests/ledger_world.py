"""Figures filled by hand: 143 desks in every condition a page has to show, at a fixed moment."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final, Self

from policy.configuration import Configuration, load
from policy.desks import Desk, DeskTable, Reporting
from schemas.codes import Disposition, EntryState, Lane
from services.ledger.figures import Figures
from services.ledger.history import ARRIVED, CLOSED, LOOKED, SPANS, MomentKey, span_ms
from services.ledger.tally import DAY_MS, EVIDENCE, EXPIRES, OVERDUE, REJECTED, CounterKey, Tallies, TallyKey

HOUR_MS: Final = 3_600_000
NOW_MS: Final = 1_790_000_000_000 // DAY_MS * DAY_MS + 9 * HOUR_MS
CONFIGURATION: Final = load(Path(__file__).parent.parent / "deploy")
UNREPORTING: Final = ("in", "pk", "bd", "ph")


def configured(*desks: Desk) -> Configuration:
    """These desks alone."""
    return Configuration(DeskTable(desks), CONFIGURATION.partners, CONFIGURATION.triage)


def with_unreporting() -> Configuration:
    """The desks of `deploy`, four of which do not report."""
    return configured(
        *(
            Desk(
                desk.id, desk.name, desk.owner, Reporting.NONE if desk.id in UNREPORTING else desk.reporting,
                targets=desk.targets, silent_after_seconds=desk.silent_after_seconds,
            )
            for desk in CONFIGURATION.desks.desks
        )
    )  # fmt: skip


class Counted:
    """Figures in the making; times are hours before NOW_MS."""

    def __init__(self) -> None:
        self.tallies: Tallies = Tallies()
        self.counters: dict[CounterKey, int] = {}
        self.heard: dict[str, int] = {}
        self.history: dict[MomentKey, int] = {}

    def add(self, kind: str, desk: str, lane: Lane, number: int, hours: float = 0) -> None:
        """Entries of a state that keeps its slots, or `overdue`."""
        slot = 0 if kind == OVERDUE else int(NOW_MS - hours * HOUR_MS) // HOUR_MS * HOUR_MS
        self.tallies[TallyKey(kind, desk, lane.value, slot)] += number

    def add_day(self, kind: str, desk: str, lane: Lane, number: int, days: float) -> None:
        """`evidence` captured so many days ago, or `expires` in so many."""
        ahead = 1 if kind == EXPIRES else -1
        self.tallies[TallyKey(kind, desk, lane.value, int(NOW_MS + ahead * days * DAY_MS) // DAY_MS * DAY_MS)] += number

    def happen(self, name: str, desk: str, number: int, lane: str = "", code: str = "") -> None:
        """A counter."""
        self.counters[CounterKey(name, desk, lane, code)] = number

    def turn_over(self, desk: str, lane: Lane, spans: Iterable[tuple[int, int, int]]) -> None:
        """Arrived, looked at and closed in the newest spans, the one that runs last."""
        for ago, numbers in enumerate(reversed([*spans])):
            start = NOW_MS // span_ms(HOUR_MS) * span_ms(HOUR_MS) - ago * span_ms(HOUR_MS)
            for what, number in zip((ARRIVED, LOOKED, CLOSED), numbers, strict=True):
                self.history[MomentKey(desk, lane.value, start, what)] = number

    def copy(self) -> Self:
        """Another, that changes by itself."""
        other = type(self)()
        other.tallies.update(self.tallies)
        other.counters.update(self.counters)
        other.heard.update(self.heard)
        other.history.update(self.history)
        return other

    def figures(self, *, active: bool = True, caught_up: bool = True) -> Figures:
        """What the ledger would have loaded."""
        figures = Figures()
        figures.load(sorted((*key, number) for key, number in self.tallies.items()), self.counters, self.heard)
        figures.spans.load(self.history, HOUR_MS, None)
        figures.active, figures.caught_up = active, caught_up
        figures.last_commit_ms = NOW_MS - 2_000
        return figures


def world() -> Counted:
    """Desks that are late, silent, empty, do not report, close without a look; of every size. Yours to change."""
    return _world().copy()


@cache
def world_figures() -> Figures:
    """Those of the world, for all who do not change them."""
    return world().figures()


@cache
def _world() -> Counted:
    counted = Counted()
    for place, desk in enumerate(CONFIGURATION.desks.desks):
        if place % 3 == 2 and desk.id not in ("nl", *UNREPORTING):
            counted.heard[desk.id] = NOW_MS - place * HOUR_MS
            continue
        _bulk(counted, desk.id, place)
        if place % 7:
            counted.heard[desk.id] = NOW_MS - (place % 40) * HOUR_MS
    counted.add(EntryState.WAITING, "nl", Lane.URGENT, 14, 9)
    counted.add(OVERDUE, "nl", Lane.URGENT, 14)
    counted.happen("closed", "nl", 4_120, code=Disposition.ADMINISTRATIVE)
    counted.happen("closed", "nl", 412, code=Disposition.WARNING_LETTER)
    counted.happen("closed", "nl", 61, code=Disposition.PROSECUTION)
    counted.happen("closed_unlooked", "nl", 3_900)
    counted.happen("forwarded", "nl", 240, Lane.ROUTINE)
    counted.happen("status", "nl", 9_311, code="applied")
    counted.happen("status", "nl", 3, code="contested")
    counted.tallies[TallyKey(REJECTED, "ncmec", "", 0)] = 37
    return counted


def _bulk(counted: Counted, desk: str, place: int) -> None:
    size = 1 + 40_000 // (1 + place)
    for lane, share, hours in ((Lane.ROUTINE, 1, 2_000), (Lane.PRIORITY, 12, 90), (Lane.URGENT, 90, 2)):
        for step in range(6):
            counted.add(EntryState.WAITING, desk, lane, size // share // (step + 1), hours * (step + 1) / 5)
        counted.add_day(EVIDENCE, desk, lane, size // share, 170)
        counted.add_day(EVIDENCE, desk, lane, size // share // 2, 12)
        counted.happen("opened", desk, size * 4 // share, lane)
        counted.happen("looked", desk, size // share, lane)
        counted.turn_over(desk, lane, [_turnover(size // share, span) for span in range(SPANS)])
    counted.add(OVERDUE, desk, Lane.ROUTINE, size // 6)
    counted.add(EntryState.SHELVED, desk, Lane.ROUTINE, size // 5, 1_000)
    counted.add(EntryState.IN_HAND, desk, Lane.PRIORITY, size // 50, 200)
    counted.add_day(EXPIRES, desk, Lane.ROUTINE, size // 8, 20)


def _turnover(size: int, span: int) -> tuple[int, int, int]:
    """More by day than by night, and in the middle of the month; little of it is looked at, and less closed."""
    arrived = size * (4 + span % 4 * 2 + 8 * (40 < span < 60)) // 400
    looked = arrived // 3 if span % 4 in (1, 2) else 0
    return arrived, looked, looked // 2
