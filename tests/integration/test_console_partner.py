"""What partners and operators see through the command, against a real broker.

A partner of its own, so that no other test reads or writes its topics; the router is played by the tests, which
write receipts as it does: in transactions, one of them aborted.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaException,
    Producer,
    TopicPartition,
    murmur2,
)
from confluent_kafka.admin import AdminClient

from policy.configuration import load
from policy.topics import topic_plan
from schemas import topics
from services.console.provision import provision
from services.runtime.settings import KafkaSettings
from tests.console_command import Ran, referrals
from tests.samples import DEPLOY, as_json, envelope

PARTNER = "hotline-under-test"
PARTITIONS = 3
RECEIVED = "2026-11-18T11:06:40.000Z"


@pytest.fixture(scope="module")
def deploy(kafka: KafkaSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("deploy")
    for name in ("desks.yaml", "triage.yaml"):
        (directory / name).write_text((DEPLOY / name).read_text())
    (directory / "partners.yaml").write_text(
        f"partners:\n  {PARTNER}:\n    name: Hotline\n    ingress_partitions: {PARTITIONS}\n    window_days: 45\n"
        f"keys:\n  key-a:\n    scope: [{PARTNER}]\n    valid_from: 2020-01-01T00:00:00Z\n"
    )
    provision(kafka, [spec for spec in topic_plan(load(directory)) if PARTNER in spec.name], dry_run=False)
    return directory


@pytest.fixture
def command(kafka: KafkaSettings, deploy: Path) -> Callable[..., Ran]:
    environment = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "REFERRAL_CONFIG_DIR": str(deploy)}

    def run(*arguments: str, stdin: bytes = b"") -> Ran:
        return referrals(*arguments, stdin=stdin, environment=environment)

    return run


def written(report: str, **changes: Any) -> bytes:
    return as_json(envelope(submitted_at="2025-01-01T00:00:00Z", incident={"type": "other"}, report=report,
                            partner=PARTNER, **changes))  # fmt: skip


def consumer(kafka: KafkaSettings) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": "router-under-test",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )


def receipt(partition: int, offset: int, report: str | None, outcome: str, **more: Any) -> dict[str, Any]:
    return {
        "partition": partition,
        "offset": offset,
        "received_at": RECEIVED,
        "outcome": outcome,
        "report": report,
        "revision": None if report is None else 1,
    } | more


class Router:
    """Reads an ingress and answers each record by a receipt; the first transaction is an aborted lie."""

    def __init__(self, kafka: KafkaSettings, *, test: bool = False) -> None:
        self._stop = Event()
        self._topic = topics.ingress_test(PARTNER) if test else topics.ingress(PARTNER)
        self._test = {"test": True} if test else {}
        self._consumer = consumer(kafka)
        count = len(self._consumer.list_topics(timeout=10).topics[self._topic].partitions)
        places = [TopicPartition(self._topic, partition) for partition in range(count)]
        for place in places:
            place.offset = self._consumer.get_watermark_offsets(place, timeout=10)[1]
        self._consumer.assign(places)
        self._producer = Producer(
            {"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": f"under-test-{self._topic}"}
        )
        self._producer.init_transactions(20)
        self._thread = Thread(target=self._answer)

    def __enter__(self) -> "Router":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def _answer(self) -> None:
        while not self._stop.is_set():
            for message in self._consumer.consume(100, 0.1):
                partition, offset = message.partition(), message.offset()
                assert partition is not None
                assert offset is not None
                try:
                    report = json.loads(message.value() or b"")["report"]
                except (ValueError, KeyError):
                    report = None
                lie = receipt(partition, offset, report, "rejected", reason="too_deep")
                truth = (
                    receipt(partition, offset, report, "unroutable")
                    if report
                    else receipt(partition, offset, None, "rejected", reason="invalid_json")
                )
                self._write(partition, lie | self._test, commit=False)
                self._write(partition, truth | self._test, commit=True)

    def _write(self, partition: int, content: Mapping[str, Any], *, commit: bool) -> None:
        self._producer.begin_transaction()
        place = 0 if self._test else partition
        self._producer.produce(topics.receipt(PARTNER), value=as_json(content), partition=place)
        self._producer.flush(20)
        if commit:
            self._producer.commit_transaction(20)
        else:
            self._producer.abort_transaction(20)


def read_back(kafka: KafkaSettings, topic: str, wanted: set[bytes]) -> Iterator[Any]:
    """The records of a topic with these keys; all of them, within 20 s."""
    reader = consumer(kafka)
    count = len(reader.list_topics(timeout=10).topics[topic].partitions)
    reader.assign([TopicPartition(topic, partition, 0) for partition in range(count)])
    deadline = time.monotonic() + 20
    missing = set(wanted)
    while missing and time.monotonic() < deadline:
        for message in reader.consume(100, 0.2):
            key = message.key()
            if key in missing:
                missing.discard(key)
                yield message
    reader.close()
    assert not missing


def test_what_is_published_has_the_reports_key_place_headers_and_bytes(
    kafka: KafkaSettings, command: Callable[..., Ran]
) -> None:
    reports = [f"publish-{number}" for number in range(20)]
    ran = command("publish", "-", "--json", stdin=b"\n".join(map(written, reports)))
    assert ran.code == 0, ran.err
    places = {(answer["partition"], answer["offset"]) for answer in ran.documents()}
    assert len(places) == 20
    seen = set()
    for message in read_back(kafka, topics.ingress(PARTNER), {report.encode() for report in reports}):
        key = message.key()
        seen.add((message.partition(), message.offset()))
        assert message.partition() == murmur2(key, PARTITIONS)
        assert message.value() == written(key.decode())
        headers = dict(message.headers())
        assert headers["ce_id"] == f"{PARTNER}:{key.decode()}:1".encode()
        assert headers["content-type"] == b"application/json"
    assert seen == places


def test_wait_shows_the_receipts_of_exactly_these_records(kafka: KafkaSettings, command: Callable[..., Ran]) -> None:
    with Router(kafka):
        command("publish", "-", stdin=written("somebody-elses"))
        ran = command("publish", "--wait", "-", "--json", stdin=written("wait-1") + b"\n" + written("wait-2"))
    answers = {answer["line"]: answer["receipt"] for answer in ran.documents()}
    assert ran.code == 0, ran.err
    assert {line: (found["report"], found["outcome"]) for line, found in answers.items()} == {
        1: ("wait-1", "unroutable"),
        2: ("wait-2", "unroutable"),
    }


def test_a_record_that_would_be_rejected_is_not_sent_and_the_others_are(
    kafka: KafkaSettings, command: Callable[..., Ran]
) -> None:
    before = ends(kafka, topics.ingress(PARTNER))
    ran = command("publish", "-", stdin=written("mixed-1") + b"\n{\n" + written("mixed-2"))
    assert ran.code == 1
    assert ran.out.startswith("stdin:2: invalid_json: ")
    assert "2 acknowledged, 1 refused here" in ran.err
    assert ends(kafka, topics.ingress(PARTNER)) == before + 2


def test_unchecked_sends_what_would_be_rejected_and_its_receipt_exits_with_1(
    kafka: KafkaSettings, command: Callable[..., Ran]
) -> None:
    with Router(kafka, test=True):
        ran = command("publish", "--partner", PARTNER, "--test", "--unchecked", "--wait", "--json", "-", stdin=b"{oops")
    (answer,) = ran.documents()
    assert ran.code == 1
    assert answer["topic"] == topics.ingress_test(PARTNER)
    assert (answer["receipt"]["outcome"], answer["receipt"]["reason"]) == ("rejected", "invalid_json")
    assert answer["receipt"]["test"] is True


def test_without_a_router_wait_gives_up_and_says_so(command: Callable[..., Ran]) -> None:
    ran = command("publish", "--wait", "--timeout", "1", "-", stdin=written("nobody-answers"))
    assert ran.code == 1
    assert "1 record without a receipt: is the router running?" in ran.err


def test_a_partner_nobody_knows_sends_nothing(kafka: KafkaSettings, command: Callable[..., Ran]) -> None:
    before = ends(kafka, topics.ingress(PARTNER))
    ran = command("publish", "-", stdin=as_json(envelope()))
    assert ran.code == 1
    assert "partner_mismatch" in ran.out
    assert PARTNER in ran.out
    assert ends(kafka, topics.ingress(PARTNER)) == before


def test_a_topic_that_is_missing_is_3_and_names_provision(kafka: KafkaSettings, command: Callable[..., Ran],
                                                           deploy: Path) -> None:  # fmt: skip
    environment = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "REFERRAL_CONFIG_DIR": str(deploy)}
    partners = (deploy / "partners.yaml").read_text()
    try:
        (deploy / "partners.yaml").write_text(partners.replace(PARTNER, "not-provisioned"))
        ran = referrals("receipts", "not-provisioned", environment=environment)
    finally:
        (deploy / "partners.yaml").write_text(partners)
    assert ran.code == 3
    assert "referrals provision" in ran.err
    assert len(ran.err.splitlines()) == 1


def test_receipts_are_the_committed_ones_from_where_one_asks(kafka: KafkaSettings, command: Callable[..., Ran]) -> None:
    with Router(kafka):
        command("publish", "--wait", "-", stdin=written("kept-1"))
    ran = command("receipts", PARTNER, "--json")
    mine = [found for found in ran.documents() if found["report"] == "kept-1"]
    assert ran.code == 0
    assert [found["outcome"] for found in mine] == ["unroutable"]
    assert all(found["reason"] != "too_deep" for found in ran.documents())
    assert any(
        found["report"] == "kept-1" for found in command("receipts", PARTNER, "--from", "1day", "--json").documents()
    )
    assert command("receipts", PARTNER, "--from", "end").out == ""


def test_the_quarantine_is_listed_and_counted(kafka: KafkaSettings, command: Callable[..., Ran]) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
    for offset, urgent in ((1, True), (2, False)):
        note = {
            "topic": topics.ingress(PARTNER),
            "partition": 0,
            "offset": offset,
            "received_at": RECEIVED,
            "reason": "too_deep",
            "size_bytes": 900,
            "claims_urgent": urgent,
        }
        producer.produce(topics.QUARANTINE, value=as_json(note))
    producer.produce(topics.QUARANTINE, value=b"no note")
    producer.flush(20)
    listed = command("quarantine", "--json")
    assert listed.code == 0
    assert [n["offset"] for n in listed.documents() if n["topic"] == topics.ingress(PARTNER)] == [1, 2]
    summary = command("quarantine", "--summary", "--json").document()
    assert {"topic": topics.ingress(PARTNER), "reason": "too_deep", "records": 2, "claiming_urgent": 1} in summary[
        "by_reason"
    ]
    assert "unreadable" in listed.err
    assert "no note" not in listed.err + listed.out
    assert command("quarantine", "--summary", "--follow").code == 2


def test_lag_is_counted_in_records_and_in_the_age_of_the_one_that_waits(
    kafka: KafkaSettings, command: Callable[..., Ran]
) -> None:
    topic = topics.ingress(PARTNER)
    command("publish", "-", stdin=b"\n".join(written(f"lag-{number}") for number in range(30)))
    reader = consumer(kafka)
    for partition in range(PARTITIONS):
        end = reader.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)[1]
        commit(kafka, topic, partition, end if partition else end - 1)
    reader.assign([TopicPartition(topic, 0, reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1] - 1)])
    message = reader.poll(20)
    reader.close()
    assert message is not None
    found = command("lag", "--json")
    now_ms = time.time() * 1000
    rows = {row["partition"]: row for row in found.document()["partitions"] if row["topic"] == topic}
    assert [rows[p]["behind_records"] for p in range(PARTITIONS)] == [1, 0, 0]
    assert rows[0]["committed"] == rows[0]["end"] - 1
    assert 0 < rows[0]["behind_seconds"] <= (now_ms - message.timestamp()[1]) / 1000
    assert rows[1]["behind_seconds"] == 0
    assert command("lag").out.count(topic) == PARTITIONS


def test_what_retention_took_before_the_router_read_it_is_said_and_is_1(
    kafka: KafkaSettings, command: Callable[..., Ran]
) -> None:
    place = TopicPartition(topics.ingress_test(PARTNER), 0)
    command("publish", "--test", "-", stdin=written("soon-deleted-1") + b"\n" + written("soon-deleted-2"))
    reader = consumer(kafka)
    end = reader.get_watermark_offsets(place, timeout=10)[1]
    reader.close()
    commit(kafka, place.topic, 0, end - 2)
    client = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for deleted in client.delete_records([TopicPartition(place.topic, 0, end)]).values():
        deleted.result()
    ran = command("lag", "--json")
    (row,) = [row for row in ran.document()["partitions"] if row["topic"] == place.topic]
    commit(kafka, place.topic, 0, end)
    assert ran.code == 1
    assert (row["deleted_unread"], row["behind_records"]) == (2, 0)
    assert "retention deleted 2 offsets" in ran.err


def test_receipts_do_not_wait_behind_an_open_transaction(kafka: KafkaSettings, command: Callable[..., Ran]) -> None:
    open_producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": "left-open"})
    open_producer.init_transactions(20)
    open_producer.begin_transaction()
    never = receipt(2, 0, "never-committed", "routed")
    open_producer.produce(topics.receipt(PARTNER), value=as_json(never), partition=2)
    open_producer.flush(20)
    ran = command("receipts", PARTNER, "--json")
    open_producer.abort_transaction(20)
    assert ran.code == 0, ran.err
    assert all(found["report"] != "never-committed" for found in ran.documents())


def test_follow_shows_what_comes_and_ctrl_c_ends_it_well(
    kafka: KafkaSettings, deploy: Path, command: Callable[..., Ran]
) -> None:
    environment = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "REFERRAL_CONFIG_DIR": str(deploy)}
    following = subprocess.Popen(
        [sys.executable, "-m", "services.console", "receipts", PARTNER, "--follow", "--json"],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # ignored where the tests run behind a shell's `&`
    )
    try:
        assert following.stdout is not None
        with Router(kafka):
            command("publish", "--wait", "-", stdin=written("followed"))
        while json.loads(following.stdout.readline())["report"] != "followed":
            pass
        following.send_signal(signal.SIGINT)
        _, noted = following.communicate(timeout=60)
    finally:
        following.kill()
    assert following.returncode == 0, noted
    assert noted.endswith(("receipts\n", "receipt\n"))


def ends(kafka: KafkaSettings, topic: str) -> int:
    reader = consumer(kafka)
    count = len(reader.list_topics(timeout=10).topics[topic].partitions)
    total = sum(reader.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in range(count))
    reader.close()
    return total


def commit(kafka: KafkaSettings, topic: str, partition: int, offset: int) -> None:
    """As the router's group; tried again while a router of another test is still a member of it."""
    client = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    wanted = ConsumerGroupTopicPartitions(topics.GROUP, [TopicPartition(topic, partition, offset)])
    deadline = time.monotonic() + 20
    while True:
        try:
            answer = client.alter_consumer_group_offsets([wanted])[topics.GROUP].result()
            assert all(place.error is None for place in answer.topic_partitions)
        except (KafkaException, AssertionError):
            if time.monotonic() > deadline:
                raise
        else:
            return
