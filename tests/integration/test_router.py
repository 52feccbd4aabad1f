"""The router as a process against a real broker: what partners, desks and operators see of it."""

import itertools
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from policy.configuration import load
from policy.topics import queue_topics, topic_plan
from schemas.topics import GROUP
from services.console.provision import provision
from services.router.placement import partition_of
from services.runtime.broker import FOR_TESTS, Cluster
from services.runtime.settings import KafkaSettings, read
from tests.faults import deployment
from tests.faults.routers import PROGRAM, RouterProcess
from tests.samples import as_json, configuration, envelope, place

INGRESS = "referral.ingress.ncmec.v1"
TEST = "referral.ingress.ncmec.test.v1"
RECEIPTS = "referral.receipt.ncmec.v1"
PATIENCE_S = 60
VECTORS = Path(__file__).parents[2] / "schemas" / "vectors"
MARKER = "zqxjkv"
numbers = itertools.count(1)


def fresh(**changes: Any) -> tuple[bytes, bytes]:
    """Key and value of a referral that nobody sent before, from a partner whose clock is right."""
    report = f"it-{os.getpid()}-{next(numbers)}"
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return report.encode(), as_json(envelope(report=report, submitted_at=now, **changes))


def router(log_file: Path, **environment: str) -> RouterProcess:
    settings = {"REFERRAL_ROUTER_PORT": "0", **environment}
    return RouterProcess(PROGRAM, {**os.environ, **settings}, log_file)


class Client:
    """A partner that waits for acknowledgements, and a desk that reads what is committed."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._producer = Producer(
            {"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "acks": "all", "log_level": 0}
        )

    def send(self, key: bytes | None, value: bytes | None, topic: str = INGRESS, **more: Any) -> tuple[int, int]:
        """The record's partition and offset, once it is acknowledged. Raises KafkaException if it never is."""
        placed: list[Any] = []
        self._producer.produce(
            topic, value, key, on_delivery=lambda error, message: placed.append(error or message), **more
        )
        self._producer.flush(PATIENCE_S)
        (found,) = placed
        if not hasattr(found, "offset"):
            raise KafkaException(found)
        return found.partition(), found.offset()

    def read(self, topic: str, enough: Callable[[list[Any]], bool]) -> list[Any]:
        """Committed records of all partitions from the beginning, until they are enough; fails when time is up."""
        return self._read([topic], enough)

    def everything(self, topics: list[str]) -> list[Any]:
        """All committed records of these topics as they stand."""
        return self._read(topics, None)

    def _read(self, topics: list[str], enough: Callable[[list[Any]], bool] | None) -> list[Any]:
        found: list[Any] = []
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "reader",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "log_level": 0,
            }
        )
        try:
            known = consumer.list_topics(timeout=PATIENCE_S).topics
            places = [TopicPartition(topic, number, 0) for topic in topics for number in known[topic].partitions]
            consumer.assign(places)
            ended: set[tuple[Any, Any]] = set()
            deadline = time.monotonic() + PATIENCE_S
            while not enough(found) if enough else len(ended) < len(places):
                assert time.monotonic() < deadline, f"{topics[0]}: {len(found)} records were not enough"
                for message in consumer.consume(500, 0.2):
                    if message.error() is None:
                        found.append(message)
                    else:
                        ended.add((message.topic(), message.partition()))
        finally:
            consumer.close()
        return found

    def receipt(self, place: tuple[int, int], test: bool = False) -> dict[str, Any]:
        """The one receipt of a record."""

        def mine(messages: list[Any]) -> list[dict[str, Any]]:
            receipts = [json.loads(message.value()) for message in messages]
            return [
                receipt
                for receipt in receipts
                if (receipt["partition"], receipt["offset"]) == place
                and receipt.get("test", False) is test
                and "reroute" not in receipt
            ]

        (receipt,) = mine(self.read(RECEIPTS, lambda messages: bool(mine(messages))))
        return receipt

    def queued(self, topic: str, report: bytes) -> Any:
        """The record of this report in a queue."""
        found = self.read(topic, lambda messages: any(message.key() == report for message in messages))
        (message,) = [message for message in found if message.key() == report]
        return message


@pytest.fixture(scope="module")
def running(kafka: KafkaSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RouterProcess]:
    process = router(tmp_path_factory.mktemp("router") / "router.log")
    process.start(kafka.bootstrap_servers)
    process.await_ready(PATIENCE_S)
    yield process
    process.stop()
    assert process.misconduct == []


@pytest.fixture
def client(running: RouterProcess, kafka: KafkaSettings) -> Client:
    return Client(kafka.bootstrap_servers)


