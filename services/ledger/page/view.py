"""What is true of each desk and of all of them, at one moment. Pure: the figures are read under their lock, once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from policy.configuration import Configuration
from policy.desks import Desk, Reporting
from schemas.codes import Disposition, EntryState, Lane
from services.ledger.figures import Figures
from services.ledger.history import KNOWN_SPANS, Span
from services.ledger.metrics import EXPIRING_MS, STATUS_RESULTS
from services.ledger.page.ages import Band, bands, count_bands
from services.ledger.spans import Spans
from services.ledger.tally import EVIDENCE, EXPIRES, OVERDUE, REJECTED, TAKEN_BACK, CounterKey


class Sign(StrEnum):
    """What must be said of a desk; the gravest comes first."""

    URGENT_OVERDUE = "urgent_overdue"
    OVERDUE = "overdue"
    SILENT = "silent"
    UNREPORTED = "unreported"
    IN_DOUBT = "in_doubt"
    WAITING = "waiting"
    SHELVED = "shelved"
    NOTHING_WAITS = "nothing_waits"
    NOT_COUNTED = "not_counted"


@dataclass(frozen=True, slots=True)
class Drain:
    """How long until nothing waits. Not `known`: too little history, or the count is not up to date.

    Known without `seconds`: never at this pace.
    """

    known: bool
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class LaneView:
    """One queue. `bands`, `evidence`: entries waiting by age, and by age of their oldest identifier.

    `arrived_lately` and the like: in the time of the history.
    """

    lane: Lane
    target_seconds: int
    waiting: int
    overdue: int
    shelved: int
    in_hand: int
    oldest_ms: int | None
    bands: tuple[int, ...]
    evidence: tuple[int, ...]
    evidence_expiring: int
    expiring: int
    residue: int
    arrived: int
    looked: int
    withdrawn: int
    expired: int
    missed: int
    arrived_lately: int
    looked_lately: int
    closed_lately: int
    drain: Drain

    @property
    def unended(self) -> int:
        """Not ended, as far as the ledger was told: all that is unknown where the desk does not report."""
        return self.waiting + self.shelved + self.in_hand


@dataclass(frozen=True, slots=True)
class DeskView:
    """One desk. Where it does not report, `waiting` is what it holds, of which nothing is known.

    `closed`, `closed_unlooked`, `forwarded`: less what was taken back, which is told of no lane.
    """

    desk: Desk
    signs: tuple[Sign, ...]
    lanes: tuple[LaneView, ...]
    heard_ms: int | None
    closed: Mapping[Disposition, int]
    closed_unlooked: int
    forwarded: int
    orphaned: int
    status: Mapping[str, int]
    history: Sequence[Span]
    drain: Drain

    @property
    def reports(self) -> bool:
        """Whether anything is known of what it does."""
        return self.desk.reporting is Reporting.STATUS

    @property
    def silent(self) -> bool:
        """Whether it should have said something by now."""
        return Sign.SILENT in self.signs

    @property
    def oldest_ms(self) -> int | None:
        """Arrival of what waits longest, in any lane."""
        return min((lane.oldest_ms for lane in self.lanes if lane.oldest_ms is not None), default=None)

    @property
    def left(self) -> int:
        """All that left its hands."""
        return sum(self.closed.values()) + self.forwarded + self.sum("withdrawn") + self.sum("expired")

    @property
    def moved(self) -> int:
        """Of those, what was passed on or closed without a look."""
        return self.closed_unlooked + self.forwarded

    def sum(self, field: str) -> int:
        """Of all lanes; `field` is one of LaneView's."""
        return sum(getattr(lane, field) for lane in self.lanes)

    def of(self, lane: Lane) -> LaneView:
        """One lane."""
        return next(view for view in self.lanes if view.lane == lane)


