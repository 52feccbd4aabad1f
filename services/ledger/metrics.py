"""The ledger's metrics (design/metrics.md), made from `Figures` when they are asked for: no entry is read."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from policy.configuration import Configuration
from policy.desks import Desk, Reporting
from schemas.codes import Disposition, EntryState, Lane
from services.ledger.figures import AGE_BOUNDS_S, NO_AGES, Ages, Figures
from services.ledger.inputs import Kind
from services.ledger.reroutes import REROUTES, RESULTS
from services.ledger.series import Series
from services.ledger.tally import (
    AGED,
    DAY_MS,
    EVIDENCE,
    EXPIRES,
    MAY_BE_TAKEN_BACK,
    OVERDUE,
    REJECTED,
    TAKEN_BACK,
    TIME_BOUNDS_S,
    CounterKey,
)
from services.ledger.values import FaultKind

EXPIRING_MS: Final = 30 * DAY_MS
STATUS_RESULTS: Final = ("applied", "repeated", "contested", *FaultKind)


class LedgerMetrics(Collector):
    """Collects from the figures, for the desks that this ledger holds. Every series exists from the first scrape."""

    def __init__(
        self,
        configuration: Configuration,
        desks: frozenset[str],
        figures: Figures,
        clock_ms: Callable[[], int],
        registry: CollectorRegistry,
    ) -> None:
        self._desks = [desk for desk in configuration.desks.desks if desk.id in desks]
        self._partners = [partner.id for partner in configuration.partners.partners]
        self._figures = figures
        self._clock_ms = clock_ms
        self._made: dict[tuple[str, ...], tuple[int, tuple[Metric, ...]]] = {}
        """Families by the counters they show, and the version these had."""
        self._series = Series()
        self._shown: dict[tuple[str, ...], tuple[list[int], list[Sample]]] = {}
        """Of each queue (and of each lane, of the evidence): the buckets that were shown last, and their samples."""
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering need not collect."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every family, at one moment."""
        with self._figures.lock:
            now_ms = self._clock_ms()
            families = [
                *self._backlog(now_ms),
                *self._aged(now_ms),
                *self._happened(),
                *self._rerouted(),
                *self._configured(),
                *self._of_the_ledger(),
            ]
        yield from families

    def _backlog(self, now_ms: int) -> Iterator[Metric]:
        counts = self._figures.counts
        for name, kind, meaning in (
            ("entries_waiting", EntryState.WAITING, "Entries that no human has looked at"),
            ("entries_shelved", EntryState.SHELVED, "Entries looked at and not taken up: still backlog"),
            ("entries_in_hand", EntryState.IN_HAND, "Entries taken up"),
            ("entries_overdue", OVERDUE, "Entries waiting past the desk's target"),
        ):
            yield self._by_queue_now(name, meaning, lambda desk, lane, kind=kind: counts[kind, desk.id, lane])  # type: ignore[misc]
        yield self._by_desk_now(
            "entries_unreported",
            "Entries at desks that do not report: unknown, not untouched",
            lambda desk: 0 if _reports(desk) else sum(counts[kind, desk.id, lane] for lane in Lane for kind in AGED),
        )
        rejected = GaugeMetricFamily(
            "referral_rejected_not_resent", "Reports rejected and not resent since", labels=["partner"]
        )
        for partner in self._partners:
            rejected.add_metric([partner], counts[REJECTED, partner, ""])
        yield rejected
        yield self._by_desk_now(
            "orphaned_events",
            "Entries that for a day only status events speak of",
            lambda desk: self._figures.orphaned(desk.id, now_ms),
        )

    def _aged(self, now_ms: int) -> Iterator[Metric]:
        figures = self._figures
        ages = GaugeHistogramMetricFamily(
            "referral_waiting_age_seconds", "Ages of those still waiting", labels=["desk", "lane"]
        )
        for desk, lane in self._queues(reporting=True):
            self._add_ages(ages, [desk.id, lane], [figures.ages(EntryState.WAITING, desk.id, lane, now_ms)], now_ms)
        yield ages
        yield self._by_queue_now(
            "oldest_waiting_timestamp_seconds",
            "When the entry that waits longest arrived; 0 where none waits",
            lambda desk, lane: figures.oldest.get((desk.id, lane), 0) / 1000,
        )
        yield self._by_queue_now(
            "entries_expiring",
            "Entries whose term ends within 30 days",
            lambda desk, lane: figures.through(EXPIRES, desk.id, lane, now_ms + EXPIRING_MS),
        )
        evidence = GaugeHistogramMetricFamily(
            "referral_evidence_age_seconds", "Ages of the oldest identifiers of those still waiting", labels=["lane"]
        )
        for lane in Lane:
            every = [
                NO_AGES,
                *(figures.ages(EVIDENCE, desk.id, lane, now_ms) for desk in self._desks if _reports(desk)),
            ]
            self._add_ages(evidence, [lane], every, now_ms)
        yield evidence
        yield self._by_queue_now(
            "evidence_expiring",
            "Entries waiting whose subscriber records end within 30 days, or have ended",
            lambda desk, lane: figures.through(
                EVIDENCE, desk.id, lane, now_ms + EXPIRING_MS - desk.evidence_seconds * 1000
            ),
        )

    def _happened(self) -> Iterator[Metric]:
        for name, meaning in (
            ("opened", "Entries that came to the desk"),
            ("looked", "Entries that a human looked at for the first time"),
            ("target_missed", "Entries whose target passed without a look"),
            ("forwarded", "Entries that the desk forwarded"),
            ("withdrawn", "Queue records that took an entry back"),
            ("expired", "Entries whose term ended before the desk did"),
            ("amended", "Queue records that amended an entry"),
            ("repeated", "Queue records that repeated one"),
        ):
            yield from self._kept((name,), partial(self._by_queue, name, meaning))
        yield from self._kept(("closed", "closed_unlooked", "status"), self._by_code)
        told = tuple(f"{name}{TAKEN_BACK}" for name in MAY_BE_TAKEN_BACK)
        yield from self._kept(told, self._taken_back)
        for name, meaning in (
            ("time_to_look", "From arrival to the first look"),
            ("time_to_close", "From arrival to closing"),
        ):
            times = HistogramMetricFamily(f"referral_{name}_seconds", meaning, labels=["lane"])
            for lane in Lane:
                bounds = [*map(str, TIME_BOUNDS_S), "+Inf"]
                numbers = accumulate(self._counted(name, "", lane, bound) for bound in bounds)
                buckets = list(zip(bounds, map(float, numbers), strict=True))
                times.add_metric([lane], buckets, self._counted(name, "", lane, "sum"))
            yield times

    def _kept(self, names: tuple[str, ...], make: Callable[[], Iterator[Metric]]) -> Sequence[Metric]:
        """Families of these counters; made anew where one of them changed: most stay as they are from look to look."""
        at = self._figures.changed_at(names)
        kept = self._made.get(names)
        if kept is None or kept[0] != at:
            kept = self._made[names] = at, tuple(make())
        return kept[1]

    def _by_queue(self, name: str, meaning: str) -> Iterator[Metric]:
        rows = (((desk.id, lane), self._counted(name, desk.id, lane)) for desk, lane in self._queues())
        yield self._series.counter(f"referral_{name}", meaning, ("desk", "lane"), rows)

    def _by_code(self) -> Iterator[Metric]:
        yield self._counter_by_code("closed", "Entries closed", "closed", "disposition", tuple(Disposition))
        yield self._series.counter(
            "referral_closed_unlooked",
            "Entries closed although nobody had looked",
            ("desk",),
            (((desk.id,), self._counted("closed_unlooked", desk.id)) for desk in self._desks),
        )
        yield self._counter_by_code(
            "status_events", "Status events, by what came of them", "status", "result", STATUS_RESULTS
        )

    def _taken_back(self) -> Iterator[Metric]:
        back = CounterMetricFamily(
            "referral_taken_back",
            "What was counted as looked, closed, closed_unlooked or forwarded, and did not happen, as a return showed "
            "that was read later: of such a counter, how much is too many",
            labels=["desk", "counter"],
        )
        for desk in self._desks:
            for name in MAY_BE_TAKEN_BACK:
                codes = Disposition if name == "closed" else ("",)
                number = sum(self._counted(f"{name}{TAKEN_BACK}", desk.id, "", code) for code in codes)
                back.add_metric([desk.id, name], number)
        yield back

    def _rerouted(self) -> Iterator[Metric]:
        yield self._counter_by_code(
            "reroutes", "Reroute commands of this ledger, by what came of them", REROUTES, "result", RESULTS
        )
        unanswered = self._figures.unanswered
        yield self._by_desk_now(
            "reroutes_unanswered",
            "Reroute commands that the router has not answered",
            lambda desk: unanswered.get(desk.id, (0, 0))[0],
        )
        yield self._by_desk_now(
            "reroutes_unanswered_since_timestamp_seconds",
            "When the first reroute command that is unanswered was made; 0 where none is",
            lambda desk: unanswered.get(desk.id, (0, 0))[1] / 1000,
        )

    def _configured(self) -> Iterator[Metric]:
        yield self._by_queue_now(
            "target_seconds",
            "By when somebody must have looked",
            lambda desk, lane: desk.targets[lane],
            reporting=False,
        )
        for name, meaning, value in (
            ("desk_reporting", "1 where the desk reports what it does", lambda desk: int(_reports(desk))),
            ("desk_silent_after_seconds", "After how long without a status event the desk is silent",
             lambda desk: desk.silent_after_seconds),
            ("desk_last_status_timestamp_seconds", "The broker's time of its last status event; 0: never",
             lambda desk: self._figures.heard.get(desk.id, 0) / 1000),
        ):  # fmt: skip
            yield self._by_desk_now(name, meaning, value)

    def _of_the_ledger(self) -> Iterator[Metric]:
        figures = self._figures
        yield self._by_queue_now(
            "conservation_residue",
            "Referrals in doubt: received by running numbers and receipts, less those that are accounted for",
            lambda desk, lane: figures.residue.get((desk.id, lane), 0),
            reporting=False,
        )
        for name, meaning, value in (
            ("active", "1 where it holds the lease and counts, 0 on a standby and before its first batch is stored",
             int(figures.active)),
            ("caught_up", "1 once it has read to the end of its topics", int(figures.caught_up)),
            ("lag_records", "Offsets between what was read and the ends of the topics", figures.lag_records),
            ("last_commit_timestamp_seconds", "When it last stored something", figures.last_commit_ms / 1000),
            ("unsent_since_timestamp_seconds",
             "When the oldest message was made that the broker has not acknowledged; 0 where there is none",
             figures.unsent_ms / 1000),
        ):  # fmt: skip
            yield GaugeMetricFamily(f"referral_ledger_{name}", meaning, value=value)
        unread = CounterMetricFamily(
            "referral_ledger_records_unread",
            "Records of queues, receipts, track events and notices that could not be read",
            labels=["kind"],
        )
        for kind in Kind:
            if kind is not Kind.STATUS:
                unread.add_metric([kind], self._counted("unread", "", "", kind))
        yield unread
        yield CounterMetricFamily(
            "referral_ledger_sessions_failed",
            "How often it failed, and began anew from what is stored",
            value=figures.sessions_failed,
        )

    def _counter_by_code(self, name: str, meaning: str, counter: str, label: str, codes: Sequence[str]) -> Metric:
        """A counter of each desk, split by a closed list of codes."""
        rows = (((desk.id, code), self._counted(counter, desk.id, "", code)) for desk in self._desks for code in codes)
        return self._series.counter(f"referral_{name}", meaning, ("desk", label), rows)

    def _by_desk_now(self, name: str, meaning: str, value: Callable[[Desk], float]) -> Metric:
        rows = (((desk.id,), value(desk)) for desk in self._desks)
        return self._series.gauge(f"referral_{name}", meaning, ("desk",), rows)

    def _by_queue_now(
        self, name: str, meaning: str, value: Callable[[Desk, Lane], float], *, reporting: bool = True
    ) -> Metric:
        """Of every queue; or, `reporting`, of those of desks that say what they do."""
        rows = (((desk.id, lane), value(desk, lane)) for desk, lane in self._queues(reporting))
        return self._series.gauge(f"referral_{name}", meaning, ("desk", "lane"), rows)

    def _add_ages(
        self, family: GaugeHistogramMetricFamily, labels: Sequence[str], ages: Sequence[Ages], now_ms: int
    ) -> None:
        """In most queues time alone goes on: then all samples but the last, the sum, are those shown before."""
        buckets = ages[0].buckets if len(ages) == 1 else [sum(n) for n in zip(*(a.buckets for a in ages), strict=True)]
        total_s = sum(found.total_s(now_ms) for found in ages)
        kept = self._shown.get(tuple(labels))
        if kept is None or kept[0] != buckets:
            first = len(family.samples)
            family.add_metric(labels, list(zip(_BOUNDS, map(float, accumulate(buckets)), strict=True)), total_s)
            self._shown[tuple(labels)] = list(buckets), family.samples[first:]
        else:
            *same, total = kept[1]
            family.samples += [*same, total._replace(value=total_s)]

    def _counted(self, name: str, desk: str, lane: str = "", code: str = "") -> int:
        return self._figures.counters[CounterKey(name, desk, lane, code)]

    def _queues(self, reporting: bool = False) -> Iterator[tuple[Desk, Lane]]:
        """Every queue; or those of desks that say what they do: of others nothing is known."""
        return ((desk, lane) for desk in self._desks for lane in Lane if not reporting or _reports(desk))


def _reports(desk: Desk) -> bool:
    return desk.reporting is Reporting.STATUS


_BOUNDS: Final = (*map(str, map(float, AGE_BOUNDS_S)), "+Inf")