def test_a_referral_reaches_each_of_its_desks_with_all_that_the_contract_promises(client: Client) -> None:
    key, value = fresh(urgency="urgent", jurisdictions=[place("NL", "hosting"), place("BE")])
    receipt = client.receipt(client.send(key, value))
    assert receipt["outcome"] == "routed"
    assert receipt["destinations"] == [
        {"desk": "nl-hosting", "lane": "urgent", "roles": ["hosting"]},
        {"desk": "be", "lane": "urgent", "roles": ["upload"]},
    ]
    message = client.queued("referral.queue.nl-hosting.urgent.v1", key)
    headers = dict(message.headers())
    assert headers["ce_id"] == b"ncmec:%b:1" % key
    assert headers["referral-roles"] == b"hosting"
    assert headers["referral-received"].decode() == receipt["received_at"]
    assert int(headers["referral-count"]) >= 1
    assert json.loads(message.value())["report"] == key.decode()


async def test_a_header_name_that_is_no_text_stops_nothing(client: Client) -> None:
    """Kafka's clients in C and Go send any bytes as a name; this one asks for text, so its batch is changed."""
    key, value = fresh(jurisdictions=[place("IS")])
    async with AIOKafkaProducer(bootstrap_servers=client.bootstrap) as producer:
        batch = producer.create_batch()
        batch.append(timestamp=None, key=key, value=value, headers=[("ZQZQ", b"1")])
        batch.close()
        batch._set_producer_state(-1, -1, -1)
        built = bytearray(bytes(batch._build()).replace(b"ZQZQ", b"\xff\xfe\xfd\x80"))
        built[17:21] = calc_crc32c(bytes(built[21:])).to_bytes(4, "big")
        batch._buffer = built
        sent = await (await producer.send_batch(batch, INGRESS, partition=0))
    assert client.receipt((0, sent.offset))["outcome"] == "routed"


def test_a_test_is_answered_and_reaches_no_queue(client: Client) -> None:
    key, value = fresh(jurisdictions=[place("IS")])
    assert client.receipt(client.send(key, value, TEST), test=True)["destinations"]
    marker, follower = fresh(jurisdictions=[place("IS")])
    queue = "referral.queue." + client.receipt(client.send(marker, follower))["destinations"][0]["desk"] + ".routine.v1"
    assert key not in {message.key() for message in client.read(queue, lambda found: bool(found))}


def test_a_forward_reaches_the_desk_it_names(client: Client) -> None:
    key, value = fresh()
    client.receipt(client.send(key, value))
    command = {"command": f"c-{key.decode()}", "action": "forward", "from": "nl", "to": ["nl-oost"], "chain": []}
    client.send(key, as_json({**command, "by": "triage", "envelope": json.loads(value)}), "referral.reroute.v1")
    headers = dict(client.queued("referral.queue.nl-oost.routine.v1", key).headers())
    assert headers["referral-chain"] == b"nl"


def test_no_vector_that_must_be_refused_reaches_a_queue_a_log_or_a_metric(
    client: Client, running: RouterProcess
) -> None:
    """Every invalid record of the vectors, with a marker in key and headers, through the whole process."""
    places = [
        client.send(f"{MARKER}-{number}".encode(), file.read_bytes(), headers=[("x-note", MARKER.encode())])
        for number, file in enumerate(sorted((VECTORS / "invalid").glob("*.*")))
        if file.name != "index.json"
    ]
    smuggled = fresh()[1].replace(b"{", b'{"note":"%b",' % MARKER.encode(), 1)
    places.append(client.send(f"{MARKER}-extra".encode(), smuggled))
    receipts = [client.receipt(place) for place in places[-3:]]
    client.read(RECEIPTS, lambda found: _answered(found) >= set(places))
    assert {receipt["outcome"] for receipt in receipts} == {"rejected"}
    assert MARKER.encode() not in running.log_file.read_bytes()
    assert MARKER not in scrape(running)
    notes = client.read("referral.quarantine.v1", lambda found: len(found) >= len(places))
    assert not any(MARKER.encode() in message.value() or message.key() for message in notes)
    queued = client.everything(list(queue_topics(configuration())))
    assert queued, "the queues were read"
    assert not any(MARKER.encode() in message.key() + message.value() for message in queued)
    assert not any(MARKER.encode() in value for message in queued for _, value in message.headers())


def _answered(messages: list[Any]) -> set[tuple[int, int]]:
    receipts = [json.loads(message.value()) for message in messages]
    return {(receipt["partition"], receipt["offset"]) for receipt in receipts if "test" not in receipt}


def scrape(process: RouterProcess) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port_of(process)}/metrics", timeout=10) as answer:
        return bytes(answer.read()).decode()


def port_of(process: RouterProcess) -> int:
    lines = process.log_file.read_text().splitlines()
    return [int(json.loads(line)["port"]) for line in lines if '"listening"' in line][-1]


