"""What a broker leaves half closed, made by hand: a transaction that is open in a queue, and that no one will end.

Seen-log and offset know nothing of it, and the coordinator has forgotten: only the queue itself has a trace. The broker
is told to believe producers (no verification), which lets one write where it did not announce it.
"""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from policy.configuration import load
from policy.topics import topic_plan
from schemas import topics
from services.console.provision import provision
from services.runtime.broker import FOR_TESTS, Cluster
from services.runtime.settings import KafkaSettings, read
from tests.faults import deployment
from tests.faults.readers import to_the_end
from tests.faults.routers import PROGRAM, RouterProcess
from tests.integration.test_router import PATIENCE_S, Client, fresh
from tests.samples import place

INGRESS: Final = topics.ingress(deployment.PARTNER)
OURS: Final = topics.transactional_id(INGRESS, 0)
QUEUE: Final = topics.queue("be", "routine")
OTHER_QUEUE: Final = topics.queue("de", "urgent")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(extra={**FOR_TESTS, "transaction.partition.verification.enable": "false"}) as running:
        yield running


async def leave_open(bootstrap: str, transactional_id: str, topic: str, key: bytes, ingress: str) -> None:
    """Write a record in a transaction of that id, and be gone. The coordinator never hears of the partition."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=transactional_id)
    await producer.start()
    await producer.begin_transaction()
    producer._txn_manager._txn_partitions.add(TopicPartition(topic, 0))
    headers = [("referral-ingress", ingress.encode()), ("referral-count", b"1"), ("ce_id", b"leftover:1:1")]
    await (await producer.send(topic, b"{}", key=key, partition=0, headers=headers))
    producer._sender.sender_task.cancel()
    await producer.client.close()


@pytest.fixture
def chosen(tmp_path: Path) -> Path:
    return deployment.write(tmp_path / "deploy")


@pytest.fixture
def router(chosen: Path, tmp_path: Path) -> Iterator[RouterProcess]:
    environment = {**os.environ, "REFERRAL_CONFIG_DIR": str(chosen), "REFERRAL_ROUTER_PORT": "0"}
    process = RouterProcess(PROGRAM, environment, tmp_path / "router.log")
    yield process
    process.stop()
    assert process.misconduct == []


def prepare(cluster: Cluster, chosen: Path) -> Client:
    settings = read(KafkaSettings, {"KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap})
    provision(settings, topic_plan(load(chosen)), dry_run=False)
    return Client(cluster.bootstrap)


def send(client: Client) -> bytes:
    """A referral for Belgium, routine, in ingress partition 0: its report."""
    key, value = fresh(jurisdictions=[place("BE")], indicators=[])
    client.send(key, value, INGRESS, partition=0)
    return key


def in_queue(bootstrap: str) -> list[tuple[bytes | None, bytes]]:
    """Report and ingress coordinates of each committed record."""
    found = []
    for message in to_the_end(bootstrap, [(QUEUE, 0)], PATIENCE_S):
        headers = dict(cast(list[tuple[str, bytes]], message.headers()))
        found.append((message.key(), headers["referral-ingress"]))
    return found


def healed(router: RouterProcess) -> list[Any]:
    """What the router said that it closed."""
    lines = [json.loads(line) for line in router.log_file.read_text().splitlines()]
    return [line for line in lines if line["event"] == "leftover_healed"]


def test_what_was_never_committed_is_not_committed_by_the_transaction_that_routes_it_again(
    cluster: Cluster, chosen: Path, router: RouterProcess
) -> None:
    client = prepare(cluster, chosen)
    first = send(client)
    asyncio.run(leave_open(cluster.bootstrap, OURS, QUEUE, first, f"{INGRESS}/0/0"))
    router.start(cluster.bootstrap)
    router.await_ready(PATIENCE_S)
    client.queued(QUEUE, first)
    second = send(client)
    client.queued(QUEUE, second)
    assert in_queue(cluster.bootstrap) == [(first, f"{INGRESS}/0/0".encode()), (second, f"{INGRESS}/0/1".encode())]
    assert [(line["repair"], line["partition"], line["ours"]) for line in healed(router)] == [("close_pieces", 0, 1)]


def test_what_was_committed_is_not_lost(cluster: Cluster, chosen: Path, router: RouterProcess) -> None:
    """The offset is past it: it will never be routed again."""
    client = prepare(cluster, chosen)
    router.start(cluster.bootstrap)
    router.await_ready(PATIENCE_S)
    first = send(client)
    client.queued(QUEUE, first)
    router.stop()
    asyncio.run(leave_open(cluster.bootstrap, OURS, QUEUE, b"committed", f"{INGRESS}/0/0"))
    router.start(cluster.bootstrap)
    router.await_ready(PATIENCE_S)
    client.queued(QUEUE, b"committed")
    assert [key for key, _ in in_queue(cluster.bootstrap)] == [first, b"committed"]


def test_what_somebody_else_left_open_holds_up_no_partition(
    cluster: Cluster, chosen: Path, router: RouterProcess
) -> None:
    client = prepare(cluster, chosen)
    asyncio.run(leave_open(cluster.bootstrap, "somebody-else", OTHER_QUEUE, b"other", "elsewhere/0/0"))
    router.start(cluster.bootstrap)
    router.await_ready(PATIENCE_S)
    first = send(client)
    client.queued(QUEUE, first)
    assert healed(router) == []
