"""One fault, done: its stream flows, its steps are taken, what it left is mended, and the router comes to the end."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Final

from tests.faults.proxy import Ambush, Trick
from tests.faults.publisher import Publisher
from tests.faults.routers import RouterFailed, RouterProcess
from tests.faults.schedule import Act, Fault, Step
from tests.faults.stage import NotSettled, Stage
from tests.faults.workload import Planned

READY_S: Final = 60.0
SETTLE_S: Final = 90.0
MARKERS_ONLY_BYTES: Final = 200
"""A batch limit that no envelope meets and a transaction's marker (78 bytes) does: without room for markers the
broker itself cannot end a transaction any more, and gives up (seen with Kafka 4.3.1)."""
COMMIT_LATE_S: Final = 8.3
"""After a session's time-out (6 s), so that a successor is at work; before a transaction's (10 s)."""
MARKERS_MS: Final = 8.0
"""A commit's markers are written within about this time: a broker is killed somewhere in it."""
TRICKS: Final = {
    Act.LOSE_COMMIT_ANSWER: Trick.LOSE_COMMIT_ANSWER,
    Act.WITHHOLD_COMMIT_ANSWER: Trick.WITHHOLD_COMMIT_ANSWER,
    Act.CUT_BEFORE_COMMIT: Trick.CUT_BEFORE_COMMIT,
    Act.REFUSE_OFFSETS: Trick.REFUSE_OFFSETS,
    Act.DELAY_COMMIT_OF_KILLED: Trick.DELAY_COMMIT,
    Act.KILL_ROUTER_IN_COMMIT: Trick.WATCH_COMMIT,
    Act.KILL_BROKER_IN_COMMIT: Trick.WATCH_COMMIT,
}


@dataclass(slots=True)
class Performance:
    """What one fault's run was like; `wrong` are things no topic shows."""

    fault: str
    brokers: int
    wrong: list[str] = field(default_factory=list)
    settled: bool = True
    took_s: float = 0.0


class Player:
    """Plays faults on a stage, one after the other. All in the caller's thread, but the stream."""

    def __init__(self, stage: Stage, publisher: Publisher, rng: Random, brokers: int) -> None:
        self._stage = stage
        self._publisher = publisher
        self._rng = rng
        self._brokers = brokers
        self._through_proxy: bool | None = None
        self._dead: set[int] = set()
        self._paused: set[int] = set()
        self._expected: dict[Trick, int] = {}

    def play(self, fault: Fault, stream: list[Planned], phase: int) -> Performance:
        """Never raises for what the router does: that is in the answer."""
        performance = Performance(fault.name, self._brokers)
        began = time.monotonic()
        try:
            self._prepare(fault)
        except RouterFailed as failed:
            performance.settled = False
            performance.wrong.append(str(failed))
            return performance
        sprung_before = dict(self._stage.proxy.sprung)
        self._expected = {}
        sending = self._publisher.start(stream, phase)
        try:
            for step in fault.steps:
                time.sleep(max(0.0, sending.began_s + step.at_s - time.monotonic()))
                self._take(step)
            sending.finish()
        finally:
            sending.cancel()
        self._stage.proxy.disarm()
        for trick, times in self._expected.items():
            done = self._stage.proxy.sprung[trick] - sprung_before[trick]
            if done < times:
                performance.wrong.append(f"{trick}: done {done} times of {times}")
        self._mend()
        try:
            self._stage.settle(SETTLE_S)
        except NotSettled as late:
            performance.settled = False
            performance.wrong.append(str(late))
        for router in self._stage.routers:
            performance.wrong += router.misconduct
            router.misconduct.clear()
        performance.took_s = time.monotonic() - began
        return performance

    def end(self) -> list[str]:
        """Stop the routers as an operator would; what was wrong with that."""
        for router in self._stage.routers:
            router.stop()
        return [text for router in self._stage.routers for text in router.misconduct]

    def _prepare(self, fault: Fault) -> None:
        """The routers this fault begins with, on the road it needs, ready."""
        first, second = self._stage.routers
        if self._through_proxy is not fault.through_proxy:
            self._through_proxy = fault.through_proxy
            for router in self._stage.routers:
                router.stop()
        for router in (first, second)[: fault.routers]:
            if not router.running:
                self._start(router)
        for router in (first, second)[: fault.routers]:
            router.await_ready(READY_S)

    def _mend(self) -> None:
        """Everything up again, with one router."""
        for node in tuple(self._paused):
            self._wake_broker(node)
        for node in tuple(self._dead):
            self._start_broker(node)
        first, second = self._stage.routers
        first.wake()
        second.wake()
        if not first.running:
            self._start(first)
        second.stop()

    def _take(self, step: Step) -> None:
        stage, on = self._stage, step.on
        match step.act:
            case Act.START_ROUTER:
                self._start(stage.routers[on])
            case Act.KILL_ROUTER:
                stage.routers[on].kill()
            case Act.STOP_ROUTER:
                stage.routers[on].stop()
            case Act.PAUSE_ROUTER:
                stage.routers[on].pause()
            case Act.WAKE_ROUTER:
                stage.routers[on].wake()
            case Act.KILL_BROKER:
                self._kill_broker(on)
            case Act.START_BROKER:
                self._start_broker(on)
            case Act.PAUSE_BROKER:
                self._paused.add(on)
                stage.cluster.pause(on + 1)
            case Act.WAKE_BROKER:
                self._wake_broker(on)
            case Act.RESTART_BROKER:
                stage.cluster.restart(on + 1)
            case Act.FENCE:
                for partition in self._rng.choices(range(stage.partitions), k=step.times):
                    stage.fence(partition)
            case Act.QUEUES_REFUSE:
                stage.limit_queues(MARKERS_ONLY_BYTES)
            case Act.QUEUES_ACCEPT:
                stage.limit_queues(None)
            case _:
                self._lay(step)

    def _lay(self, step: Step) -> None:
        """A trick of the proxy; some of them kill."""
        trick = TRICKS[step.act]
        self._expected[trick] = self._expected.get(trick, 0) + step.times
        then: Callable[[], None] | None = None
        if step.act in (Act.KILL_ROUTER_IN_COMMIT, Act.DELAY_COMMIT_OF_KILLED):
            then = self._stage.routers[step.on].kill
        elif step.act is Act.KILL_BROKER_IN_COMMIT:
            then = partial(self._kill_broker, step.on, self._rng.uniform(0, MARKERS_MS) / 1000)
        late_s = COMMIT_LATE_S if trick is Trick.DELAY_COMMIT else 0.0
        self._stage.proxy.arm(Ambush(trick, step.times, then, late_s))

    def _start(self, router: RouterProcess) -> None:
        """Nothing where one still runs, because the trick that was to end it has not been done: that is told."""
        if router.running:
            return
        router.start(self._stage.proxied if self._through_proxy else self._stage.direct)

    def _kill_broker(self, node: int, after_s: float = 0.0) -> None:
        time.sleep(after_s)
        self._dead.add(node)
        self._stage.cluster.kill(node + 1)

    def _start_broker(self, node: int) -> None:
        self._dead.discard(node)
        self._stage.cluster.restart(node + 1)

    def _wake_broker(self, node: int) -> None:
        self._paused.discard(node)
        self._stage.cluster.resume(node + 1)
