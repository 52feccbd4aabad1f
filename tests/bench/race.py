"""Who routes the same records in which time: from the moment they can be read to the last committed offset."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.topics import GROUP
from services.runtime.exits import CannotRun
from services.runtime.settings import KafkaSettings
from tests.bench import rows
from tests.bench.feed import Fed, feed, records
from tests.bench.processes import START_S, PeerProcess, RouterProcess, Worker, wait_until
from tests.bench.rows import Row
from tests.bench.stage import Stage, stage

LAP_S: Final = 600.0
_LOOK_S: Final = 0.02
WARM_UP: Final = 10
"""One tenth of the records is routed first and not counted."""


@dataclass(frozen=True, slots=True)
class Contender:
    """Who races, and on what course. `peer` is a module of `tests.bench`; None is the router itself."""

    row: str
    what: str
    peer: str | None = None
    processes: int = 1
    partitions: int = 4
    few_desks: bool = False

    def group(self, own: Stage) -> str:
        """The consumer group whose committed offsets tell how far it is."""
        return GROUP if self.peer is None else f"bench-{self.peer}-{own.partner.id}"

    def start(self, own: Stage, output: Path) -> Worker:
        """One of its processes."""
        return RouterProcess(own, output) if self.peer is None else PeerProcess(self.peer, own, output)


CONTENDERS: Final = {
    contender.row: contender
    for contender in (
        Contender(rows.ROUTER_1, "one router process"),
        Contender(rows.ROUTER_2, "two router processes", processes=2),
        Contender(rows.CONFLUENT_LOOP, "a plain confluent-kafka loop", peer="confluent_loop"),
        Contender(rows.BYTE_COPY, "an aiokafka transactional byte copy", peer="byte_copy"),
        Contender(rows.FEW_QUEUES, "one router process", few_desks=True),
        Contender(rows.MANY_PARTITIONS, "one router process", partitions=16),
    )
}


@dataclass(frozen=True, slots=True)
class Lap:
    """One contender's way through the records once."""

    rate: float
    """Records a second."""
    cpu_us: float
    """Its own processor time a record, all processes together, in microseconds."""
    first_commit_s: float
    written: int
    """Records in queues (of the byte copy: in its one topic)."""
    shape: str


