"""The life of one input partition: fence, heal, restore, agree, route; and from the start again after any failure.

Each partition has its own producer and reader: one that waits, restores or fails holds up no other.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import ProducerFenced

from schemas import topics
from services.router import transaction
from services.router.agreement import Ground, agree
from services.router.clients import Clients, discard_producer, discard_reader, prime
from services.router.coordinator import commit_was_decided
from services.router.decision import Decider
from services.router.metrics import PartitionMetrics
from services.router.source import Source
from services.router.window import Window
from services.router.writing import OffsetRecord, Writing
from services.runtime.log import Event, Name, logger, places

POLL_MS: Final = 500
FETCH_MS: Final = 200
"""A fetch that is under way is waited for so long, with the turn to decide in hand."""
START_DEADLINE_S: Final = 30.0
RESTORE_DEADLINE_S: Final = 300.0
PAUSE_AFTER_FAILURE_S: Final = 0.6
"""Longer than the ticker's beat: a zombie that wakes finds out that it slept before it fences its successor."""
LARGE_RECORDS: Final = 500
"""A poll of so many records is a backlog; fewer are never held up by one."""
ENOUGH_BYTES: Final = 48_000_000
"""Written bytes after which a transaction takes no more records: one of 16 KiB may be copied to 16 desks."""
YIELD_EVERY: Final = 128
"""Records between two chances for the other partitions and the heartbeat."""
FIRST_SNAPSHOT_S: Final = 600.0
SNAPSHOT_EVERY_S: Final = 12 * 3600.0
SWEEP_EVERY_S: Final = 60.0
DEFAULT_WINDOW_DAYS: Final = 45
DAY_S: Final = 86_400


@dataclass(slots=True)
class Session:
    """What a partition holds between two failures."""

    producer: AIOKafkaProducer
    reader: AIOKafkaConsumer
    window: Window
    next_offset: int
    snapshot_at: float
    sweep_at: float


