"""Many notices for many desks, two of them dead: deliveries a second, memory, and whether none is left out."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from policy.configuration import load as load_configuration
from services.runtime.broker import Cluster
from services.runtime.exits import CannotRun
from services.runtime.settings import KafkaSettings
from tests.bench.notifier.process import NotifierProcess
from tests.bench.notifier.rows import COVERED, P99, P99_DEAD, PACED, RATE, RSS, VOLUME, barred
from tests.bench.rows import Row, ratio_name
from tests.bench.stage import Stage
from tests.notices import desks, load
from tests.notices.account import Fault, Request, judge, told
from tests.notices.load import Course
from tests.notices.processes import Sink, provision_notices, publish, sink, wait_until

FAIL: Final = 0.1
SEED: Final = 20261118
NOTICES_A_GROUP: Final = 5
PACED_A_SECOND: Final = 200
"""What two cores carry that broker and sink share: a queue that grows would say how long the lap was."""
PACED_GROUPS: Final = 6_000
PACED_WARM_S: Final = 5.0
"""Of each lap, not counted: everything makes its first connections."""
PACED_PATIENCE_S: Final = 60.0
"""After the last notice of a lap, until every group of a healthy desk had its first try."""
TOLD_S: Final = 600.0
"""Patience, until every group is told."""
RATED: Final = 0.9
"""The rate is taken until so many of the groups have been told once: afterwards the load has run out."""
FIRST: Final = 4
"""A quarter of the load comes first; memory is looked at after it."""
Tell = Callable[[str], None]


@dataclass(slots=True)
class World:
    """A notifier, its desks, and the sink that is most desks' end."""

    notifier: NotifierProcess
    stage: Stage
    sink: Sink
    spent: list[tuple[float, float]] = field(default_factory=list)
    """`time.time`, and the seconds of processor time that the notifier had used by then."""

    def send(self, found: Sequence[Course], a_second: float | None = None) -> float:
        """Publish their notices, evenly where a rate is given; `time.time` of the first."""
        made = load.mixed(found, SEED)
        start_s = time.time()

        def pace(place: int) -> None:
            if a_second is not None and (ahead_s := start_s + place / a_second - time.time()) > 0:
                time.sleep(ahead_s)

        publish(self.stage.kafka, made, pace)
        return start_s

    def cpu_s(self, from_s: float, until_s: float) -> float:
        """Processor time between two moments, by the samples next to them."""
        within = [cpu_s for at_s, cpu_s in self.spent if from_s - 1 <= at_s <= until_s + 1]
        return within[-1] - within[0]

    def wait_for(self, share: float, reached: Callable[[], float], patience_s: float = TOLD_S) -> None:
        """Until `reached` is at least `share`. CannotRun where that does not come, or where the notifier ends."""

        def done() -> bool:
            self.notifier.require_alive()
            self.spent.append((time.time(), self.notifier.cpu_s))
            return reached() >= share

        if not wait_until(done, patience_s, 0.5):
            raise CannotRun(f"{reached():.4f} of the groups were told within {patience_s:.0f} s; bar: {share}")


@contextmanager
def world(deploy: Path, logs: Path, name: str, dead: bool) -> Iterator[World]:
    """Everything running and ready; a broker of its own."""
    with ExitStack() as ends:
        directory = Path(ends.enter_context(TemporaryDirectory(prefix="bench-notices-")))
        cluster = ends.enter_context(Cluster())
        kafka = KafkaSettings(bootstrap_servers=cluster.bootstrap)
        made, url = ends.enter_context(sink(directory, FAIL, SEED))
        nowhere = ends.enter_context(desks.dead_ends()) if dead else {}
        desks.write(directory, deploy, load.DESKS, url, nowhere)
        provision_notices(kafka, directory)
        configuration = load_configuration(directory)
        own = Stage(kafka, directory, configuration, next(iter(configuration.partners.by_id.values())))
        notifier = NotifierProcess(own, f"sqlite:///{directory}/notifier.db", logs / f"{name}.log")
        ends.callback(notifier.end)
        notifier.wait_for_start()
        yield World(notifier, own, made)


