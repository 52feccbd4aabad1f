"""Clients of the cluster, quiet ones, and what their errors mean to a person."""

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, TopicMetadata  # type: ignore[attr-defined]

from schemas.topics import GROUP
from services.runtime.exits import CannotRun
from services.runtime.kafka import librdkafka_options, reach
from services.runtime.settings import KafkaSettings

REACH_SECONDS: Final = 4.0
METADATA_SECONDS: Final = 15.0
FETCH_WAIT_MS: Final = 100
"""So long the broker holds a fetch at a partition's end: only its empty answer tells that this was the end."""

_SILENT: Final = logging.Logger("librdkafka", logging.CRITICAL + 1)
"""librdkafka writes to stderr by itself; what matters of it comes back as errors."""


def admin(settings: KafkaSettings) -> AdminClient:
    """A client for topics, configurations and offsets; CannotRun when the cluster is out of reach."""
    _reach(settings)
    return AdminClient(_options(settings), logger=_SILENT)


def consumer(settings: KafkaSettings) -> Consumer:
    """A reader of committed records that joins no group and commits nothing."""
    _reach(settings)
    options = _options(settings) | {
        "group.id": "referral-console",  # required by the client; nothing is ever committed under it
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "fetch.wait.max.ms": FETCH_WAIT_MS,
    }
    return Consumer(options, logger=_SILENT)


def router_offsets(settings: KafkaSettings) -> Consumer:
    """Only for `committed()`: what the router's group has committed. It never subscribes, so it is no member.

    The admin client's own question kills the process while the group's coordinator comes back (librdkafka 2.16:
    rd_kafka_handle_OffsetFetch passes it on to a group that an admin client does not have). Not read_committed: an
    offset that is pending must not hold up the answer.
    """
    options = _options(settings) | {
        "group.id": GROUP,
        "enable.auto.commit": False,
        "isolation.level": "read_uncommitted",
    }
    return Consumer(options, logger=_SILENT)


def producer(settings: KafkaSettings, *, acknowledged_within_s: float) -> Producer:
    """A producer that a partner could copy: idempotent, and partitioned as Java's is (kafka.md 11)."""
    _reach(settings)
    options = _options(settings) | {
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "compression.type": "none",  # ingress is stored uncompressed: the broker would only unpack it again
        "linger.ms": 20,
        "queue.buffering.max.messages": 10_000,  # so that none waits for its turn until it times out
        "batch.size": BATCH_BYTES,
        "delivery.timeout.ms": int(acknowledged_within_s * 1000),
        "topic.metadata.refresh.interval.ms": 2000,  # a paused broker is otherwise found again after minutes
    }
    return Producer(options, logger=_SILENT)


BATCH_BYTES: Final = 64 * 1024
"""Below the ingress topics' `max.message.bytes`, which the broker applies to a batch."""


def _reach(settings: KafkaSettings) -> None:
    """CannotRun when the cluster is out of reach; in a thread, since a caller may have a loop running."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(reach(settings, REACH_SECONDS))).result()


def _options(settings: KafkaSettings) -> dict[str, Any]:
    return {**librdkafka_options(settings), "log_level": 0}


@contextmanager
def broker_errors(doing: str) -> Iterator[None]:
    """Whatever the broker or the client says becomes CannotRun, in the words of its error code."""
    try:
        yield
    except KafkaException as error:
        raise CannotRun(f"{doing} failed: {meaning(error.args[0])}") from None


def meaning(error: KafkaError) -> str:
    """The code's name and its fixed text; never what came with it."""
    return f"{error.name()} ({KafkaError(error.code()).str()})"


def topic_metadata(client: AdminClient | Consumer | Producer, topic: str) -> TopicMetadata:
    """What the cluster says of a topic; CannotRun when it is not there or not ours to see."""
    with broker_errors("asking the cluster for its topics"):
        # All topics, not this one: asking a cluster that creates topics by itself for one would create it.
        found = client.list_topics(timeout=METADATA_SECONDS).topics.get(topic)
    if found is None:
        raise CannotRun(
            f"the topic {topic} is not there, or not ours to see: "
            "`referrals provision` creates what is missing, an ACL gives the right to read"
        )
    if found.error is not None:
        raise CannotRun(f"the topic {topic} cannot be used: {meaning(found.error)}")
    return found
