"""What the broker holds about an input partition: the seen-log up to its last stable offset, and what is left open."""

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas import changelog
from services.router.clients import Clients, discard_reader
from services.router.window import Window


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


async def is_left_open(clients: Clients, reader: AIOKafkaConsumer, place: TopicPartition) -> bool:
    """True when something of a transaction is still open although our producer has started: its markers are lost.

    The high watermark is read before the last stable offset, so that nothing written in between can deceive.
    """
    uncommitted = clients.reader("read_uncommitted")
    try:
        await uncommitted.start()
        high = (await uncommitted.end_offsets([place]))[place]
    finally:
        await discard_reader(uncommitted)
    stable = (await reader.end_offsets([place]))[place]
    return bool(stable < high)
