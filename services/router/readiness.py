"""Whether every place the router may have to write to exists. A topic that does not would block a transaction."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from policy.configuration import Configuration
from schemas import topics
from services.router.source import Source, written_by
from services.runtime.kafka import librdkafka_options
from services.runtime.log import Event, logger
from services.runtime.settings import KafkaSettings

RETRY_S: Final = 2.0
METADATA_TIMEOUT_S: Final = 10.0

_SILENT: Final = logging.Logger("librdkafka", logging.CRITICAL + 1)
"""librdkafka writes to stderr by itself, and not in JSON; what matters of it comes back as an error."""

log = logger()


def needed(configuration: Configuration, sources: Iterable[Source]) -> dict[str, int]:
    """Topic → partitions that must be there before the first record is routed."""
    found: dict[str, int] = {topics.QUARANTINE: 1}
    for source in sources:
        found[source.topic] = source.partitions
        for partition in range(source.partitions):
            for topic, number in written_by(source, partition, configuration):
                found[topic] = max(found.get(topic, 0), number + 1)
    return found


async def missing(kafka: KafkaSettings, wanted: dict[str, int]) -> list[str] | None:
    """Topics that are not there, or have too few partitions; None when the cluster does not say."""

    def ask() -> dict[str, int]:
        metadata = AdminClient({**librdkafka_options(kafka), "log_level": 0}, logger=_SILENT).list_topics(
            timeout=METADATA_TIMEOUT_S
        )
        return {name: len(topic.partitions) for name, topic in metadata.topics.items()}

    try:
        there = await asyncio.to_thread(ask)
    except KafkaException:
        return None
    return sorted(name for name, partitions in wanted.items() if there.get(name, 0) < partitions)


async def wait_for_topics(kafka: KafkaSettings, wanted: dict[str, int], quit_event: asyncio.Event) -> bool:
    """True once all are there; False when told to quit before. Says once what is missing."""
    told: list[str] | None = []
    while not quit_event.is_set():
        absent = await missing(kafka, wanted)
        if absent == []:
            return True
        if absent != told:
            told = absent
            log.warning(Event.TOPICS_MISSING, topics=len(absent or ()), reachable=absent is not None)
        try:
            await asyncio.wait_for(quit_event.wait(), RETRY_S)
        except TimeoutError:
            continue
    return False
