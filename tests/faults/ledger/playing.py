"""One campaign on one database: processes, flow, faults, the end, the verdict, and one record dropped on purpose."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from json import dumps
from pathlib import Path
from random import Random
from typing import Final

from confluent_kafka import Consumer, Producer, TopicPartition

from policy.topics import topic_plan
from schemas import topics
from tests import postgresql
from tests.faults import deployment, stage
from tests.faults.ledger import harvest
from tests.faults.ledger.processes import PROGRAM, LedgerProcess, held, unsent, wait_until
from tests.faults.ledger.publisher import Flow
from tests.faults.ledger.reckoning import reckon
from tests.faults.ledger.schedule import KILLS, Act, Step, steps
from tests.faults.ledger.verdict import Difference, judge
from tests.faults.ledger.workload import flow
from tests.faults.readers import client
from tests.faults.routers import PROGRAM as ROUTER
from tests.processes import reader_of

READY_S: Final = 60.0
TAKEN_OVER_S: Final = 30.0
SETTLED_S: Final = 240.0
QUIET_S: Final = 8.0
"""So long nothing may come to any topic, the ledger read to every end, before it is judged."""
DROPPED_S: Final = 60.0
SQLITE_PAUSE_S: Final = 7.0
READER_PAUSE_S: Final = 3.0
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """One campaign."""

    database: str
    originals: int
    kills: int
    lasts_s: float
    seed: int
    program: Sequence[str] = PROGRAM
    steps: Sequence[Step] | None = None
    """What is done; None: as the schedule says."""
    quiet_s: float = QUIET_S


@dataclass(slots=True)
class Result:
    """What came of it. `wrong` is what no table shows; times in seconds."""

    database: str
    done: Counter[str] = field(default_factory=Counter)
    flowing: int = 0
    """Kills that were done while records were still being sent."""
    sent: int = 0
    queue_records: int = 0
    status_events: int = 0
    entries: int = 0
    takeovers_s: list[float] = field(default_factory=list)
    fenced: int = 0
    differences: list[Difference] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    dropped_s: float | None = None
    took_s: float = 0.0

    @property
    def clean(self) -> bool:
        """Nothing lost, doubled, or shown as it is not."""
        return not self.differences and not self.wrong


def prove(plan: Plan, directory: Path, tell: Tell) -> Result:
    """Set up, play, judge. Leaves no process. Raises CannotRun, or TimeoutError where nothing is proved."""
    began = time.monotonic()
    result = Result(plan.database)
    chosen = deployment.write(directory / "deploy")
    with ExitStack() as stack:
        scene = stack.enter_context(stage.set_up(1, chosen, deployment.PARTNER, ROUTER, directory))
        router = scene.routers[0]
        router.start(scene.direct)
        router.await_ready(READY_S)
        url, server = stack.enter_context(_database(plan, directory))
        ledgers = [
            LedgerProcess(plan.program, _environment(chosen, url), directory / f"ledger-{place}.log")
            for place in range(2 if server is not None else 1)
        ]
        for ledger in ledgers:
            stack.callback(ledger.kill)
            stack.callback(ledger.wake)
            ledger.start(scene.direct)
        planned = flow(plan.originals, plan.lasts_s, Random(plan.seed))
        tell(f"{plan.database}: {len(planned):,} records in {plan.lasts_s:.0f} s, {plan.kills} kills")
        sending = Flow(scene.direct, planned)
        stack.callback(sending.cancel)
        player = Player(scene, ledgers, server, sending, result, tell)
        chosen_steps = plan.steps or steps(plan.kills, server is not None, Random(plan.seed + 1))
        for step in chosen_steps:
            player.take(step)
            tell(f"  {time.monotonic() - began:6.1f} s {step.act}")
        sending.finish()
        result.sent = sending.sent
        active = player.settle(url, plan.quiet_s)
        tell(f"  {time.monotonic() - began:6.1f} s settled, {sending.sent:,} sent")
        if active is not None:
            _judge(scene, url, active, result)
            result.dropped_s = _drop(scene, active)
            if result.dropped_s is None:
                result.wrong.append(f"a dropped queue record was not seen within {DROPPED_S:g} s")
        for process in (*ledgers, router):
            process.stop()
            result.wrong += process.misconduct
        result.fenced = sum(ledger.said("fenced") for ledger in ledgers)
    result.took_s = time.monotonic() - began
    return result


@contextmanager
def _database(plan: Plan, directory: Path) -> Iterator[tuple[str, postgresql.Server | None]]:
    if plan.database == "sqlite":
        yield f"sqlite:///{directory}/ledger.db", None
        return
    with postgresql.running() as server:
        yield server.url, server


def _environment(chosen: Path, url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REFERRAL_", "KAFKA_"))}
    return {**kept, "REFERRAL_CONFIG_DIR": str(chosen), "REFERRAL_LEDGER_PORT": "0", "DATABASE_URL": url}


def _signal_reader(ledger: LedgerProcess, number: signal.Signals) -> None:
    """Nothing happens where it has just gone with its ledger."""
    if (pid := ledger.pid) is not None:
        with suppress(ProcessLookupError, FileNotFoundError):
            os.kill(reader_of(pid), number)


class Player:
    """Does what the schedule says, one after the other."""

    def __init__(
        self,
        scene: stage.Stage,
        ledgers: Sequence[LedgerProcess],
        server: postgresql.Server | None,
        sending: Flow,
        result: Result,
        tell: Tell,
    ) -> None:
        self._scene = scene
        self._ledgers = ledgers
        self._server = server
        self._sending = sending
        self._result = result
        self._tell = tell

    def take(self, step: Step) -> None:
        """One step. What does not come about is wrong in the result."""
        active = None
        if step.act is not Act.KILL_EARLY:
            active = self._active()
            if active is None:
                self._result.wrong.append(f"no ledger was active {TAKEN_OVER_S:g} s before: {step.act}")
        time.sleep(step.after_s)
        if step.act not in KILLS:  # one that begins without broker or database ends, as it should: exit 3
            wait_until(self._all_answer, TAKEN_OVER_S)
        chosen = active or self._ledgers[0]
        self._result.done[step.act] += 1
        self._result.flowing += step.act in KILLS and self._sending.flowing
        match step.act:
            case Act.KILL | Act.KILL_EARLY:
                self._restart(chosen)
            case Act.KILL_ALL:
                for ledger in self._ledgers:
                    ledger.kill()
                for ledger in self._ledgers:
                    ledger.start(self._scene.direct)
            case Act.PAUSE:
                self._pause(chosen)
            case Act.READER:
                for ledger in self._ledgers:
                    _signal_reader(ledger, signal.SIGKILL)
            case Act.READER_PAUSED:
                _signal_reader(chosen, signal.SIGSTOP)
                time.sleep(READER_PAUSE_S)
                _signal_reader(chosen, signal.SIGCONT)
            case Act.BROKER:
                self._scene.cluster.restart(1)
            case _:
                self._restart_database(step.act)

    def _restart(self, ledger: LedgerProcess) -> None:
        ledger.kill()
        ledger.start(self._scene.direct)

    def _pause(self, ledger: LedgerProcess) -> None:
        """Where another stands by, until that one has taken over; then the first wakes beside it."""
        others = [other for other in self._ledgers if other is not ledger]
        ledger.pause()
        began = time.monotonic()
        if not others:
            time.sleep(SQLITE_PAUSE_S)
        elif wait_until(lambda: any(other.active for other in others), TAKEN_OVER_S):
            self._result.takeovers_s.append(time.monotonic() - began)
        else:
            self._result.wrong.append(f"no standby took over within {TAKEN_OVER_S:g} s of a pause")
        ledger.wake()

    def _restart_database(self, act: Act) -> None:
        assert self._server is not None  # the schedule has these acts for PostgreSQL alone
        if act is Act.DATABASE_KILLED:
            self._server.kill()
        else:
            self._server.stop("fast" if act is Act.DATABASE_FAST else "immediate")
        self._server.start()

    def _all_answer(self) -> bool:
        return all(ledger.value("referral_ledger_active") is not None for ledger in self._ledgers)

    def _active(self) -> LedgerProcess | None:
        """The one that serves; waits until there is one."""
        deadline = time.monotonic() + TAKEN_OVER_S
        while time.monotonic() < deadline:
            for ledger in self._ledgers:
                if ledger.active:
                    return ledger
                if not ledger.running:
                    ledger.start(self._scene.direct)
            time.sleep(0.1)
        return None

    def settle(self, url: str, quiet_s: float) -> LedgerProcess | None:
        """Until nothing moves any more and all is read. None, and wrong, where that does not come."""
        deadline = time.monotonic() + SETTLED_S
        quiet_since, before = time.monotonic(), -1
        while time.monotonic() < deadline:
            active = self._active()
            ends = _ends(self._scene)
            if active is None or ends != before or not _all_read(active) or unsent(url) != 0:
                quiet_since, before = time.monotonic(), ends
            elif time.monotonic() - quiet_since >= quiet_s:
                return active
            time.sleep(0.5)
        self._result.wrong.append(f"the ledger had not read everything {SETTLED_S:g} s after the last record")
        return None


def _all_read(ledger: LedgerProcess) -> bool:
    return ledger.value("referral_ledger_caught_up") == 1 and ledger.value("referral_ledger_lag_records") == 0


def _ends(scene: stage.Stage) -> int:
    """The sum of all topics' ends: it grows as long as anything is written."""
    consumer = Consumer(client(scene.direct))
    try:
        return sum(
            consumer.get_watermark_offsets(TopicPartition(spec.name, partition), timeout=10)[1]
            for spec in topic_plan(scene.configuration)
            for partition in range(spec.partitions)
        )
    finally:
        consumer.close()


