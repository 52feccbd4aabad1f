"""Who reads notices and keeps the ladders: one notifier at a time, by a lease. Blocking, in a thread of its own.

Each transaction holds the lease's row, the effects and the position. Whatever fails ends the session, with all that was
remembered; the next one begins with what the database holds.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaException, Message

from schemas import topics
from services.notifier import outbox, store
from services.notifier.database import SERVICE, Database
from services.notifier.figures import Figures
from services.notifier.ladders import Effects, Ladders
from services.notifier.notice import Notice, read_notice
from services.notifier.tables import notes
from services.notifier.whom import Endpoint
from services.runtime.beside import Beside
from services.runtime.cluster import Cluster, Place
from services.runtime.database import Deposed, remember_cluster
from services.runtime.exits import CannotRun
from services.runtime.log import Event, logger, places
from services.runtime.settings import KafkaSettings
from services.runtime.topic_reader import TopicReader

GROUP: Final = "referral-notifier"
LOOK_S: Final = 0.5
"""How often a standby looks whether the lease is free."""
PAUSE_S: Final = 1.0
POLL_S: Final = 0.1
BURST: Final = 1_000
"""After so many notices at once the next are gathered for a moment: what comes together of a group is one change. So
are those that came while nobody read: what is over by now is not told."""
GATHER_S: Final = 0.5
RENEW_S: Final = 2.0
WEIGH_S: Final = 1.0
DISCOVER_S: Final = 10.0
FORGET_S: Final = 60.0
KEPT_MS: Final = 7 * 86_400_000
"""How long a group that ended is remembered, with its deliveries: as long as the topic of notices."""
TICKED: Final = 500
FORGOTTEN: Final = 5_000

log = logger()


@dataclass(slots=True)
class Keeper:
    """Of one process. `wake` is told of endpoints that have something new, from this thread."""

    kafka: KafkaSettings
    database: Database
    ladders: Ladders
    figures: Figures
    holder: str
    wake: Callable[[Iterable[Endpoint]], None]
    fault: CannotRun | None = None

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set, or until it cannot go on (`fault`)."""
        while not stop.is_set():
            try:
                held = self.database.take_lease(self.holder, _now_ms())
                if held is None:
                    stop.wait(LOOK_S)
                    continue
                self._serve(held.epoch, stop)
            except Deposed:
                log.warning(Event.FENCED)
            except CannotRun as refusal:
                self.fault = refusal
                return
            except Exception as error:  # noqa: BLE001 - whatever fails, what was remembered is thrown away (rule 6)
                with self.figures.lock:
                    self.figures.failed_sessions += 1
                log.warning(Event.SESSION_FAILED, error=error, places=places(error.__traceback__))
                stop.wait(PAUSE_S)

    def _serve(self, epoch: int, stop: threading.Event) -> None:
        reader, beside = TopicReader(self.kafka, GROUP), Beside(Cluster(self.kafka))
        try:
            session = Session(self, reader, beside, epoch)
            session.begin()
            self._say(active=True)
            log.info(Event.TOOK_OVER, epoch=epoch)
            while not stop.is_set():
                session.turn()
            self.database.give_up_lease(epoch)
        finally:
            self._say(active=False)
            beside.close()
            reader.close()

    def _say(self, *, active: bool) -> None:
        with self.figures.lock:
            self.figures.active = active
            self.figures.caught_up = False
            self.figures.version += 1


