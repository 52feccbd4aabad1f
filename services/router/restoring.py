"""What the broker holds about an input partition: the seen-log up to its last stable offset, and what is left open."""

import asyncio
from collections.abc import Collection
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas import changelog
from services.router.clients import Clients, discard_reader, prime
from services.router.window import Window

LOOKS: Final = 5
LOOK_EVERY_S: Final = 0.2


async def restore(reader: AIOKafkaConsumer, place: TopicPartition, horizon_seconds: int) -> tuple[Window, bool]:
    """The window as the seen-log has it, and whether nothing was ever in it. `reader` is read_committed.

    Raises schemas.changelog.UnknownFormatError: nothing may be routed then.
    """
    window = Window(horizon_seconds)
    reader.assign([place])
    end = (await reader.end_offsets([place]))[place]
    begin = (await reader.beginning_offsets([place]))[place]
    reader.seek(place, begin)
    while await reader.position(place) < end:
        for record in (await reader.getmany(place, timeout_ms=200)).get(place, ()):
            if record.value is not None:
                window.apply(changelog.decode(record.value))
    window.forget_old(window.newest_seconds)
    return window, begin == 0 and window.next_offset is None


async def left_open(
    clients: Clients, reader: AIOKafkaConsumer, touched: Collection[TopicPartition]
) -> set[TopicPartition]:
    """Where something was open when this was called and still is: markers are lost, if our producer has started.

    Other routers have transactions open all the time, so a place counts only when its last stable offset does not
    come up to what the high watermark was.
    """
    uncommitted = clients.reader("read_uncommitted")
    try:
        await uncommitted.start()
        await prime(uncommitted, {place.topic for place in touched})
        high = await uncommitted.end_offsets(touched)
    finally:
        await discard_reader(uncommitted)
    await prime(reader, {place.topic for place in touched})
    stuck = set(touched)
    for _ in range(LOOKS):
        stable = await reader.end_offsets(stuck)
        stuck = {place for place in stuck if stable[place] < high[place]}
        if not stuck:
            break
        await asyncio.sleep(LOOK_EVERY_S)
    return stuck
