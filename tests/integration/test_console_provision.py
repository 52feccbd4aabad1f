"""Provisioning against a real broker."""

from concurrent.futures import Future
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec, ResourceType  # type: ignore[attr-defined]

from policy.topics import TopicSpec, topic_plan
from services.console.alignment import Setting
from services.console.provision import provision
from services.runtime.settings import KafkaSettings
from tests.console_command import Ran, referrals
from tests.samples import configuration


@pytest.fixture
def client(kafka: KafkaSettings) -> AdminClient:
    return AdminClient({"bootstrap.servers": kafka.bootstrap_servers})


@pytest.fixture
def name() -> str:
    return f"provision-{uuid4().hex[:8]}"


def answered(futures: dict[Any, Future[Any]]) -> list[Any]:
    return [future.result() for future in futures.values()]


def config_of(client: AdminClient, topic: str) -> dict[str, str]:
    (found,) = answered(client.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]))
    return {name: entry.value for name, entry in found.items()}


def partitions_of(client: AdminClient, topic: str) -> int:
    return len(client.list_topics(timeout=10).topics[topic].partitions)


def run(kafka: KafkaSettings, *arguments: str) -> Ran:
    return referrals("provision", *arguments, environment={"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers})


def test_the_whole_configuration_is_there_with_leaders_and_again_changes_nothing(
    kafka: KafkaSettings, client: AdminClient
) -> None:
    plan = topic_plan(configuration())
    topics = client.list_topics(timeout=10).topics
    assert all(part.leader >= 0 for spec in plan for part in topics[spec.name].partitions.values())
    assert all(len(topics[spec.name].partitions) == spec.partitions for spec in plan)
    ran = run(kafka, "--json")
    answer = ran.document()
    assert ran.code == 0, ran.err
    assert answer["unchanged"] == len(plan)
    assert answer["created"] == answer["configured"] == answer["extended"] == answer["refused"] == []


def test_a_dry_run_changes_nothing(kafka: KafkaSettings, client: AdminClient, name: str) -> None:
    changes = provision(kafka, [TopicSpec(name, 2, {}, fixed=False)], dry_run=True)
    assert [created.topic for created in changes.created] == [name]
    assert name not in client.list_topics(timeout=10).topics


def test_what_differs_is_aligned_and_what_is_beyond_the_plan_stays(
    kafka: KafkaSettings, client: AdminClient, name: str
) -> None:
    answered(client.create_topics([NewTopic(name, 1, 1, config={"retention.ms": "5", "segment.bytes": "2097152"})]))
    spec = TopicSpec(name, 3, {"retention.ms": "86400000"}, fixed=False)
    changes = provision(kafka, [spec], dry_run=False)
    assert changes.configured == (Setting(name, "retention.ms", "5", "86400000"),)
    assert partitions_of(client, name) == 3
    config = config_of(client, name)
    assert (config["retention.ms"], config["segment.bytes"]) == ("86400000", "2097152")
    assert provision(kafka, [spec], dry_run=False).nothing_to_do


def test_what_is_created_can_be_used_at_once(kafka: KafkaSettings, client: AdminClient, name: str) -> None:
    plan = [TopicSpec(f"{name}-{number}", 3, {}, fixed=True) for number in range(20)]
    provision(kafka, plan, dry_run=False)
    wanted = {TopicPartition(spec.name, part): OffsetSpec.latest() for spec in plan for part in range(3)}  # type: ignore[no-untyped-call]
    assert [answer.offset for answer in answered(client.list_offsets(wanted))] == [0] * 60


@pytest.mark.parametrize("has", [2, 5])
def test_a_fixed_partition_count_is_refused_and_the_rest_is_done(
    kafka: KafkaSettings, client: AdminClient, name: str, has: int
) -> None:
    answered(client.create_topics([NewTopic(name, has, 1)]))
    other = f"{name}-other"
    plan = [TopicSpec(name, 4, {}, fixed=True), TopicSpec(other, 1, {}, fixed=True)]
    changes = provision(kafka, plan, dry_run=False)
    assert [(refusal.topic, refusal.has, refusal.wants) for refusal in changes.refused] == [(name, has, 4)]
    assert partitions_of(client, name) == has
    assert partitions_of(client, other) == 1


def test_a_refusal_exits_with_1_and_names_topic_has_wants_and_why(
    kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch, client: AdminClient, name: str
) -> None:
    answered(client.create_topics([NewTopic(name, 2, 1)]))
    monkeypatch.setattr("services.console.provision.topic_plan", lambda _: (TopicSpec(name, 4, {}, fixed=True),))
    ran = run(kafka)
    assert ran.code == 1
    assert ran.out.startswith(f"refused {name}: has 2 partitions, the configuration wants 4: ")
    assert "fixed for life" in ran.out


def test_a_topic_that_somebody_else_creates_meanwhile_is_no_error(
    kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch, client: AdminClient, name: str
) -> None:
    answered(client.create_topics([NewTopic(name, 1, 1)]))
    monkeypatch.setattr("services.console.provision._present", lambda *_: {})
    provision(kafka, [TopicSpec(name, 1, {}, fixed=True)], dry_run=False)
    assert partitions_of(client, name) == 1
