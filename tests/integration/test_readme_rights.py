"""The rights that docs/operator.md gives are enough for everyone there, and for nothing else.

A broker that asks for a login and checks every right; the page's own `allow` lines are what is granted on it.
"""

import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from services.runtime.broker import FOR_TESTS, Cluster
from services.runtime.kafka import librdkafka_options
from services.runtime.ports import free_ports
from services.runtime.settings import KafkaSettings, read
from tests.console_command import Ran, referrals
from tests.faults import deployment
from tests.faults.routers import PROGRAM, RouterProcess
from tests.integration.test_router import fresh
from tests.samples import DEPLOY

PAGE: Final = (DEPLOY.parent / "docs" / "operator.md").read_text("utf-8")
USERS: Final = ("provisioning", "router", "ledger", "notifier", "ncmec", "nl", "operator")
PATIENCE_S: Final = 60
OUTCOMES: Final = "referral.outcome.ncmec.v1"
FORWARDED: Final = "referral.queue.nl-hosting.routine.v1"
RESOURCES: Final = {
    "--topic": ResourceType.TOPIC,
    "--group": ResourceType.GROUP,
    "--transactional-id": ResourceType.TRANSACTIONAL_ID,
}


def bindings(line: str) -> Iterator[AclBinding]:
    """What one `allow` line of the page grants, as kafka-acls.sh reads it."""
    user, *words = shlex.split(line)[1:]
    options = list(zip(words[::2], words[1::2], strict=True))
    prefixed = ("--resource-pattern-type", "prefixed") in options
    for resource, name in options:
        for operation in (value for option, value in options if option == "--operation"):
            if resource in RESOURCES:
                yield AclBinding(
                    RESOURCES[resource],
                    name,
                    ResourcePatternType.PREFIXED if prefixed else ResourcePatternType.LITERAL,
                    f"User:{user}",
                    "*",
                    AclOperation[re.sub(r"(?<!^)(?=[A-Z])", "_", operation).upper()],
                    AclPermissionType.ALLOW,
                )


class Place:
    """The cluster, as each user of it sees it."""

    def __init__(self, cluster: Cluster, directory: Path) -> None:
        self._cluster = cluster
        self._directory = directory
        self._config = told_by_topic(deployment.write(directory / "config"))
        for user in USERS:
            (directory / user).write_text(_password(user))

    def environment(self, user: str) -> dict[str, str]:
        """The variables of one who logs in."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self._cluster.address("LOGIN"),
            "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "KAFKA_SASL_MECHANISM": "PLAIN",
            "KAFKA_SASL_USERNAME": user,
            "KAFKA_SASL_PASSWORD_FILE": str(self._directory / user),
            "REFERRAL_CONFIG_DIR": str(self._config),
        }

    def run(self, user: str, *words: str, stdin: bytes = b"") -> Ran:
        """`referrals WORDS`."""
        return referrals(*words, stdin=stdin, environment=self.environment(user))

    def client(self, user: str, **more: Any) -> dict[str, Any]:
        """Options of librdkafka."""
        kafka = {name: value for name, value in self.environment(user).items() if name.startswith("KAFKA_")}
        return {**librdkafka_options(read(KafkaSettings, kafka)), "log_level": 0, **more}

    def reads(self, user: str, topic: str, *, commits: bool = True) -> list[bytes | None]:
        """The keys in every partition, their ends committed; KafkaException where one of these is not allowed."""
        options = {"enable.auto.commit": False, "auto.offset.reset": "earliest", "enable.partition.eof": True}
        group = "referral-console" if user == "operator" else f"desk-{user}-reader"
        consumer = Consumer(self.client(user, **options, **{"group.id": group}))
        keys: list[bytes | None] = []
        try:
            found = consumer.list_topics(topic, PATIENCE_S).topics[topic]
            if found.error:
                raise KafkaException(found.error)
            left = set(found.partitions)
            consumer.assign([TopicPartition(topic, partition, 0) for partition in left])
            while left and (message := consumer.poll(PATIENCE_S)) is not None:
                if (error := message.error()) is None:
                    keys.append(message.key())
                elif error.code() == KafkaError._PARTITION_EOF:
                    partition, end = message.partition() or 0, message.offset() or 0
                    left.discard(partition)
                    if commits:
                        consumer.commit(offsets=[TopicPartition(topic, partition, end)], asynchronous=False)
                else:
                    raise KafkaException(error)
        finally:
            consumer.close()
        assert not left, "the topic's end was not met"
        return keys


def told_by_topic(config: Path) -> Path:
    """The desk nl reads its notices in its own topic."""
    file = config / "desks.yaml"
    document = yaml.safe_load(file.read_text())
    document["desks"]["nl"]["notify"] = {"channels": {"topic": {"kafka": True}}}
    file.write_text(yaml.safe_dump(document))
    return config


def _password(user: str) -> str:
    return f"{user}-secret"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Granted what the page grants, provisioned by `provisioning`, routed by `router`."""
    logins = " ".join(f'user_{user}="{_password(user)}"' for user in USERS)
    properties = {
        **FOR_TESTS,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",  # the other listeners: the broker itself, and who grants
        "listener.name.login.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.login.plain.sasl.jaas.config": (
            f"org.apache.kafka.common.security.plain.PlainLoginModule required {logins};"
        ),
    }
    directory = tmp_path_factory.mktemp("rights")
    with Cluster(listeners={"LOGIN": "SASL_PLAINTEXT"}, extra=properties) as cluster:
        grant(cluster.bootstrap)
        found = Place(cluster, directory)
        provisioned = found.run("provisioning", "provision")
        assert provisioned.code == 0, provisioned.err
        environment = {**found.environment("router"), "REFERRAL_ROUTER_PORT": "0"}
        process = RouterProcess(PROGRAM, environment, directory / "router.log")
        held = hold_open(cluster.bootstrap)
        process.start(cluster.address("LOGIN"))
        try:
            process.await_ready(PATIENCE_S)
            held.abort_transaction(PATIENCE_S)
            yield found
        finally:
            process.stop()