class Session:
    """The holder of one lease. Ladders go up without a broker too: what it cannot say is asked again later."""

    def __init__(self, keeper: Keeper, reader: TopicReader, beside: Beside, epoch: int) -> None:
        self._keeper = keeper
        self._database = keeper.database
        self._ladders = keeper.ladders
        self._reader = reader
        self._beside = beside
        self._epoch = epoch
        self._met = False
        self._due: dict[str, float] = {}
        self._next_ms: int | None = 0
        self._gather_s = GATHER_S

    def begin(self) -> None:
        """Take over what the database holds."""
        now_ms = _now_ms()
        with self._database.writing(self._epoch, now_ms) as connection:
            self._positions = store.read_positions(connection)
            effects = self._ladders.again(connection, now_ms)
            self._next_ms = store.next_due_ms(connection)
        self._done(effects)

    def turn(self) -> None:
        """Read what came and store what follows; and what the clock asks for."""
        messages = self._reader.poll(self._patience_s(), self._gather_s)
        behind = not self._keeper.figures.caught_up
        self._gather_s = GATHER_S if behind or len(messages) >= BURST else 0.0
        if messages:
            self._apply(messages)
        if self._next_ms is not None and self._next_ms <= _now_ms():
            self._tick()
        if self._is_due("renew", RENEW_S):
            with self._database.writing(self._epoch, _now_ms()) as connection:
                self._next_ms = store.next_due_ms(connection)
        if self._is_past("ask"):
            try:
                self._ask()
            except KafkaException as error:
                self._put_off("ask", PAUSE_S)
                self._unknown(error)
        if self._is_due("count", WEIGH_S):
            self._count()
        if self._is_due("forget", FORGET_S):
            self._forget()

    def _ask(self) -> None:
        """What the broker says, once it has answered: first whose it is, then which partitions, and how far they go."""
        if not self._met:
            self._meet()
            return
        if self._is_past("discover") and (there := self._beside.partitions([topics.NOTICE])) is not None:
            self._put_off("discover", DISCOVER_S)
            self._reader.start(there, self._positions)
        if self._is_past("weigh") and (ends := self._beside.ends(self._reader.reached)) is not None:
            self._put_off("weigh", WEIGH_S)
            self._weigh(ends)

    def _meet(self) -> None:
        """Nothing is read before it is known to be the cluster that the positions are of."""
        cluster = self._beside.cluster_id()
        if cluster is None:
            return
        with self._database.writing(self._epoch, _now_ms()) as connection:
            remember_cluster(connection, notes, SERVICE, cluster)
        self._met = True

    def _unknown(self, error: KafkaException) -> None:
        """Whether there are notices that were not read."""
        figures = self._keeper.figures
        with figures.lock:
            figures.caught_up = False
            figures.version += 1
        log.warning(Event.BROKERS_DOWN, error=error)

    def _patience_s(self) -> float:
        if self._next_ms is None:
            return POLL_S
        return min(POLL_S, max(0.0, (self._next_ms - _now_ms()) / 1000))

    def _apply(self, messages: list[Message]) -> None:
        found, positions, refused = _read(messages)
        now_ms, begun_s = _now_ms(), time.monotonic()
        with self._database.writing(self._epoch, now_ms) as connection:
            effects = self._ladders.take(connection, found, now_ms)
            store.save_positions(connection, positions)
            self._next_ms = store.next_due_ms(connection)
        self._due["renew"] = begun_s + RENEW_S
        self._reader.past(positions)
        self._done(effects)
        if refused:
            with self._keeper.figures.lock:
                self._keeper.figures.refused_notices += refused
            log.error(Event.NOTICE_REFUSED, records=refused)

    def _tick(self) -> None:
        now_ms = _now_ms()
        with self._database.writing(self._epoch, now_ms) as connection:
            effects = self._ladders.tick(connection, TICKED, now_ms)
            self._next_ms = store.next_due_ms(connection)
        self._done(effects)

    def _done(self, effects: Effects) -> None:
        """Committed: counted, and whoever delivers is woken."""
        figures = self._keeper.figures
        with figures.lock:
            figures.escalations.update(effects.steps)
            figures.last_commit_ms = _now_ms()
            figures.version += 1
        self._keeper.wake(effects.woken)

    def _weigh(self, ends: Mapping[Place, int]) -> None:
        behind = sum(max(0, end - self._reader.reached[place]) for place, end in ends.items())
        figures = self._keeper.figures
        with figures.lock:
            figures.lag_records = behind
            figures.caught_up = figures.caught_up or (behind == 0 and bool(ends))
            figures.version += 1

    def _count(self) -> None:
        with self._database.reading() as connection:
            counted = store.count_escalating(connection)
        figures = self._keeper.figures
        with figures.lock:
            figures.unanswered.clear()
            figures.exhausted.clear()
            for desk, exhausted, number in counted:
                figures.unanswered[desk] += number
                figures.exhausted[desk] += number if exhausted else 0
            figures.version += 1

    def _forget(self) -> None:
        """What ended long ago, counted first."""
        now_ms = _now_ms()
        with self._database.writing(self._epoch, now_ms) as connection:
            ended = store.ended_before(connection, now_ms - KEPT_MS, FORGOTTEN)
            if not ended:
                return
            deliveries = outbox.forget(connection, ended)
            store.forget_groups(connection, ended)
        with self._keeper.figures.lock:
            self._keeper.figures.forgotten += len(ended)
        log.info(Event.FORGOTTEN, groups=len(ended), deliveries=deliveries)

    def _is_due(self, what: str, every_s: float) -> bool:
        if not self._is_past(what):
            return False
        self._put_off(what, every_s)
        return True

    def _is_past(self, what: str) -> bool:
        return time.monotonic() >= self._due.get(what, 0.0)

    def _put_off(self, what: str, by_s: float) -> None:
        self._due[what] = time.monotonic() + by_s


def _read(messages: list[Message]) -> tuple[list[Notice], dict[tuple[str, int], int], int]:
    """Notices, how far they reach, and how many were none: a notice that cannot be read is one that is not told."""
    found: list[Notice] = []
    positions: dict[tuple[str, int], int] = {}
    refused = 0
    for message in messages:
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None and partition is not None and offset is not None  # noqa: PT018 - a record's
        positions[topic, partition] = offset + 1
        if (notice := read_notice(message.value())) is None:
            refused += 1
        else:
            found.append(notice)
    return found, positions, refused


def _now_ms() -> int:
    return int(time.time() * 1000)
