"""One membership in the group: which partitions are ours, and a loop for each. Ends whole, never by parts.

Fenced means that somebody else owns a partition: answering with a new producer would fence the successor back
(kafka.md, 3a). So everything is given up, the group is left and joined again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from services.router.partition import PartitionLoop
from services.runtime.log import Event, logger

TICK_S: Final = 0.5
ASLEEP_S: Final = 5.0
"""A gap between two ticks that is nearly the session's time-out: our partitions may be somebody else's by now."""
STOP_DEADLINE_S: Final = 8.5
LATE_S: Final = 8.0

NewLoop = Callable[[TopicPartition, Callable[[TopicPartition], Awaitable[int | None]]], PartitionLoop]
Listen = Callable[[int], None]

log = logger()


class Membership(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """From joining to leaving. `live` returns when it was told to quit, or when the membership is lost."""

    def __init__(self, member: AIOKafkaConsumer, topics: Collection[str], new_loop: NewLoop, assigned: Listen) -> None:
        self._member = member
        self._topics = topics
        self._new_loop = new_loop
        self._assigned = assigned
        self._over = asyncio.Event()
        self._leaving = False
        self._stop = asyncio.Event()
        self._loops: dict[TopicPartition, PartitionLoop] = {}
        self._tasks: dict[TopicPartition, asyncio.Task[None]] = {}
        self.joined = False

    @property
    def waiting(self) -> Sequence[TopicPartition]:
        """Assigned partitions that do not route yet."""
        return [place for place, loop in self._loops.items() if not loop.routing]

    async def live(self, quit_event: asyncio.Event, leave: Callable[[Any], Awaitable[None]]) -> None:
        """Join, work, leave. Broken infrastructure ends it; the caller tries again."""
        chores: list[asyncio.Task[Any]] = [asyncio.create_task(self._tick())]
        try:
            await self._member.start()
            self._member.subscribe(topics=list(self._topics), listener=self)
            chores += [
                asyncio.create_task(quit_event.wait()),
                asyncio.create_task(self._over.wait()),
                asyncio.create_task(self._poll()),
            ]
            ended, _ = await asyncio.wait(chores[1:], return_when=asyncio.FIRST_COMPLETED)
            for chore in ended:
                chore.result()
        except Exception as error:  # noqa: BLE001 - broken infrastructure of whatever kind ends the membership
            log.warning(Event.MEMBERSHIP_FAILED, error=error)
        finally:
            self._leaving = True
            for chore in chores:
                chore.cancel()
            await self._end_loops()
            await leave(self._member)
            log.info(Event.LEFT)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Starts the loops and returns at once: heartbeats begin only afterwards."""
        if self._leaving:  # a stop() that timed out leaves the coordination task alive
            return
        self._stop = asyncio.Event()
        for place in assigned:
            self._member.pause(place)
            loop = self._loops[place] = self._new_loop(place, self._committed)
            task = self._tasks[place] = asyncio.create_task(loop.run(self._stop))
            task.add_done_callback(self._ended)
        self.joined = True
        self._assigned(len(assigned))
        log.info(Event.ASSIGNED, partitions=len(assigned))

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Every loop finishes its transaction before anybody else may begin."""
        await self._end_loops()
        if revoked:
            log.info(Event.REVOKED, partitions=len(revoked))

    async def _committed(self, place: TopicPartition) -> int | None:
        offset: int | None = await self._member.committed(place)
        return offset

    async def _end_loops(self) -> None:
        self._stop.set()
        tasks, self._tasks, self._loops = list(self._tasks.values()), {}, {}
        self._assigned(0)
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=STOP_DEADLINE_S)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=LATE_S)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A loop that ends otherwise than by being stopped was fenced, or is broken: the membership is over."""
        error = None if task.cancelled() else task.exception()
        if task.cancelled() or error is not None:
            log.warning(Event.MEMBERSHIP_FAILED, error=error)
            self._over.set()

    async def _poll(self) -> None:
        """Every partition is paused here: this keeps the membership alive and brings its errors to light."""
        while True:
            await self._member.getmany(timeout_ms=1000)

    async def _tick(self) -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            if now - last > ASLEEP_S:
                log.warning(Event.ASLEEP, seconds=round(now - last, 1))
                self._over.set()
            last = now