def hold_open(bootstrap: str) -> Producer:
    """Somebody else's transaction in a topic of each kind that a router writes: it must ask whether that is its own."""
    producer = Producer(
        {"bootstrap.servers": bootstrap, "transactional.id": "somebody-else", "transaction.timeout.ms": 120_000}
    )
    producer.init_transactions(PATIENCE_S)
    producer.begin_transaction()
    for topic in ("referral.queue.nl.routine.v1", "referral.receipt.ncmec.v1", "referral.quarantine.v1"):
        producer.produce(topic, b"{}", partition=0)
    assert producer.flush(PATIENCE_S) == 0
    return producer


def grant(bootstrap: str) -> None:
    """The `allow` lines of the page's marked block."""
    (block,) = re.findall(r"^<!-- rights -->\n```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    lines = [line for line in block.splitlines() if line.startswith("allow ")]
    granted = [binding for line in lines for binding in bindings(line)]
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    for future in client.create_acls(granted).values():
        future.result(PATIENCE_S)


def allowed(ran: Ran) -> None:
    assert "AUTHORIZATION" not in ran.err
    assert ran.code == 0, ran.out + ran.err


def test_a_partner_publishes_and_reads_its_receipts_and_its_desk_reads_the_queue(place: Place) -> None:
    key, value = fresh()
    allowed(place.run("ncmec", "publish", "--test", "--wait", "-", stdin=value))
    published = place.run("ncmec", "publish", "--wait", "-", stdin=value)
    allowed(published)
    assert "routed" in published.out
    allowed(place.run("ncmec", "receipts", "ncmec"))
    assert key in place.reads("nl", "referral.queue.nl.routine.v1")


def test_a_ledger_counts_tells_and_forwards_and_a_desk_reports(place: Place, tmp_path: Path) -> None:
    key, value = fresh()
    report = key.decode()
    allowed(place.run("ncmec", "publish", "--wait", "-", stdin=value))
    environment = {
        **place.environment("ledger"),
        "REFERRAL_LEDGER_PORT": "0",
        "REFERRAL_LEDGER_TRACK": "nl",
        "DATABASE_URL": f"sqlite:///{tmp_path}/ledger.db",
    }
    ledger = RouterProcess((sys.executable, "-m", "services.ledger"), environment, tmp_path / "ledger.log")
    ledger.start(environment["KAFKA_BOOTSTRAP_SERVERS"])
    try:
        ledger.await_ready(PATIENCE_S)
        taken = place.run("nl", "desk", "nl", "take", report, "--role", "triage")
        allowed(taken)
        assert "1 acknowledged" in taken.err
        allowed(place.run("nl", "desk", "nl", "next"))
        assert key in eventually(lambda: place.reads("operator", OUTCOMES, commits=False), key)
        allowed(place.run("nl", "desk", "nl", "forward", report, "--to", "nl-hosting", "--role", "triage"))
        assert key in eventually(lambda: place.reads("operator", FORWARDED, commits=False), key)
    finally:
        ledger.stop()


def test_a_notifier_reads_what_the_ledger_says_and_tells_a_desk_by_its_own_topic(place: Place, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    environment = {
        **place.environment("notifier"),
        "REFERRAL_NOTIFIER_PORT": str(port),
        "DATABASE_URL": f"sqlite:///{tmp_path}/notifier.db",
    }
    notifier = RouterProcess((sys.executable, "-m", "services.notifier"), environment, tmp_path / "notifier.log")
    notifier.start(environment["KAFKA_BOOTSTRAP_SERVERS"])
    try:
        notifier.await_ready(PATIENCE_S)
        tested = place.run("operator", "notify", "--test", "nl", "--url", url, "--json")
        allowed(tested)
        (channel,) = tested.document()["channels"]
        assert (channel["channel"], channel["state"]) == ("topic", "delivered")
        assert len(place.reads("nl", "referral.notice.nl.v1")) == 1
    finally:
        notifier.stop()


def eventually(read: Callable[[], list[bytes | None]], key: bytes) -> list[bytes | None]:
    """What is read once the key is there; what was read last where it never comes."""
    deadline = time.monotonic() + PATIENCE_S
    while key not in (found := read()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def test_a_desk_reports_for_itself_alone(place: Place) -> None:
    refused = place.run("nl", "desk", "nl-hosting", "next")
    assert refused.code == 3
    assert "not ours to see" in refused.err


@pytest.mark.parametrize("words", [["lag"], ["quarantine", "--summary"], ["tally"], ["receipts", "ncmec"]])
def test_an_operator_may_look_at_everything(place: Place, words: Sequence[str]) -> None:
    allowed(place.run("operator", *words))


@pytest.mark.parametrize("topic", ["referral.queue.nl-hosting.routine.v1", "referral.ingress.ncmec.v1"])
def test_a_desk_reads_nothing_but_its_own(place: Place, topic: str) -> None:
    with pytest.raises(KafkaException, match="TOPIC_AUTHORIZATION_FAILED"):
        place.reads("nl", topic)


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("ncmec", "referral.queue.nl.urgent.v1"),
        ("ncmec", "referral.reroute.v1"),
        ("nl", "referral.ingress.ncmec.v1"),
        ("operator", "referral.reroute.v1"),
        ("nl", "referral.status.nl-hosting.v1"),
        ("ledger", "referral.queue.nl.urgent.v1"),
        ("ledger", "referral.status.nl.v1"),
        ("notifier", "referral.notice.v1"),
        ("nl", "referral.notice.nl.v1"),
        ("provisioning", "referral.ingress.ncmec.v1"),
    ],
)
def test_nobody_writes_where_they_have_no_business(place: Place, user: str, topic: str) -> None:
    errors: list[KafkaError | None] = []
    producer = Producer(place.client(user, **{"message.timeout.ms": 1000 * PATIENCE_S}))
    producer.produce(topic, b"{}", b"key", on_delivery=lambda error, _: errors.append(error))
    producer.flush(PATIENCE_S)
    assert [error.name() for error in errors if error] == ["TOPIC_AUTHORIZATION_FAILED"]


def test_nobody_but_a_router_gets_a_routers_transactional_id(place: Place) -> None:
    producer = Producer(place.client("ncmec", **{"transactional.id": "referral-router-referral.ingress.ncmec.v1-0"}))
    with pytest.raises(KafkaException, match="TRANSACTIONAL_ID_AUTHORIZATION_FAILED"):
        producer.init_transactions(PATIENCE_S)


def test_the_pages_function_is_one_that_bash_reads() -> None:
    (block,) = re.findall(r"^<!-- rights -->\n```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    said = subprocess.run(["bash", "-n"], input=block.encode(), capture_output=True, check=False)
    assert (said.returncode, said.stderr) == (0, b"")
