"""One campaign: a sink, notifiers on one database, notices that flow, kills, the end, and what the sink's log says."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from schemas.notices import Notice
from services.runtime.broker import FOR_TESTS, Cluster
from services.runtime.settings import KafkaSettings
from tests import postgresql
from tests.faults.notifier.processes import PROGRAM, NotifierProcess
from tests.notices import desks, load
from tests.notices.account import Fault, judge, repeats, told
from tests.notices.load import Course
from tests.notices.processes import Sink, provision_notices, publish, sink, wait_until
from tests.samples import DEPLOY

READY_S: Final = 60.0
SETTLED_S: Final = 480.0
"""Longer than a claim of a killed notifier, the minute of an update, and a retry after both."""
EARLY: Final = 0.2
"""The share of kills that come while it begins."""
LATEST_S: Final = 3.0
PAIR: Final = "pair"
DATABASES: Final = ("sqlite", "postgresql", PAIR)
"""`pair`: two notifiers on one PostgreSQL, one of which is killed each time."""
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """One campaign. `a_second`: how many notices, at most; `fail`: the share of requests that the sink fails."""

    database: str
    notices: int
    groups: int
    kills: int
    a_second: float
    seed: int
    desks: int = load.DESKS
    courses: Sequence[str] = load.COURSES
    fail: float = 0.1
    program: Sequence[str] = PROGRAM
    patience_s: float = SETTLED_S
    """How long after the last notice all must be told."""


@dataclass(slots=True)
class Result:
    """What came of it. `again`: requests for a message that had been taken before; `pending`: of the dead, by desk."""

    database: str
    notices: int = 0
    groups: int = 0
    kills: int = 0
    flowing: int = 0
    """Kills after which there were still notices to send."""
    requests: int = 0
    taken: int = 0
    again: int = 0
    pending: dict[str, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    took_s: float = 0.0

    @property
    def clean(self) -> bool:
        """Nothing left out, nothing said in two ways."""
        return not self.faults and not self.wrong


class Flow:
    """Notices being sent in a thread, in shares: one at once and one for each kill. So each life has some to tell."""

    def __init__(self, kafka: KafkaSettings, notices: Sequence[Notice], a_second: float, shares: int) -> None:
        self._problem: BaseException | None = None
        self._over = threading.Event()
        self._released = threading.Semaphore(1)
        size = -(-len(notices) // shares)
        began_s = 0.0

        def pace(place: int) -> None:
            nonlocal began_s
            if place % size == 0:
                while not self._released.acquire(timeout=0.2):
                    if self._over.is_set():
                        raise InterruptedError
                began_s = time.monotonic()
            if self._over.wait(max(0.0, began_s + place % size / a_second - time.monotonic())):
                raise InterruptedError

        def send() -> None:
            try:
                publish(kafka, notices, pace)
            except BaseException as problem:  # for `finish`
                self._problem = problem

        self._thread = threading.Thread(target=send, name="flow", daemon=True)
        self._thread.start()

    @property
    def flowing(self) -> bool:
        """Whether there is more to send."""
        return self._thread.is_alive()

    def release(self) -> None:
        """One share more may go."""
        self._released.release()

    def finish(self) -> None:
        """Until all of it is acknowledged. Raises what ended it early."""
        self._thread.join()
        if self._problem is not None:
            raise self._problem

    def cancel(self) -> None:
        """Send no more."""
        self._over.set()
        self._thread.join(20)


def prove(plan: Plan, directory: Path, tell: Tell) -> Result:
    """Set up, play, judge. Leaves no process."""
    began = time.monotonic()
    result = Result(plan.database, groups=plan.groups)
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster(extra=FOR_TESTS))
        kafka = KafkaSettings(bootstrap_servers=cluster.bootstrap)
        heard, url = stack.enter_context(sink(directory, plan.fail, plan.seed))
        chosen = directory / "deploy"
        chosen.mkdir()
        desks.write(chosen, DEPLOY, plan.desks, url, stack.enter_context(desks.dead_ends()))
        provision_notices(kafka, chosen)
        database = stack.enter_context(_database(plan, directory))
        notifiers = [
            NotifierProcess(plan.program, _environment(chosen, database), directory / f"notifier-{place}.log")
            for place in range(2 if plan.database == PAIR else 1)
        ]
        for notifier in notifiers:
            stack.callback(notifier.kill)
            notifier.start(cluster.bootstrap)
            notifier.await_ready(READY_S)
        courses = _courses(plan)
        result.notices = load.count(courses)
        sending = Flow(kafka, load.mixed(courses, plan.seed), plan.a_second, plan.kills + 1)
        stack.callback(sending.cancel)
        rng = Random(plan.seed + 1)
        for number in range(plan.kills):
            _kill(rng.choice(notifiers), cluster.bootstrap, rng, result)
            result.flowing += sending.flowing
            sending.release()
            tell(f"  {time.monotonic() - began:6.1f} s killed, {number + 1} of {plan.kills}")
        sending.finish()
        _settle(courses, heard, notifiers, plan.patience_s, result)
        tell(f"  {time.monotonic() - began:6.1f} s settled")
        _show_pending(courses, notifiers, result)
        for notifier in notifiers:
            notifier.stop()
            result.wrong += notifier.misconduct
        log = heard.look()
        result.faults = judge(desks.living(courses), log)
        result.requests, result.taken, result.again = len(log), sum(each.taken for each in log), repeats(log)
    result.took_s = time.monotonic() - began
    return result


def _courses(plan: Plan) -> list[Course]:
    """About as many notices as the plan says: groups have courses of different length."""
    longest = plan.notices // plan.groups
    chosen = [course[:longest] for course in plan.courses]
    return load.courses(plan.groups, plan.desks, chosen, int(time.time() * 1000), plan.seed)


@contextmanager
def _database(plan: Plan, directory: Path) -> Iterator[str]:
    if plan.database == "sqlite":
        yield f"sqlite:///{directory}/notifier.db"
        return
    with postgresql.server() as url:
        yield url


def _environment(chosen: Path, url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REFERRAL_", "KAFKA_"))}
    return {**kept, "REFERRAL_CONFIG_DIR": str(chosen), "REFERRAL_NOTIFIER_PORT": "0", "DATABASE_URL": url}


def _kill(notifier: NotifierProcess, bootstrap: str, rng: Random, result: Result) -> None:
    """SIGKILL, at a random moment after it has begun to listen or while it starts; then start it again."""
    early, after_s = rng.random() < EARLY, rng.uniform(0.0, LATEST_S)
    if not early and not wait_until(lambda: notifier.listens, READY_S):
        result.wrong.append(f"a notifier did not begin to listen within {READY_S:g} s")
    time.sleep(after_s)  # no condition: the moment is what is tested
    if not notifier.running:
        return
    notifier.kill()
    result.kills += 1
    notifier.start(bootstrap)


def _settle(
    courses: Sequence[Course], heard: Sink, notifiers: Sequence[NotifierProcess], patience_s: float, result: Result
) -> None:
    """Until all is read, and told where it must be. Where that does not come the verdict says what is missing."""
    living = desks.living(courses)

    def over() -> bool:
        read = any(notifier.value("referral_notifier_caught_up") == 1 for notifier in notifiers)
        return read and told(living, heard.look()) == 1.0

    if not wait_until(over, patience_s, 0.5):
        result.wrong.append(f"not everything was told {patience_s:g} s after the last notice")


def _show_pending(courses: Sequence[Course], notifiers: Sequence[NotifierProcess], result: Result) -> None:
    """What is open for the dead is pending, and the metrics show it."""
    open_groups = {desk: sum(course.stays_open for course in courses if course.desk == desk) for desk in desks.DEAD}
    all_groups = {desk: sum(course.desk == desk for course in courses) for desk in desks.DEAD}

    def shown() -> bool:
        counted = [notifier.metrics() for notifier in notifiers]
        result.pending = {
            desk: int(sum(each.get(("referral_notifier_outbox_pending", desk), 0) for each in counted))
            for desk in desks.DEAD
        }
        return all(open_groups[desk] <= result.pending[desk] <= all_groups[desk] for desk in desks.DEAD)

    if not wait_until(shown, READY_S, 0.5):
        result.wrong.append(f"pending for the dead: {result.pending}, expected {open_groups} to {all_groups}")
