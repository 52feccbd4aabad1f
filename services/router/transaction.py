"""One transaction, written out: begin, send, offsets, await every future, commit.

aiokafka's context manager commits although a send failed, and does not abort when the commit raises
(kafka.md, items 1 and 4). Whatever raises here leaves the transaction undecided: the caller discards the producer.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer, TopicPartition

from schemas.topics import GROUP
from services.router.batch import Place
from services.router.clients import FinishedBatch, add_partitions

DEADLINE_S: Final = 8.0
"""For the whole transaction: below the request time-out, so that no request of it is repeated silently (3b)."""


async def commit(
    producer: AIOKafkaProducer,
    place: TopicPartition,
    next_offset: int,
    batches: Iterable[tuple[Place, FinishedBatch]],
) -> None:
    """All batches and the ingress offset behind them, or an exception and nobody knows (item 3)."""
    sent: list[asyncio.Future[Any]] = []
    try:
        async with asyncio.timeout(DEADLINE_S):
            await producer.begin_transaction()
            for (topic, partition), batch in batches:
                sent.append(await producer.send_batch(batch, topic, partition=partition))
            await producer.send_offsets_to_transaction({place: next_offset}, GROUP)
            await every(sent)
            await producer.commit_transaction()
    finally:
        _forget(sent)


async def abort_leftover(
    producer: AIOKafkaProducer,
    place: TopicPartition,
    committed: int,
    touched: Sequence[tuple[str, int]],
) -> None:
    """Close what a restarted broker left open: an abort marker of ours in every partition it may be in.

    After an unclean restart the coordinator may complete a transaction without writing its markers; the next
    commit of this id would commit the leftover with it.
    """
    sent: list[asyncio.Future[Any]] = []
    try:
        async with asyncio.timeout(2 * DEADLINE_S):
            await producer.begin_transaction()
            for topic, partition in touched:
                sent.append(await producer.send(topic, b"{}", partition=partition))
            await producer.send_offsets_to_transaction({place: committed}, GROUP)
            await every(sent)
            await producer.abort_transaction()
    finally:
        _forget(sent)


async def commit_leftover(
    producer: AIOKafkaProducer,
    place: TopicPartition,
    next_offset: int | None,
    touched: Sequence[tuple[str, int]],
) -> None:
    """The same with commit markers, for what was decided; `next_offset` where the group's is too old."""
    async with asyncio.timeout(2 * DEADLINE_S):
        await producer.begin_transaction()
        add_partitions(producer, touched)
        if next_offset is not None:
            await producer.send_offsets_to_transaction({place: next_offset}, GROUP)
        await producer.commit_transaction()


async def every(sent: Iterable[asyncio.Future[Any]]) -> None:
    """Wait for each delivery; raises the first error. A commit succeeds although one of these failed."""
    await asyncio.gather(*sent)


def _forget(sent: Iterable[asyncio.Future[Any]]) -> None:
    """The first error is enough: take the others, so that asyncio does not print them (they may hold payload)."""
    for future in sent:
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
