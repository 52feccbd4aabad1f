"""What the transaction coordinator decided last for a transactional id (KIP-664, DescribeTransactions).

Asked before the producer starts: starting it makes the coordinator forget. aiokafka has no such request, so its
two structures are here (Kafka protocol guide, API key 65, version 0).
"""

import asyncio
from typing import Any, Final

from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import GroupCoordinatorNotAvailableError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields

COMMIT_DECIDED: Final = frozenset({"PrepareCommit", "CompleteCommit"})
LOOK_AGAIN_S: Final = 0.2
UNKNOWN_ID: Final = 105
"""TRANSACTIONAL_ID_NOT_FOUND: the id was never used, or not for a week."""


class DescribeTransactionsResponse(Response):  # type: ignore[misc]  # aiokafka is untyped
    """States of the ids that were asked for."""

    API_KEY = 65
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "transaction_states",
            CompactArray(
                ("error_code", Int16),
                ("transactional_id", CompactString("utf-8")),
                ("transaction_state", CompactString("utf-8")),
                ("transaction_timeout_ms", Int32),
                ("transaction_start_time_ms", Int64),
                ("producer_id", Int64),
                ("producer_epoch", Int16),
                (
                    "topics",
                    CompactArray(
                        ("topic", CompactString("utf-8")),
                        ("partitions", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class DescribeTransactionsRequestStruct(RequestStruct):  # type: ignore[misc]
    """Version 0."""

    FLEXIBLE_VERSION = True
    API_KEY = 65
    API_VERSION = 0
    RESPONSE_TYPE = DescribeTransactionsResponse
    SCHEMA = Schema(("transactional_ids", CompactArray(CompactString("utf-8"))), ("tags", TaggedFields))


class DescribeTransactionsRequest(Request[DescribeTransactionsRequestStruct]):  # type: ignore[misc]
    """Asks for one id."""

    API_KEY = 65

    def __init__(self, transactional_id: str) -> None:
        self._transactional_id = transactional_id

    def build(self, request_struct_class: type[DescribeTransactionsRequestStruct]) -> DescribeTransactionsRequestStruct:
        """The structure to send."""
        return request_struct_class([self._transactional_id], {})


async def commit_was_decided(client: AIOKafkaClient, transactional_id: str) -> bool:
    """True when the last transaction of the id was to be committed, whether or not all its markers were written.

    `client` is connected. Raises aiokafka.errors.KafkaError when the coordinator does not say. Waits while there is
    none, for as long as the caller lets it: on a new cluster the first to ask is the one it is made for.
    """
    node = await _coordinator(client, transactional_id)
    answer: Any = await client.send(node, DescribeTransactionsRequest(transactional_id))
    error_code, _, state, *_ = answer.transaction_states[0]
    if error_code == UNKNOWN_ID:
        return False
    if error_code:
        raise for_code(error_code)
    return state in COMMIT_DECIDED


async def _coordinator(client: AIOKafkaClient, transactional_id: str) -> Any:
    while True:
        try:
            return await client.coordinator_lookup(CoordinationType.TRANSACTION, transactional_id)
        except GroupCoordinatorNotAvailableError:
            await asyncio.sleep(LOOK_AGAIN_S)