@dataclass(frozen=True, slots=True)
class World:
    """All desks of this ledger: those that report in order of trouble, the others by what they hold."""

    now_ms: int
    active: bool
    caught_up: bool
    lag_records: int
    last_commit_ms: int | None
    bands: tuple[Band, ...]
    reporting: tuple[DeskView, ...]
    unreporting: tuple[DeskView, ...]
    rejected: Mapping[str, int]
    history: Sequence[Span]

    @property
    def current(self) -> bool:
        """Whether the numbers are those of now."""
        return self.active and self.caught_up

    @property
    def desks(self) -> tuple[DeskView, ...]:
        """Every one."""
        return (*self.reporting, *self.unreporting)

    @property
    def since_ms(self) -> int | None:
        """From when on history is known, Unix ms."""
        return self.history[0].start_ms if self.history else None

    @property
    def residue(self) -> int:
        """In doubt, at desks that report and at others."""
        return sum(desk.sum("residue") for desk in self.desks)

    @property
    def unreported(self) -> int:
        """Held by desks that do not report."""
        return sum(desk.sum("unended") for desk in self.unreporting)

    @property
    def silent(self) -> tuple[DeskView, ...]:
        """Desks that should have said something."""
        return tuple(desk for desk in self.reporting if desk.silent)

    @property
    def oldest_ms(self) -> int | None:
        """Arrival of what waits longest, at a desk that reports."""
        return min((desk.oldest_ms for desk in self.reporting if desk.oldest_ms is not None), default=None)

    def sum(self, field: str, lane: Lane | None = None) -> int:
        """Of all desks that report; `field` is one of LaneView's."""
        return sum(desk.sum(field) if lane is None else getattr(desk.of(lane), field) for desk in self.reporting)

    def in_bands(self, lane: Lane) -> tuple[int, ...]:
        """Waiting in a lane by age, at desks that report."""
        return add_up((desk.of(lane).bands for desk in self.reporting), len(self.bands))

    def find(self, desk: str) -> DeskView | None:
        """None where this ledger does not hold it."""
        return next((view for view in self.desks if view.desk.id == desk), None)


def look(figures: Figures, configuration: Configuration, held: frozenset[str], now_ms: int) -> World:
    """The world as the figures have it; `held` names the desks of this ledger."""
    desks = [desk for desk in configuration.desks.desks if desk.id in held]
    cut = bands([desk.targets[Lane.ROUTINE] for desk in desks])
    with figures.lock:
        starts = figures.spans.starts(now_ms)
        views = [_desk(figures, desk, cut, starts, now_ms) for desk in desks]
        return World(
            now_ms,
            figures.active,
            figures.caught_up,
            figures.lag_records,
            figures.last_commit_ms or None,
            cut,
            tuple(sorted((view for view in views if view.reports), key=trouble)),
            tuple(sorted((view for view in views if not view.reports), key=lambda view: -view.sum("unended"))),
            {partner.id: figures.counts[REJECTED, partner.id, ""] for partner in configuration.partners.partners},
            figures.history([view.desk.id for view in views if view.reports], starts),
        )


def trouble(view: DeskView) -> tuple[int, int, bool, float, str]:
    """The order of desks: urgent ones past their target, others past it, silence, age."""
    oldest = float("inf") if view.oldest_ms is None else float(view.oldest_ms)
    return -view.of(Lane.URGENT).overdue, -view.sum("overdue"), not view.silent, oldest, view.desk.id


def drain(waiting: int, gained: int, since_ms: int | None, now_ms: int) -> Drain:
    """At the pace of the history: `gained` is what was looked at more than arrived, since then.

    `since_ms` is None where there is too little to tell from. Nothing waiting takes no time.
    """
    if since_ms is None:
        return Drain(False)
    if not waiting:
        return Drain(True, 0.0)
    if gained <= 0:
        return Drain(True, None)
    return Drain(True, waiting / gained * (now_ms - since_ms) / 1000)


def _told_since(figures: Figures, starts: range) -> int | None:
    """Since when all is known, where that is long enough to tell a pace from, and the ledger is up to date."""
    return starts[0] if _is_current(figures) and len(starts) > KNOWN_SPANS else None


def _is_current(figures: Figures) -> bool:
    return figures.active and figures.caught_up


def add_up(rows: Iterable[tuple[int, ...]], length: int) -> tuple[int, ...]:
    """Column by column."""
    columns = list(zip(*rows, strict=True))
    return tuple(map(sum, columns)) if columns else (0,) * length


