"""The tally on a real broker: transactions, aborted records, markers, and what is altered behind its back."""

import json
from collections.abc import Iterator
from contextlib import suppress

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas import changelog, topics
from services.console import tally_cluster
from services.console.tally import take
from services.console.tally_report import Result
from services.console.tally_terms import Wrong
from services.runtime.broker import Cluster
from services.runtime.kafka import KafkaSettings
from services.runtime.settings import read
from tests.console_command import referrals

INGRESS, RECEIPTS, SEEN = topics.ingress("p"), topics.receipt("p"), topics.seen("p")
QUEUE = topics.queue("nl", "routine")
ALL = (INGRESS, RECEIPTS, SEEN, QUEUE, topics.QUARANTINE)


@pytest.fixture(scope="module")
def broker() -> Iterator[Cluster]:
    """Of its own: the tally reads every topic there is."""
    with Cluster() as running:
        yield running


@pytest.fixture
def world(broker: Cluster) -> Iterator["World"]:
    client = AdminClient({"bootstrap.servers": broker.bootstrap})
    for future in client.create_topics([NewTopic(name, 1, 1) for name in ALL]).values():
        future.result()
    yield World(broker.bootstrap)
    for future in client.delete_topics(list(ALL), operation_timeout=30).values():
        future.result()
    for group in client.delete_consumer_groups([topics.GROUP]).values():
        with suppress(KafkaException):  # nothing was committed
            group.result()


class World:
    """One ingress partition and a router's transactions, written by hand."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.settings = read(KafkaSettings, {"KAFKA_BOOTSTRAP_SERVERS": bootstrap})
        self.offset = self.number = 0
        self.router = Producer({"bootstrap.servers": bootstrap, "transactional.id": "by-hand"})
        self.router.init_transactions(30)
        self.group = Consumer({"bootstrap.servers": bootstrap, "group.id": topics.GROUP})

    def send(self, *topic_names: str) -> None:
        """Plain records, outside of any transaction."""
        producer = Producer({"bootstrap.servers": self.bootstrap})
        for name in topic_names:
            producer.produce(name, b"{}")
        assert producer.flush(30) == 0

    def settle(self, *, queued: bool = True, rejected: bool = False, says: int | None = None) -> None:
        """Receive a record, and write all that belongs to it in one transaction. `says`: the seen-log's next."""
        self.send(INGRESS)
        self.begin(queued=queued, rejected=rejected, says=says)
        self.router.commit_transaction(30)

    def begin(self, *, queued: bool = True, rejected: bool = False, says: int | None = None) -> None:
        offset, self.offset = self.offset, self.offset + 1
        self.router.begin_transaction()
        goals = [] if rejected else [{"desk": "nl", "lane": "routine", "roles": ["upload"]}]
        receipt = {
            "partition": 0, "offset": offset, "outcome": "rejected" if rejected else "routed",
            "reason": "invalid_json" if rejected else None, "report": "R", "revision": 1, "destinations": goals,
        }  # fmt: skip
        self.router.produce(RECEIPTS, json.dumps(receipt).encode())
        if rejected:
            note = {"topic": INGRESS, "partition": 0, "offset": offset, "reason": "invalid_json"}
            self.router.produce(topics.QUARANTINE, json.dumps(note).encode())
        elif queued:
            self.number += 1
            headers = {
                "referral-ingress": f"{INGRESS}/0/{offset}", "referral-count": str(self.number),
                "ce_id": "p:R:1", "referral-roles": "upload",
            }  # fmt: skip
            self.router.produce(QUEUE, b"{}", headers=dict(headers))
        for value in changelog.encode([], {}, says or self.offset, 0):
            self.router.produce(SEEN, value)
        self.router.send_offsets_to_transaction(
            [TopicPartition(INGRESS, 0, self.offset)], self.group.consumer_group_metadata(), 30
        )

    def abort(self) -> None:
        """The same records, and then none of them."""
        before = self.offset, self.number
        self.begin()
        self.router.flush(30)
        self.router.abort_transaction(30)
        self.offset, self.number = before

    def take(self) -> Result:
        return take(self.settings, lambda _: None, lambda _: None)

    def wrong(self) -> set[Wrong]:
        return {finding.wrong for finding in self.take().findings}


def test_what_transactions_wrote_adds_up_and_what_they_aborted_does_not_count(world: World) -> None:
    world.settle()
    world.abort()
    world.settle(rejected=True)
    world.settle()
    world.abort()
    result = world.take()
    assert result.findings == []
    assert (result.received, result.waiting, dict(result.queues)) == (3, 0, {QUEUE: 2})


def test_what_was_not_routed_yet_waits(world: World) -> None:
    world.settle()
    world.send(INGRESS, INGRESS)
    result = world.take()
    assert result.adds_up
    assert (result.received, result.waiting) == (1, 2)


def test_nothing_routed_yet_is_no_fault(world: World) -> None:
    world.send(INGRESS)
    result = world.take()
    assert result.adds_up
    assert (result.received, result.waiting) == (0, 1)


def test_a_lost_queue_record_is_found(world: World) -> None:
    world.settle()
    world.settle(queued=False)
    assert world.wrong() == {Wrong.NOT_IN_QUEUE}


def test_what_nobody_declared_is_found(world: World) -> None:
    world.settle()
    world.send(QUEUE, RECEIPTS, topics.QUARANTINE)
    assert world.wrong() == {Wrong.UNREADABLE}


def test_a_seen_log_that_goes_on_elsewhere_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.console.tally.AGREE_S", 0.5)
    world.settle(says=7)
    assert world.wrong() == {Wrong.SEEN_LOG_DISAGREES}


def test_a_transaction_that_stays_open_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing behind it can be read as committed: that nothing is wrong there can not be said."""
    monkeypatch.setattr(tally_cluster, "PATIENCE_S", 2.0)
    monkeypatch.setattr("services.console.tally.AGREE_S", 0.5)
    world.settle()
    world.send(INGRESS)
    world.begin()
    world.router.flush(30)
    assert Wrong.NEVER_ENDED in world.wrong()
    world.router.abort_transaction(30)


def test_what_retention_deleted_is_unchecked_and_said(world: World) -> None:
    for _ in range(3):
        world.settle()
    client = AdminClient({"bootstrap.servers": world.bootstrap})
    for future in client.delete_records([TopicPartition(RECEIPTS, 0, 3)]).values():
        future.result()  # each receipt is followed by its marker: two of three are gone
    result = world.take()
    assert result.findings == []
    assert result.inputs[next(iter(result.inputs))].unchecked == 2
    for future in client.delete_records([TopicPartition(QUEUE, 0, 5)]).values():
        future.result()
    result = world.take()
    assert result.findings == []
    assert result.unchecked == 1


def test_the_command_prints_the_sum_and_ends_with_its_code(world: World) -> None:
    environment = {"KAFKA_BOOTSTRAP_SERVERS": world.bootstrap}
    world.settle()
    right = referrals("tally", environment=environment)
    assert right.code == 0
    assert f"{INGRESS}: 1 received = 1 routed" in right.out
    assert "It adds up" in right.out
    world.settle(queued=False)
    wrong = referrals("tally", "--json", environment=environment)
    assert wrong.code == 1
    assert [finding["wrong"] for finding in wrong.document()["findings"]] == ["not_in_queue"]


def test_a_cluster_without_our_topics_is_no_empty_success(broker: Cluster) -> None:
    ran = referrals("tally", environment={"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap})
    assert ran.code == 3
    assert "provision" in ran.err