def measure(deploy: Path, logs: Path, notices: int, rounds: int, only: frozenset[str], tell: Tell) -> Iterator[Row]:
    """The rows of VOLUME from one load; those of PACED from a lap without and one with dead endpoints, in turns."""
    if set(VOLUME) & only:
        tell(f"{notices:,} notices")
        yield from _volume(deploy, logs, notices, tell)
    if set(PACED) & only:
        yield from _paced(deploy, logs, min(PACED_GROUPS, notices // NOTICES_A_GROUP), rounds, tell)


def _volume(deploy: Path, logs: Path, notices: int, tell: Tell) -> Iterator[Row]:
    groups = notices // NOTICES_A_GROUP
    part = groups // FIRST
    began_ms = int(time.time() * 1000)
    with world(deploy, logs, "notices", dead=True) as own:
        first = load.courses(part, load.DESKS, load.COURSES, began_ms, SEED)
        rest = load.courses(groups - part, load.DESKS, load.COURSES, began_ms, SEED + 1, start=part)
        own.send(first)
        own.wait_for(1.0, lambda: told(desks.living(first), own.sink.look()))
        quarter_mib = own.notifier.rss_mib
        tell(f"a quarter told after {time.time() - began_ms / 1000:.0f} s")
        own.spent.append((time.time(), own.notifier.cpu_s))
        start_s = own.send(rest)
        own.wait_for(1.0, lambda: told(desks.living(rest), own.sink.look()))
        whole = [*first, *rest]
        log = own.sink.look()
        faults = judge(desks.living(whole), log)
        whole_mib = own.notifier.rss_mib
        pending = own.notifier.pending()
        tell(f"all told after {time.time() - began_ms / 1000:.0f} s")
    shape = f"{notices:,} notices in {groups:,} groups for {load.DESKS} desks, 2 of them dead, 10 % of requests failing"
    number, took_s = delivered(rest, log, start_s)
    cpu_ms = own.cpu_s(start_s, start_s + took_s) / number * 1000
    of = (
        f"{shape}; {number:,} within {took_s:.1f} s of the first notice of three quarters, 9 of 10 groups then told; "
        f"{cpu_ms:.2f} ms of its CPU each, with reading the notices; SQLite"
    )
    yield Row(RATE, number / took_s, "deliveries/s", barred(RATE, of))
    of = f"resident when all were told; {quarter_mib:.0f} when a quarter was"
    yield Row(RSS, whole_mib, "MiB", barred(RSS, of))
    yield Row(COVERED, 1 - len(faults) / groups, "ratio", barred(COVERED, _covered(whole, log, faults, pending)))


def _covered(whole: Sequence[Course], log: Sequence[Request], faults: Sequence[Fault], pending: dict[str, int]) -> str:
    """CannotRun where the metrics do not show what waits for the dead, or the living are not through."""
    shown = []
    for desk in desks.DEAD:
        least = sum(course.stays_open for course in whole if course.desk == desk)
        most = sum(1 for course in whole if course.desk == desk)
        if not least <= pending.get(desk, 0) <= most:
            raise CannotRun(f"{desk}: {pending.get(desk, 0)} shown as pending, expected {least} to {most}")
        shown.append(f"{pending[desk]} of {most}")
    taken = sum(request.taken for request in log)
    live = sum(1 for _ in desks.living(whole))
    return (
        f"of {live:,} groups with a live endpoint, by the sink's log: {len(log):,} requests, {taken:,} taken; faults: "
        f"{len(faults)}; pending for the two dead, as metrics show: {', '.join(shown)} groups"
    )


def delivered(found: Sequence[Course], log: Sequence[Request], start_s: float) -> tuple[int, float]:
    """How many deliveries until 9 of 10 groups were told, and within how many seconds."""
    groups = {course.group: course.stays_open for course in desks.living(found)}
    goal = RATED * sum(groups.values())
    heard: set[str] = set()
    deliveries = 0
    for request in log:
        if request.group in groups and request.taken:
            deliveries += 1
            if groups[request.group]:
                heard.add(request.group)
            if len(heard) >= goal:
                return deliveries, request.at_ms / 1000 - start_s
    raise CannotRun("nothing was told")


def _paced(deploy: Path, logs: Path, groups: int, rounds: int, tell: Tell) -> Iterator[Row]:
    found: dict[bool, list[float]] = {False: [], True: []}
    for number in range(rounds):
        for dead in (False, True) if number % 2 == 0 else (True, False):
            took_ms = _paced_lap(deploy, logs, groups, dead)
            found[dead].append(took_ms[int(len(took_ms) * 0.99)])
            tell(
                f"paced, {'two dead' if dead else 'none dead'}: p50 {took_ms[len(took_ms) // 2]:.0f} ms, "
                f"p99 {found[dead][-1]:.0f} ms, worst {took_ms[-1]:.0f} ms"
            )
    of = (
        f"{groups:,} groups at {PACED_A_SECOND}/s, 10 % of requests failing: from when a notice is due to be sent "
        f"to the first request for it at a healthy desk, but for the first {PACED_WARM_S:.0f} s; median of {rounds} "
        "rounds"
    )
    yield Row(P99, median(found[False]), "ms", f"{of}, no endpoint dead")
    yield Row(P99_DEAD, median(found[True]), "ms", f"{of}, 2 of {load.DESKS} dead")
    ratios = [dead / live for live, dead in zip(found[False], found[True], strict=True)]
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    yield Row(ratio_name(P99_DEAD, P99), median(ratios), "ratio", f"within a round ({spread}); bar: at most 1.2")


def _paced_lap(deploy: Path, logs: Path, groups: int, dead: bool) -> list[float]:
    """Milliseconds to each group's first try at a healthy desk, in order of size.

    A try that fails counts: chance failed it, not the notifier.
    """
    with world(deploy, logs, f"notices-paced-{'dead' if dead else 'live'}", dead) as own:
        some = load.courses(groups, load.DESKS, ("C",), int(time.time() * 1000), SEED)
        healthy = {course.group for course in desks.living(some)}
        start_s = own.send(some, PACED_A_SECOND)
        own.wait_for(
            1.0, lambda: len(healthy & {each.group for each in own.sink.look()}) / len(healthy), PACED_PATIENCE_S
        )
        log = own.sink.look()
    warm = min(PACED_WARM_S * PACED_A_SECOND, groups / 2)
    first: dict[str, int] = {}
    for request in log:
        first.setdefault(request.group, request.at_ms)
    return sorted(
        first[notice.group] - (start_s + place / PACED_A_SECOND) * 1000
        for place, notice in enumerate(load.mixed(some, SEED))
        if notice.group in healthy and place >= warm
    )
