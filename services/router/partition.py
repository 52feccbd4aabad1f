"""The life of one input partition: fence, heal, restore, agree, route; and from the start again after any failure.

Each partition has its own producer and reader: one that waits, restores or fails holds up no other.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import ProducerFenced

from schemas import topics
from services.router import transaction
from services.router.clients import Clients, discard_producer, discard_reader, prime
from services.router.decision import Decider
from services.router.metrics import PartitionMetrics
from services.router.restoring import is_left_open, restore
from services.router.source import Source
from services.router.window import Window
from services.router.writing import OffsetRecord, Writing
from services.runtime.log import Event, Name, logger, places

POLL_MS: Final = 500
START_DEADLINE_S: Final = 30.0
RESTORE_DEADLINE_S: Final = 300.0
PAUSE_AFTER_FAILURE_S: Final = 0.6
"""Longer than the ticker's beat: a zombie that wakes finds out that it slept before it fences its successor."""
HEAL_POLL_S: Final = 0.1
YIELD_EVERY: Final = 256
"""Records between two chances for the other partitions and the heartbeat."""
FIRST_SNAPSHOT_S: Final = 600.0
SNAPSHOT_EVERY_S: Final = 12 * 3600.0
SWEEP_EVERY_S: Final = 60.0
DEFAULT_WINDOW_DAYS: Final = 45
DAY_S: Final = 86_400

log = logger()


class DisagreementError(Exception):
    """Committed offset and seen-log name different places; the broker's answer may be stale, or worse."""


@dataclass(slots=True)
class Session:
    """What a partition holds between two failures."""

    producer: AIOKafkaProducer
    reader: AIOKafkaConsumer
    window: Window
    next_offset: int
    snapshot_at: float
    sweep_at: float