class Turns:
    """What the partitions of a process share: one core, and the memory for what is not committed yet.

    One decides at a time, since the others could only make it slower; with more to come it keeps its turn while a fetch
    is under way (`FETCH_MS` at most). At most two large transactions are under way,
    one that is decided and one that is sent. `enough`: records after which a transaction takes no more. A queue costs
    its batch whatever is in it, so with a backlog few large transactions are quicker than many small ones.
    """

    def __init__(self, enough: int) -> None:
        self.enough = enough
        self.deciding = asyncio.Lock()
        self.large = asyncio.Semaphore(2)


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
        turns: "Turns",
    ) -> None:
        self.routing = False
        """Whether it does its work; after a failure only once a transaction has succeeded, or nothing waits."""
        self._failed = False
        self._source = source
        self._place = TopicPartition(source.topic, partition)
        self._log = logger(topic=Name(source.topic), partition=partition)
        self._decider = decider
        self._clients = clients
        self._committed = committed
        self._metrics = metrics
        self._turns = turns
        days = source.partner.window_days if source.partner else DEFAULT_WINDOW_DAYS
        seen_place = TopicPartition(source.seen_topic, partition)
        self._ground = Ground(self._place, seen_place, touched, days * DAY_S)

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
                self.routing = not self._failed
                await self._route(taken, stopping)
        except ProducerFenced:
            self._metrics.fenced()
            self._log.warning(Event.FENCED)
            raise
        except Exception as error:  # noqa: BLE001 - aiokafka raises AssertionError and bare KafkaError too: all is item 3
            self._failed = True
            self._metrics.failed()
            self._log.warning(
                Event.TRANSACTION_FAILED, error=error, cause=error.__cause__, places=places(error.__traceback__)
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
            commit_decided = await self._commit_was_decided()
            await producer.start()
            await prime(producer, {topic for topic, _ in self._ground.touched})
            await reader.start()
        async with asyncio.timeout(RESTORE_DEADLINE_S):
            window, next_offset = await self._agree(producer, reader, commit_decided)
        next_offset = max(next_offset, await self._begin(reader, next_offset))
        reader.assign([self._place])
        reader.seek(self._place, next_offset)
        took_s = time.monotonic() - started
        self._metrics.restored(len(window), took_s)
        self._log.info(Event.RESTORED, next_offset=next_offset, seen_ids=len(window), duration_seconds=round(took_s, 3))
        now = time.monotonic()
        return Session(producer, reader, window, next_offset, now + FIRST_SNAPSHOT_S, now + SWEEP_EVERY_S)

    async def _commit_was_decided(self) -> bool:
        """Asked before fencing, which makes the coordinator forget it."""
        client = self._clients.plain()
        try:
            await client.bootstrap()
            return await commit_was_decided(client, topics.transactional_id(*self._place))
        finally:
            await client.close()

    async def _agree(
        self, producer: AIOKafkaProducer, reader: AIOKafkaConsumer, commit_decided: bool
    ) -> tuple[Window, int]:
        def committed_offset() -> Awaitable[int | None]:
            return self._committed_offset(reader)

        return await agree(self._clients, producer, reader, self._ground, committed_offset, commit_decided, self._log)

    async def _committed_offset(self, reader: AIOKafkaConsumer) -> int | None:
        """The group's; and how far behind that is. What never gets to routing must not look as if nothing waited."""
        committed = await self._committed(self._place)
        end = (await reader.end_offsets([self._place]))[self._place]
        begin = (await reader.beginning_offsets([self._place]))[self._place]
        self._metrics.behind(end - max(begin, committed or 0))
        return committed

    async def _begin(self, reader: AIOKafkaConsumer, wanted: int) -> int:
        """The first record that is still there; what retention took before it was routed is told and counted."""
        begin: int = (await reader.beginning_offsets([self._place]))[self._place]
        if begin > wanted:
            self._metrics.overtaken(begin - wanted)
            self._log.error(Event.RETENTION_OVERTOOK, offsets=begin - wanted)
        return begin

    async def _route(self, session: Session, stopping: asyncio.Future[Any]) -> None:
        while not stopping.done():
            polled = await _unless(stopping, session.reader.getmany(self._place, timeout_ms=POLL_MS))
            if polled is None:
                return
            records: Sequence[OffsetRecord] = polled.get(self._place, ())
            if records or time.monotonic() >= session.snapshot_at:
                await self._transact(session, records, stopping)
            self.routing, self._failed = True, False
            if time.monotonic() >= session.sweep_at:
                session.window.forget_old(session.window.newest_seconds)
                session.sweep_at = time.monotonic() + SWEEP_EVERY_S

    async def _transact(self, session: Session, records: Sequence[OffsetRecord], stopping: asyncio.Future[Any]) -> None:
        """All that these records cause, in one transaction. Deciding comes first: an open one blocks readers."""
        is_large = len(records) >= LARGE_RECORDS or await self._behind(session.reader)
        async with self._turns.large if is_large else nullcontext():
            writing = Writing(self._source, self._place.partition, session.window)
            next_offset, number = session.next_offset, 0
            async with self._turns.deciding:
                started = time.monotonic()
                while records:
                    await self._decide(session, records, writing)
                    next_offset, number = records[-1].offset + 1, number + len(records)
                    if number >= self._turns.enough or writing.batches.size >= ENOUGH_BYTES or stopping.done():
                        break
                    records = await self._more(session)
                snapshot = time.monotonic() >= session.snapshot_at
                writing.finish(next_offset, session.window.newest_seconds, every_count=snapshot)
            batches = [(place, self._clients.finished(batch)) for place, batch in writing.batches.take()]
            await transaction.commit(session.producer, self._place, next_offset, batches)
        session.next_offset = next_offset
        if snapshot:
            session.snapshot_at = time.monotonic() + SNAPSHOT_EVERY_S
        await self._tell(session, writing, number, time.monotonic() - started)

    async def _more(self, session: Session) -> Sequence[OffsetRecord]:
        """What else can be read already: a fetch that is under way is waited for, since a queue costs its batch."""
        timeout_ms = FETCH_MS if await self._behind(session.reader) else 0
        polled = await session.reader.getmany(self._place, timeout_ms=timeout_ms)
        found: Sequence[OffsetRecord] = polled.get(self._place, ())
        return found

    async def _behind(self, reader: AIOKafkaConsumer) -> int:
        """How many offsets the last fetch knew of behind those that were polled; position is past markers too."""
        stable: int = reader.last_stable_offset(self._place) or 0
        position: int = await reader.position(self._place)
        return max(0, stable - position)

    async def _decide(self, session: Session, records: Sequence[OffsetRecord], writing: Writing) -> None:
        window = session.window
        self._metrics.working_on(records[0].timestamp)
        window.newest_seconds = max(window.newest_seconds, records[-1].timestamp // 1000)
        decide, source, partition = self._decider.decide, self._source, self._place.partition
        for start in range(0, len(records), YIELD_EVERY):
            await asyncio.sleep(0)  # first: the next fetch is asked for while these are decided
            for record in records[start : start + YIELD_EVERY]:
                writing.add(record, decide(record, source, partition, window))

    async def _tell(self, session: Session, writing: Writing, records: int, duration_s: float) -> None:
        self._metrics.committed(
            writing.counts,
            records=records,
            behind=await self._behind(session.reader),
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