def test_the_broker_refuses_what_unpacks_to_more_than_a_batch_may_hold(client: Client) -> None:
    """A bomb: thousands of records that compress to nothing. `compression.type=uncompressed` makes the broker look."""
    bomb = Producer(
        {
            "bootstrap.servers": client.bootstrap,
            "compression.type": "zstd",
            "linger.ms": 500,
            "batch.num.messages": 10_000,
            "batch.size": 200_000_000,
            "message.max.bytes": 200_000_000,
            "log_level": 0,
        }
    )
    errors: list[Any] = []
    for _ in range(3000):
        bomb.produce(INGRESS, b" " * 16_000, b"bomb", partition=0, on_delivery=lambda error, _: errors.append(error))
    bomb.flush(PATIENCE_S)
    assert {error.name() for error in errors if error} == {"MSG_SIZE_TOO_LARGE"}


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    with Cluster(extra=FOR_TESTS) as started:
        yield started


@pytest.fixture
def own_router(tmp_path: Path) -> RouterProcess:
    """With few desks: six hundred topics take longer than the test."""
    directory = deployment.write(tmp_path / "config")
    return router(tmp_path / "router.log", REFERRAL_CONFIG_DIR=str(directory))


def provisioned(cluster: Cluster, directory: Path) -> None:
    settings = read(KafkaSettings, {"KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap})
    provision(settings, topic_plan(load(directory / "config")), dry_run=False)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"


def events(process: RouterProcess) -> set[str]:
    return {json.loads(line)["event"] for line in process.log_file.read_text().splitlines() if line.startswith("{")}


def test_a_router_without_its_topics_says_so_and_begins_once_they_are_there(
    own_cluster: Cluster, own_router: RouterProcess, tmp_path: Path
) -> None:
    process = own_router
    process.start(own_cluster.bootstrap)
    try:
        until(lambda: process.log_file.exists() and "topics_missing" in events(process))
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(f"http://127.0.0.1:{port_of(process)}/readyz", timeout=10)
        provisioned(own_cluster, tmp_path)
        process.await_ready(PATIENCE_S)
    finally:
        process.stop()
    assert process.misconduct == []


def test_an_offset_beyond_the_seen_log_stops_the_partition_and_nothing_else(
    own_cluster: Cluster, own_router: RouterProcess, tmp_path: Path
) -> None:
    """Somebody moved the group's offset by hand: routing from there would lose referrals."""
    provisioned(own_cluster, tmp_path)
    client = Client(own_cluster.bootstrap)
    process = own_router
    process.start(own_cluster.bootstrap)
    process.await_ready(PATIENCE_S)
    first = [fresh() for _ in range(8)]
    places = [client.send(*referral) for referral in first]
    for place_ in places:
        client.receipt(place_)
    process.stop()
    moved = places[0][0]
    group = Consumer({"bootstrap.servers": own_cluster.bootstrap, "group.id": GROUP, "log_level": 0})
    group.commit(offsets=[TopicPartition(INGRESS, moved, 1000)], asynchronous=False)
    group.close()
    process.start(own_cluster.bootstrap)
    try:
        until(lambda: "disagreement" in events(process))
        others = (referral for referral in iter(fresh, None) if partition_of(referral[0], 4) != moved)
        other = client.send(*next(others))
        assert client.receipt(other)["outcome"] == "routed", "the other partitions go on"
        queue = client.read("referral.queue.nl.routine.v1", lambda found: len(found) >= len(first) + 1)
        assert len(queue) == len(first) + 1, "nothing was routed a second time"
    finally:
        process.stop()


def test_what_retention_took_before_it_was_routed_is_told_and_counted(
    own_cluster: Cluster, own_router: RouterProcess, tmp_path: Path
) -> None:
    provisioned(own_cluster, tmp_path)
    client = Client(own_cluster.bootstrap)
    process = own_router
    process.start(own_cluster.bootstrap)
    process.await_ready(PATIENCE_S)
    key, value = fresh()
    partition, offset = client.send(key, value)
    client.receipt((partition, offset))
    process.stop()
    lost = [client.send(key, value) for _ in range(3)]
    end = TopicPartition(INGRESS, partition, lost[-1][1] + 1)
    admin = AdminClient({"bootstrap.servers": own_cluster.bootstrap})
    for deleted in admin.delete_records([end]).values():
        deleted.result(PATIENCE_S)
    process.start(own_cluster.bootstrap)
    try:
        process.await_ready(PATIENCE_S)
        assert "retention_overtook" in events(process)
        assert 'referral_router_overtaken_total{partner="ncmec"} 3.0' in scrape(process)
        assert client.receipt(client.send(key, value))["outcome"] == "duplicate", "what was routed is still known"
    finally:
        process.stop()