def _desk(figures: Figures, desk: Desk, cut: tuple[Band, ...], starts: range, now_ms: int) -> DeskView:
    lanes = tuple(_lane(figures, desk, lane, cut, starts, now_ms) for lane in Lane)
    heard_ms = figures.heard.get(desk.id) or None
    history = figures.history((desk.id,), starts)

    def left(name: str, code: str = "") -> int:
        keys = (CounterKey(name, desk.id, where, code) for where in ("", *Lane))
        back = CounterKey(f"{name}{TAKEN_BACK}", desk.id, "", code)
        return sum(figures.counters[key] for key in keys) - figures.counters[back]

    return DeskView(
        desk,
        tuple(_signs(desk, lanes, heard_ms, _is_current(figures), now_ms)),
        lanes,
        heard_ms,
        {code: left("closed", code) for code in Disposition},
        left("closed_unlooked"),
        left("forwarded"),
        figures.orphaned(desk.id, now_ms),
        {result: figures.counters[CounterKey("status", desk.id, "", result)] for result in STATUS_RESULTS},
        history,
        drain(
            sum(lane.waiting for lane in lanes),
            sum(lane.looked_lately - lane.arrived_lately for lane in lanes),
            _told_since(figures, starts),
            now_ms,
        ),
    )


def _lane(figures: Figures, desk: Desk, lane: Lane, cut: tuple[Band, ...], starts: range, now_ms: int) -> LaneView:
    def count(kind: str) -> int:
        return figures.counts[kind, desk.id, lane]

    def happened(name: str) -> int:
        return figures.counters[CounterKey(name, desk.id, lane, "")]

    arrived, looked, closed = figures.spans.sums(desk.id, lane, starts)
    slots = figures.slots.get((EntryState.WAITING, desk.id, lane)) or Spans()
    captured = figures.slots.get((EVIDENCE, desk.id, lane)) or Spans()
    ends = figures.slots.get((EXPIRES, desk.id, lane)) or Spans()
    dying_ms = now_ms - max(0, desk.evidence_seconds * 1000 - EXPIRING_MS)
    return LaneView(
        lane,
        desk.targets[lane],
        count(EntryState.WAITING),
        count(OVERDUE),
        count(EntryState.SHELVED),
        count(EntryState.IN_HAND),
        _oldest(slots, figures.oldest.get((desk.id, lane))),
        count_bands(slots, cut, now_ms),
        count_bands(captured, cut, now_ms),
        captured.through(dying_ms),
        ends.through(now_ms + EXPIRING_MS),
        figures.residue.get((desk.id, lane), 0),
        happened("opened"),
        happened("looked"),
        happened("withdrawn"),
        happened("expired"),
        happened("target_missed"),
        arrived,
        looked,
        closed,
        drain(count(EntryState.WAITING), looked - arrived, _told_since(figures, starts), now_ms),
    )


def _oldest(slots: Spans, exact_ms: int | None) -> int | None:
    """The exact time is looked up now and then; what was looked at since no longer waits, and its span is gone."""
    if not slots:
        return None
    return max(next(iter(slots)), exact_ms or 0)


def _signs(desk: Desk, lanes: Sequence[LaneView], heard_ms: int | None, current: bool, now_ms: int) -> Iterable[Sign]:
    """At least one. Nothing waits only where that is known: the desk reports, and the ledger is up to date."""
    if desk.reporting is not Reporting.STATUS:
        yield Sign.UNREPORTED
    else:
        if any(lane.overdue for lane in lanes if lane.lane == Lane.URGENT):
            yield Sign.URGENT_OVERDUE
        elif any(lane.overdue for lane in lanes):
            yield Sign.OVERDUE
        if _is_silent(desk, lanes, heard_ms, now_ms):
            yield Sign.SILENT
    if any(lane.residue for lane in lanes):
        yield Sign.IN_DOUBT
    if not current:
        yield Sign.NOT_COUNTED
    elif desk.reporting is Reporting.STATUS and not any(lane.overdue or lane.residue for lane in lanes):
        if any(lane.waiting for lane in lanes):
            yield Sign.WAITING
        elif any(lane.shelved for lane in lanes):
            yield Sign.SHELVED
        else:
            yield Sign.NOTHING_WAITS


def _is_silent(desk: Desk, lanes: Sequence[LaneView], heard_ms: int | None, now_ms: int) -> bool:
    """As the alert DeskSilent has it: it had something to speak of for so long, and in all that time did not."""
    oldest_ms = min((lane.oldest_ms for lane in lanes if lane.oldest_ms is not None), default=None)
    return oldest_ms is not None and now_ms - max(heard_ms or 0, oldest_ms) > desk.silent_after_seconds * 1000
