"""`referrals provision`: the topics that the configuration asks for, created and aligned; again changes nothing."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict
from typing import Annotated, Any, Final, TypeVar

import typer
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
    TopicMetadata,
)

from policy.topics import TopicSpec, topic_plan
from services.console import output
from services.console.alignment import Changes, Creation, Extension, Present, Setting, compare, replication_for
from services.console.cluster import METADATA_SECONDS, admin, broker_errors
from services.console.environment import configuration, kafka_settings
from services.runtime.exits import FOUND, CannotRun
from services.runtime.settings import KafkaSettings

REQUEST_SECONDS: Final = 60.0
LEADERS_SECONDS: Final = 120.0
TOPICS_A_REQUEST: Final = 100
"""The controller takes at most 10,000 changes in one request; a topic is about ten."""

END: Final = OffsetSpec.latest()  # type: ignore[no-untyped-call]
_NOT_YET: Final = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.FENCED_LEADER_EPOCH,
    }
)
"""What a broker says of a partition whose leader has only just been chosen."""

Item = TypeVar("Item")


def provision(
    settings: KafkaSettings, plan: Sequence[TopicSpec], dry_run: bool, *, replication: int | None = None
) -> Changes:
    """Bring the cluster to the plan; what was done, or with `dry_run` what would be done.

    `replication`: of topics created now; by default 3, or the number of brokers where there are fewer.
    Returns when every partition of the plan has a leader that answers.
    CannotRun when the cluster is out of reach or refuses.
    """
    client = admin(settings)
    with broker_errors("provisioning"):
        cluster = client.list_topics(timeout=METADATA_SECONDS)
        present = _present(client, {spec.name: cluster.topics.get(spec.name) for spec in plan})
        changes = compare(plan, present, replication or replication_for(len(cluster.brokers)))
        if not dry_run:
            _create(client, changes.created)
            _configure(client, changes.configured)
            _extend(client, changes.extended)
            _wait_for_leaders(client, _partitions_after(plan, present))
    return changes


def _present(client: AdminClient, found: Mapping[str, TopicMetadata | None]) -> dict[str, Present]:
    there = {name: topic for name, topic in found.items() if topic is not None}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in there]
    configs: dict[str, dict[str, str | None]] = {}
    asked = [client.describe_configs(group, request_timeout=REQUEST_SECONDS) for group in _groups(resources)]
    for resource, future in (answer for group in asked for answer in group.items()):
        configs[resource.name] = {name: entry.value for name, entry in future.result().items()}
    return {
        name: Present(
            partitions=len(topic.partitions),
            replication=min((len(part.replicas) for part in topic.partitions.values()), default=0),
            config=configs[name],
        )
        for name, topic in there.items()
    }


def _create(client: AdminClient, creations: Sequence[Creation]) -> None:
    wanted = [NewTopic(c.topic, c.partitions, c.replication, config=dict(c.config)) for c in creations]
    asked = [client.create_topics(group, request_timeout=REQUEST_SECONDS) for group in _groups(wanted)]
    for topic, future in (answer for group in asked for answer in group.items()):
        _done(f"creating {topic}", future, unless=KafkaError.TOPIC_ALREADY_EXISTS)


def _configure(client: AdminClient, settings: Sequence[Setting]) -> None:
    by_topic: dict[str, list[ConfigEntry]] = {}
    for setting in settings:
        entry = ConfigEntry(setting.name, setting.wants, incremental_operation=AlterConfigOpType.SET)
        by_topic.setdefault(setting.topic, []).append(entry)
    resources = [
        ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries) for topic, entries in by_topic.items()
    ]
    for group in _groups(resources):
        changed = client.incremental_alter_configs(group, request_timeout=REQUEST_SECONDS)
        for resource, future in changed.items():
            _done(f"configuring {resource.name}", future)


def _extend(client: AdminClient, extensions: Sequence[Extension]) -> None:
    if not extensions:
        return
    wanted = [NewPartitions(extension.topic, extension.wants) for extension in extensions]
    for topic, future in client.create_partitions(wanted, request_timeout=REQUEST_SECONDS).items():
        _done(f"extending {topic}", future)


def _done(doing: str, future: Future[Any], unless: int | None = None) -> None:
    """Wait for one answer; `unless` is the error that means somebody else just did the same."""
    with broker_errors(doing):
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != unless:
                raise


def _partitions_after(plan: Iterable[TopicSpec], present: Mapping[str, Present]) -> dict[str, int]:
    """How many partitions each topic has when all is done: a count that may not change stays."""
    return {
        spec.name: spec.partitions if (found := present.get(spec.name)) is None or not spec.fixed else found.partitions
        for spec in plan
    }


def _wait_for_leaders(client: AdminClient, partitions: Mapping[str, int]) -> None:
    deadline = time.monotonic() + LEADERS_SECONDS
    pause = 0.05
    while waiting := _without_leader(client, partitions) or _not_led(client, partitions):
        if time.monotonic() > deadline:
            raise CannotRun(
                f"{output.count(len(waiting), 'topic')} still without a leader after {LEADERS_SECONDS:.0f} s, "
                f"{waiting[0]} among them: are all brokers up?"
            )
        time.sleep(pause)
        pause = min(2 * pause, 1.0)  # the answer lists every topic: a busy broker is not asked all the time


def _without_leader(client: AdminClient, partitions: Mapping[str, int]) -> list[str]:
    topics = client.list_topics(timeout=METADATA_SECONDS).topics
    return [name for name, count in partitions.items() if not _led(topics.get(name), count)]


def _not_led(client: AdminClient, partitions: Mapping[str, int]) -> list[str]:
    """Topics whose named leader does not act as one yet.

    A broker publishes metadata before it makes the logs: with 600 new topics it then refuses for seconds.
    """
    wanted = {TopicPartition(name, part): END for name, count in partitions.items() for part in range(count)}
    waiting: dict[str, None] = {}
    for place, future in client.list_offsets(wanted, request_timeout=REQUEST_SECONDS).items():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() not in _NOT_YET:
                raise
            waiting[place.topic] = None
    return list(waiting)


def _led(topic: TopicMetadata | None, partitions: int) -> bool:
    if topic is None or topic.error is not None or len(topic.partitions) < partitions:
        return False
    return all(partition.leader >= 0 for partition in topic.partitions.values())


def _groups(items: Sequence[Item]) -> Iterator[list[Item]]:
    for start in range(0, len(items), TOPICS_A_REQUEST):
        yield list(items[start : start + TOPICS_A_REQUEST])


def command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    replication: Annotated[
        int | None,
        typer.Option(min=1, max=9, help="Replicas of new topics; 3 by default, or as many as there are brokers."),
    ] = None,
    as_json: output.Json = False,
) -> None:
    """Create and align the topics that the configuration asks for.

    Running it again changes nothing. It creates what is missing, sets configuration values that differ and
    adds partitions where that is safe. It never deletes, never touches what an operator set beyond the plan,
    and never changes the partition count of an ingress, receipt or seen topic: that it says, and exits with 1.

    Examples:

      referrals provision --dry-run
      referrals provision
      KAFKA_BOOTSTRAP_SERVERS=kafka-1:9092 referrals provision --json
    """
    changes = provision(kafka_settings(), topic_plan(configuration()), dry_run, replication=replication)
    if as_json:
        output.document({"dry_run": dry_run, **asdict(changes)})
    else:
        _tell(changes, dry_run)
    raise typer.Exit(FOUND if changes.refused else 0)


def _tell(changes: Changes, dry_run: bool) -> None:
    would = "would " if dry_run else ""
    for created in changes.created:
        size = f"{output.count(created.partitions, 'partition')}, {output.count(created.replication, 'replica')}"
        output.result(f"{would}create {created.topic}: {size}")
    for setting in changes.configured:
        output.result(f"{would}set {setting.topic} {setting.name}: {setting.has} -> {setting.wants}")
    for extension in changes.extended:
        output.result(f"{would}extend {extension.topic}: {extension.has} -> {extension.wants} partitions")
    for refusal in changes.refused:
        output.result(f"refused {refusal}")
    if thin := changes.thin:
        output.note(
            f"{output.count(len(thin), 'topic')} with fewer replicas than a new one would get ({thin[0].wants}), "
            f"{thin[0].topic} among them: moving replicas is the operator's (kafka-reassign-partitions)"
        )
    counts = (
        f"{len(changes.created)} created, {len(changes.configured)} values set, {len(changes.extended)} extended, "
        f"{len(changes.refused)} refused, {changes.unchanged} as they should be"
    )
    output.note(f"dry run, nothing was changed: {counts}" if dry_run else counts)
