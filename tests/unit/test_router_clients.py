"""What we lean on inside aiokafka is still there: its private names, its constants, its order of things."""

import inspect

import aiokafka.producer.sender as sender
from aiokafka import AIOKafkaProducer
from aiokafka.consumer.group_coordinator import GroupCoordinator

from services.router import clients, transaction


def test_the_pause_between_transactions_is_ours_and_still_used() -> None:
    assert sender.BACKOFF_OVERRIDE == clients.BETWEEN_TRANSACTIONS_S
    uses = inspect.getsource(sender).count("BACKOFF_OVERRIDE")
    assert uses >= 2, "nothing reads the constant any more: the latency is 20 ms worse and nobody would notice"


def test_a_transaction_ends_before_any_request_of_it_is_repeated() -> None:
    assert transaction.DEADLINE_S * 1000 < clients.TRANSACTION_TIMEOUT_MS < clients.REQUEST_TIMEOUT_MS


async def test_what_discarding_reaches_into_exists() -> None:
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1", transactional_id="x")
    assert producer._sender.sender_task is None
    assert hasattr(producer.client, "close")
    for name in ("_stop_heartbeat_task", "_maybe_leave_group"):
        assert inspect.iscoroutinefunction(getattr(GroupCoordinator, name))
    assert "_coordination_task" in inspect.getsource(GroupCoordinator.__init__)


async def test_a_producer_that_was_never_started_can_be_discarded() -> None:
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1", transactional_id="x")
    await clients.discard_producer(producer)
    assert producer._closed
