"""What a partition's own producer left open, place by place: found with certainty, and told by its own records.

In a queue the transactions of all partitions stand side by side, and one that never ends holds up the last stable
offset for all: that a place is stuck does not say whose fault it is. The broker knows (KIP-664, DescribeProducers), and
the first record that is open names the ingress record it was written for. aiokafka has no such request, so its two
structures are here (Kafka protocol guide, API key 61, version 0).
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import LeaderNotAvailableError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields

from services.router.clients import Clients, discard_reader, prime

READ_S: Final = 15.0
NAMES: Final = ("referral-ingress", "ce_id")
"""Headers that name the ingress record: of queue records, and of receipts and notes (whose `ce_id` it is)."""


class DescribeProducersResponse(Response):  # type: ignore[misc]  # aiokafka is untyped
    """The producers that each partition remembers."""

    API_KEY = 61
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("error_code", Int16),
                        ("error_message", CompactString("utf-8")),
                        (
                            "producers",
                            CompactArray(
                                ("producer_id", Int64),
                                ("producer_epoch", Int32),
                                ("last_sequence", Int32),
                                ("last_timestamp", Int64),
                                ("coordinator_epoch", Int32),
                                ("transaction_start", Int64),
                                ("tags", TaggedFields),
                            ),
                        ),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class DescribeProducersRequestStruct(RequestStruct):  # type: ignore[misc]
    """Version 0."""

    FLEXIBLE_VERSION = True
    API_KEY = 61
    API_VERSION = 0
    RESPONSE_TYPE = DescribeProducersResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")), ("partitions", CompactArray(Int32)), ("tags", TaggedFields)
            ),
        ),
        ("tags", TaggedFields),
    )


class DescribeProducersRequest(Request[DescribeProducersRequestStruct]):  # type: ignore[misc]
    """Asks a leader about some of its partitions."""

    API_KEY = 61

    def __init__(self, places: Iterable[TopicPartition]) -> None:
        self._topics: defaultdict[str, list[int]] = defaultdict(list)
        for topic, partition in places:
            self._topics[topic].append(partition)

    def build(self, request_struct_class: type[DescribeProducersRequestStruct]) -> DescribeProducersRequestStruct:
        """The structure to send."""
        return request_struct_class([(topic, partitions, {}) for topic, partitions in self._topics.items()], {})


async def left_by_us(
    clients: Clients, client: AIOKafkaClient, producer_id: int, stuck: Collection[TopicPartition]
) -> dict[TopicPartition, int | None]:
    """Of the places that are stuck, those where a transaction of `producer_id` is open, and for which ingress offset.

    None where its first record names none: it was written to close something. `client` knows the places' leaders. Call
    it when our producer has started and has not begun: what is open then has lost its markers. Raises
    aiokafka.errors.KafkaError when a broker does not say, TimeoutError when it does not let read.
    """
    starts = await open_since(client, producer_id, stuck)
    if not starts:
        return {}
    reader = clients.reader("read_uncommitted")
    try:
        async with asyncio.timeout(READ_S):
            await reader.start()
            await prime(reader, {place.topic for place in starts})
            return await _first_records(reader, starts)
    finally:
        await discard_reader(reader)


async def open_since(
    client: AIOKafkaClient, producer_id: int, places: Iterable[TopicPartition]
) -> dict[TopicPartition, int]:
    """The first offset of each open transaction of `producer_id`."""
    by_node: defaultdict[int, list[TopicPartition]] = defaultdict(list)
    for place in places:
        by_node[client.cluster.leader_for_partition(place)].append(place)
    found: dict[TopicPartition, int] = {}
    for node, its in by_node.items():
        if node is None or node < 0:
            raise LeaderNotAvailableError
        answer: Any = await client.send(node, DescribeProducersRequest(its))
        for topic, partitions, _ in answer.topics:
            for partition, error_code, _, producers, _ in partitions:
                if error_code:
                    raise for_code(error_code)
                for identity, _, _, _, _, start, _ in producers:
                    if identity == producer_id and start >= 0:
                        found[TopicPartition(topic, partition)] = start
    return found


async def _first_records(
    reader: AIOKafkaConsumer, starts: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int | None]:
    """A transaction's first offset is a data record's: nothing that could be read is before it."""
    waiting = dict(starts)
    reader.assign(list(waiting))
    for place, start in waiting.items():
        reader.seek(place, start)
    found: dict[TopicPartition, int | None] = {}
    while waiting:
        for place, records in (await reader.getmany(*waiting, timeout_ms=200)).items():
            if records:
                found[place] = ingress_offset(records[0].headers)
                del waiting[place]
    return found


def ingress_offset(headers: Iterable[tuple[str, bytes | None]]) -> int | None:
    """The offset of the ingress record that a record of ours was written for; None where it does not say."""
    named = dict(headers)
    for name in NAMES:
        offset = (named.get(name) or b"").rpartition(b"/")[2]
        if b"/" in (named.get(name) or b"") and offset.isdigit():
            return int(offset)
    return None
