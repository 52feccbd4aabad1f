"""What we lean on inside aiokafka is still there: its private names, its constants, its order of things."""

import inspect
import re

import aiokafka.producer.sender as sender
from aiokafka import AIOKafkaProducer
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.producer import message_accumulator
from aiokafka.producer.message_accumulator import BatchBuilder

from services.router import clients, transaction
from services.router.batch import Batches, content
from services.runtime.settings import KafkaSettings


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


def test_a_finished_batch_is_built_once_and_sent_again_the_same() -> None:
    batches = Batches()
    batches.put(("t", 0), 1_000, content(b"key", b"value", 0, b""))
    ((_, batch),) = batches.take()
    finished = clients.Clients(KafkaSettings(bootstrap_servers="127.0.0.1:1"), "snappy", 65_536).finished(batch)
    assert (finished.closed(), finished.record_count()) == (True, 1)
    finished._set_producer_state(7, 3, 11)
    first = finished._build()
    assert first == batch.build("snappy", 7, 3, 11)
    finished._set_producer_state(8, 4, 99)
    assert finished._build() == first


def test_the_sender_asks_of_a_builder_only_what_a_finished_batch_answers() -> None:
    source = inspect.getsource(message_accumulator).replace(inspect.getsource(BatchBuilder), "")
    asked = set(re.findall(r"_builder\.(\w+)", source))
    assert asked == {"append", "close", "record_count", "closed", "_set_producer_state", "_build"}
    assert "append" not in inspect.getsource(AIOKafkaProducer.send_batch)


async def test_a_producer_that_was_never_started_can_be_discarded() -> None:
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1", transactional_id="x")
    await clients.discard_producer(producer)
    assert producer._closed