@dataclass(slots=True)
class Race:
    """Laps by row, taken in turn: forwards in one round, backwards in the next."""

    kafka: KafkaSettings
    deploy: Path
    directory: Path
    count: int
    rounds: int
    start_ms: int
    tell: Callable[[str], None]
    laps: dict[str, list[Lap]] = field(default_factory=dict)
    _partners: int = 0

    def run(self, names: Sequence[str]) -> None:
        """Race all of them. The first lap of all is run twice: the broker has just started and is slow at first."""
        if names:
            self._lap(CONTENDERS[names[0]])
        for number in range(self.rounds):
            for name in names if number % 2 == 0 else reversed(names):
                lap = self._lap(CONTENDERS[name])
                self.laps.setdefault(name, []).append(lap)
                self.tell(f"round {number + 1} {name}: {lap.rate:,.0f} records/s, {lap.cpu_us:.1f} µs CPU a record")

    def rows(self) -> Iterator[Row]:
        """The medians, and the ratios of what ran in the same round."""
        for name, laps in self.laps.items():
            yield Row(name, median(lap.rate for lap in laps), "records/s", self._describe(CONTENDERS[name], laps))
        for name, divisor, bar in rows.RATIOS:
            if name in self.laps and divisor in self.laps:
                pairs = zip(self.laps[name], self.laps[divisor], strict=True)
                found = sorted(one.rate / other.rate for one, other in pairs)
                of = f"median of {len(found)} rounds ({found[0]:.2f} to {found[-1]:.2f}); bar: {bar}"
                yield Row(rows.ratio_name(name, divisor), median(found), "ratio", of)

    def disagreements(self) -> list[str]:
        """Contenders that do the same work on the same records must have written as many; those that did not."""
        same = [name for name in self.laps if not CONTENDERS[name].few_desks and name != rows.BYTE_COPY]
        counts = {name: {lap.written for lap in self.laps[name]} for name in same}
        if len(set().union(*counts.values())) <= 1:
            return []
        return [f"{name} wrote {sorted(count)} records to queues" for name, count in counts.items()]

    def _describe(self, contender: Contender, laps: Sequence[Lap]) -> str:
        rates = sorted(lap.rate for lap in laps)
        return (
            f"{contender.what}; {self.count:,} simulated envelopes of 2023's mix, {laps[0].shape}; "
            f"median of {len(laps)} rounds ({rates[0]:,.0f} to {rates[-1]:,.0f}), "
            f"{median(lap.cpu_us for lap in laps):.1f} µs of its CPU a record"
        )

    def _lap(self, contender: Contender) -> Lap:
        """Its processes first route records that are not counted: every client meets 400 topics once."""
        self._partners += 1
        partner = f"bench-{self._partners:03d}"
        with (
            stage(self.kafka, self.deploy, partner, contender.partitions, few_desks=contender.few_desks) as own,
            ExitStack() as ends,
        ):
            workers = []
            for number in range(contender.processes):
                workers.append(contender.start(own, self.directory / f"{partner}-{contender.row}-{number}.log"))
                ends.callback(workers[-1].end)
            admin, group = own.admin(), contender.group(own)
            wait_for_start(workers)
            if contender.processes > 1:
                _wait_for_shares(admin, group, own, workers)
            stream = records(own.partner, self.start_ms)
            watch(admin, group, own, feed(own, stream, self.count // WARM_UP), workers)
            fed = feed(own, stream, self.count)
            before = sum(worker.cpu_s for worker in workers)
            first_s, last_s = watch(admin, group, own, fed, workers)
            used = sum(worker.cpu_s for worker in workers) - before
            written = sum(worker.written() for worker in workers)
            return Lap(self.count / last_s, used / self.count * 1e6, first_s, written, own.shape)


def wait_for_start(workers: Sequence[Worker]) -> None:
    """Return when every worker is ready."""
    wait_until(lambda: all(worker.ready for worker in workers), "every contender ready", START_S, *workers)


def _wait_for_shares(admin: AdminClient, group: str, own: Stage, workers: Sequence[Worker]) -> None:
    """Return when each process has its equal share of the ingress partitions, and is ready with it."""
    share = own.partner.ingress_partitions // len(workers)

    def shared() -> bool:
        members = admin.describe_consumer_groups([group])[group].result().members
        shares = [sum(place.topic == own.ingress for place in member.assignment.topic_partitions) for member in members]
        return shares == [share] * len(workers) and all(worker.ready for worker in workers)

    wait_until(shared, f"{share} ingress partitions a process", START_S, *workers)


def watch(admin: AdminClient, group: str, own: Stage, fed: Fed, workers: Sequence[Worker]) -> tuple[float, float]:
    """Seconds from the feed's commit to the group's first and last committed offset in the ingress topic."""
    places = [TopicPartition(own.ingress, number) for number in fed.ends]
    asked = [ConsumerGroupTopicPartitions(group, places)]
    start: dict[int, int] | None = None
    first_s: float | None = None
    while True:
        found = admin.list_consumer_group_offsets(asked)[group].result().topic_partitions
        now_s = time.monotonic() - fed.at_s
        reached = {place.partition: place.offset for place in found}
        start = start or reached
        if first_s is None and (reached != start or max(reached.values()) > min(fed.ends.values())):
            first_s = now_s
        if all(reached[number] >= end for number, end in fed.ends.items()):
            return first_s or now_s, now_s
        for worker in workers:
            worker.require_alive()
        if now_s > LAP_S:
            raise CannotRun(f"{sum(fed.ends.values()):,} records were not routed within {LAP_S:.0f} s")
        time.sleep(_LOOK_S)