def _judge(scene: stage.Stage, url: str, active: LedgerProcess, result: Result) -> None:
    found = harvest.read(scene.direct, scene.configuration, scene.partner)
    desks = [desk.id for desk in scene.configuration.desks.desks]
    expected = reckon(found.queued, found.said, found.answered, desks, [scene.partner])
    result.queue_records, result.status_events = len(found.queued), len(found.said)
    result.entries = sum(account.met for account in expected.accounts.values())
    result.differences = judge(expected, found, held(url, active.metrics()))


def _drop(scene: stage.Stage, active: LedgerProcess) -> float | None:
    """Receipt one referral that is in no queue, as if its record had been dropped; seconds until it is in doubt."""
    offset = 10**9
    receipt = {
        "partition": 0, "offset": offset, "received_at": "2026-01-01T00:00:00.000Z", "outcome": "routed",
        "report": "dropped", "revision": 1, "policy": "1", "lane_reasons": ["rest"],
        "destinations": [{"desk": "be", "lane": "routine", "roles": ["upload"]}],
    }  # fmt: skip
    key = ("referral_conservation_residue", "be", "routine")
    before = active.metrics().get(key, 0.0)
    producer = Producer({"bootstrap.servers": scene.direct, "log_level": 0})
    producer.produce(topics.receipt(scene.partner), dumps(receipt).encode(), b"dropped", partition=0)
    producer.flush(10)
    began = time.monotonic()
    if wait_until(lambda: active.metrics().get(key, 0.0) > before, DROPPED_S, 0.2):
        return time.monotonic() - began
    return None