class PartitionLoop:
    """Routes one (topic, partition) until told to stop. Raises ProducerFenced when somebody else owns it."""

    def __init__(
        self,
        source: Source,
        partition: int,
        decider: Decider,
        clients: Clients,
        committed: Callable[[TopicPartition], Awaitable[int | None]],
        touched: Sequence[tuple[str, int]],
        metrics: PartitionMetrics,
        turn: asyncio.Lock,
        enough: int,
    ) -> None:
        """`turn`: partitions of a process share one core, so one decides at a time and the others send or wait.

        `enough`: records after which a transaction takes no more. A queue costs its batch whatever is in it, so
        with a backlog few large transactions are quicker than many small ones.
        """
        self.routing = False
        self._source = source
        self._place = TopicPartition(source.topic, partition)
        self._seen_place = TopicPartition(source.seen_topic, partition)
        self._decider = decider
        self._clients = clients
        self._committed = committed
        self._touched = touched
        self._metrics = metrics
        self._turn = turn
        self._enough = enough
        days = source.partner.window_days if source.partner else DEFAULT_WINDOW_DAYS
        self._horizon_seconds = days * DAY_S

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; the transaction in hand is finished first."""
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                await self._session(stopping)
        finally:
            stopping.cancel()
            self._metrics.given_up()

    async def _session(self, stopping: asyncio.Future[Any]) -> None:
        """One producer, one window; ends by `stopping`, or by any failure, after which nothing of it is kept."""
        producer = self._clients.producer(topics.transactional_id(*self._place))
        reader = self._clients.reader()
        try:
            taken = await _unless(stopping, self._take_over(producer, reader))
            if taken is not None:
                self.routing = True
                await self._route(taken, stopping)
        except ProducerFenced:
            self._metrics.fenced()
            log.warning(Event.FENCED, topic=Name(self._place.topic), partition=self._place.partition)
            raise
        except Exception as error:  # noqa: BLE001 - aiokafka raises AssertionError and bare KafkaError too: all is item 3
            self._metrics.failed()
            log.warning(
                Event.TRANSACTION_FAILED,
                topic=Name(self._place.topic),
                partition=self._place.partition,
                error=error,
                cause=error.__cause__,
                places=places(error.__traceback__),
            )
            await asyncio.wait([stopping], timeout=PAUSE_AFTER_FAILURE_S)
        finally:
            self.routing = False
            await discard_producer(producer)
            await discard_reader(reader)

    async def _take_over(self, producer: AIOKafkaProducer, reader: AIOKafkaConsumer) -> Session:
        """Fence the predecessor first; only then is what the broker says about this partition the last word."""
        started = time.monotonic()
        async with asyncio.timeout(START_DEADLINE_S):
            await producer.start()
            await prime(producer, {topic for topic, _ in self._touched})
            await reader.start()
            if await is_left_open(self._clients, reader, self._seen_place):
                await self._heal(producer, reader)
            committed = await self._committed(self._place)
            await self._tell_lag(reader, committed)
        async with asyncio.timeout(RESTORE_DEADLINE_S):
            window, untouched = await restore(reader, self._seen_place, self._horizon_seconds)
        next_offset = await self._agreed(reader, committed, window, untouched)
        reader.assign([self._place])
        reader.seek(self._place, next_offset)
        took_s = time.monotonic() - started
        self._metrics.restored(len(window), took_s)
        log.info(
            Event.RESTORED,
            topic=Name(self._place.topic),
            partition=self._place.partition,
            next_offset=next_offset,
            seen_ids=len(window),
            duration_seconds=round(took_s, 3),
        )
        now = time.monotonic()
        return Session(producer, reader, window, next_offset, now + FIRST_SNAPSHOT_S, now + SWEEP_EVERY_S)

    async def _tell_lag(self, reader: AIOKafkaConsumer, committed: int | None) -> None:
        """A partition that never gets to routing must not look as if nothing waited."""
        end = (await reader.end_offsets([self._place]))[self._place]
        begin = (await reader.beginning_offsets([self._place]))[self._place]
        self._metrics.behind(end - max(begin, committed or 0))

    async def _heal(self, producer: AIOKafkaProducer, reader: AIOKafkaConsumer) -> None:
        committed = await self._committed(self._place)
        await transaction.abort_leftover(producer, self._place, committed or 0, self._touched)
        while await is_left_open(self._clients, reader, self._seen_place):  # noqa: ASYNC110 - nobody tells of markers
            await asyncio.sleep(HEAL_POLL_S)
        log.warning(Event.LEFTOVER_HEALED, topic=Name(self._place.topic), partition=self._place.partition)

    async def _agreed(self, reader: AIOKafkaConsumer, committed: int | None, window: Window, untouched: bool) -> int:
        """Where to go on. `committed()` answers None on errors too, so None never means the beginning by itself.

        Only a seen-log from which nothing was ever read or deleted proves that nothing was routed yet.
        """
        if committed != window.next_offset or (committed is None and not untouched):
            log.error(
                Event.DISAGREEMENT,
                topic=Name(self._place.topic),
                partition=self._place.partition,
                committed=committed,
                changelog=window.next_offset,
            )
            raise DisagreementError
        begin: int = (await reader.beginning_offsets([self._place]))[self._place]
        wanted = committed or 0
        if begin > wanted:
            self._metrics.overtaken(begin - wanted)
            log.error(
                Event.RETENTION_OVERTOOK,
                topic=Name(self._place.topic),
                partition=self._place.partition,
                offsets=begin - wanted,
            )
        return max(begin, wanted)

    async def _route(self, session: Session, stopping: asyncio.Future[Any]) -> None:
        while not stopping.done():
            polled = await _unless(stopping, session.reader.getmany(self._place, timeout_ms=POLL_MS))
            if polled is None:
                return
            records: Sequence[OffsetRecord] = polled.get(self._place, ())
            if records or time.monotonic() >= session.snapshot_at:
                await self._transact(session, records, stopping)
            if time.monotonic() >= session.sweep_at:
                session.window.forget_old(session.window.newest_seconds)
                session.sweep_at = time.monotonic() + SWEEP_EVERY_S

    async def _transact(self, session: Session, records: Sequence[OffsetRecord], stopping: asyncio.Future[Any]) -> None:
        """All that these records cause, in one transaction. Deciding comes first: an open one blocks readers."""
        writing = Writing(self._source, self._place.partition, session.window, session.producer.create_batch)
        next_offset, number = session.next_offset, 0
        async with self._turn:
            started = time.monotonic()
            while records:
                await self._decide(session, records, writing)
                next_offset, number = records[-1].offset + 1, number + len(records)
                if number >= self._enough or stopping.done():
                    break
                records = (await session.reader.getmany(self._place, timeout_ms=0)).get(self._place, ())
            snapshot = time.monotonic() >= session.snapshot_at
            writing.finish(next_offset, session.window.newest_seconds, every_count=snapshot)
        await transaction.commit(session.producer, self._place, next_offset, writing.batches())
        session.next_offset = next_offset
        if snapshot:
            session.snapshot_at = time.monotonic() + SNAPSHOT_EVERY_S
        await self._tell(session, writing, number, time.monotonic() - started)

    async def _decide(self, session: Session, records: Sequence[OffsetRecord], writing: Writing) -> None:
        window = session.window
        self._metrics.working_on(records[0].timestamp)
        window.newest_seconds = max(window.newest_seconds, records[-1].timestamp // 1000)
        for number, record in enumerate(records, 1):
            writing.add(record, self._decider.decide(record, self._source, window))
            if not number % YIELD_EVERY:
                await asyncio.sleep(0)

    async def _tell(self, session: Session, writing: Writing, records: int, duration_s: float) -> None:
        stable = session.reader.last_stable_offset(self._place) or 0
        position = await session.reader.position(self._place)  # past the markers of a partner's own transactions
        self._metrics.committed(
            writing.counts,
            records=records,
            behind=max(0, stable - position),
            seen_ids=len(session.window),
            duration_s=duration_s,
        )


async def _unless(stopping: asyncio.Future[Any], work: Awaitable[Any]) -> Any:
    """The result of `work`, or None when `stopping` comes first; then the work is cancelled and has ended."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() and not stopping.done() else None
    finally:
        if not task.done():
            task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()
