"""A desk officer's day through the command, on a real broker; the router is played: queue records are made here."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from policy.configuration import load
from policy.topics import topic_plan
from schemas import topics
from schemas.codes import Lane
from services.console.provision import provision
from services.runtime.broker import FOR_TESTS, Cluster
from services.runtime.settings import KafkaSettings, read
from tests.console_command import Ran, referrals
from tests.integration.test_router import Client
from tests.samples import DEPLOY, NOW_MS, as_json
from tests.unit.ledger_world import SOURCE, form, header_fields

Desk = Callable[..., Ran]
DESKS = ("gr", "cy", "lt", "ro", "hu", "nl")
ROLE = ("--role", "triage")


@pytest.fixture(scope="module")
def kafka() -> Iterator[KafkaSettings]:
    """A broker of its own: queue records without receipts are in doubt for every ledger that reads them."""
    with Cluster(extra=FOR_TESTS) as running:
        settings = read(KafkaSettings, {"KAFKA_BOOTSTRAP_SERVERS": running.bootstrap})
        topics_of = re.compile(rf"referral\.(queue|status)\.({'|'.join(DESKS)})\.")
        provision(settings, [spec for spec in topic_plan(load(DEPLOY)) if topics_of.match(spec.name)], dry_run=False)
        yield settings


@pytest.fixture
def desk(kafka: KafkaSettings) -> Desk:
    def run(name: str, *words: str, stdin: bytes = b"") -> Ran:
        environment = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers}
        return referrals("desk", name, *words, stdin=stdin, environment=environment)

    return run


@pytest.fixture
def client(kafka: KafkaSettings) -> Client:
    return Client(kafka.bootstrap_servers)


def queue(kafka: KafkaSettings, name: str, *records: tuple[str, Lane], **changes: object) -> None:
    """Write records as the router does: in a transaction, after one that is undone."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": f"desk-test-{name}"})
    producer.init_transactions(30)
    for commit in (False, True):
        producer.begin_transaction()
        for number, (report, lane) in enumerate(records):
            value = form(report=report if commit else f"lie-{report}", **changes)
            headers = header_fields(value, NOW_MS + number, SOURCE, number, number + 1, "")
            producer.produce(topics.queue(name, lane), value, report.encode(), headers=list(headers.items()))
        if commit:
            producer.commit_transaction(30)
        else:
            producer.flush(30)
            producer.abort_transaction(30)


def test_an_officer_takes_what_is_next_works_it_and_closes_it(desk: Desk, kafka: KafkaSettings, client: Client) -> None:
    queue(kafka, "gr", ("1-R", Lane.ROUTINE), ("2-U", Lane.URGENT), ("3-U", Lane.URGENT), ("-4", Lane.PRIORITY))
    shown = desk("gr", "next", "--count", "2", "--json").document()
    assert [one["report"] for one in shown["next"]] == ["2-U", "3-U"]
    assert shown["waiting"] == 4
    assert "gr: 4 referrals nobody has looked at, 2 shown" in desk("gr", "next", "--count", "2").err

    taken = desk("gr", "take", "2-U", *ROLE)
    assert (taken.code, taken.err) == (0, "referral.status.gr.v1: 1 acknowledged\n")
    closed = desk("gr", "close", "2-U", *ROLE, "--disposition", "prosecution", "--json")
    assert closed.documents()[0]["result"] == "acknowledged"
    again = desk("gr", "close", "2-U", *ROLE, "--disposition", "merged")
    assert again.code == 1
    assert "word:1: it is closed; closed cannot follow (may follow: reopened)" in again.out

    assert desk("gr", "look", *ROLE, "--", "-4", "3-U").code == 0
    assert desk("gr", "look", "-", *ROLE, stdin=b"1-R\n1-R\n\n").code == 0
    assert desk("gr", "next", "--json").document()["waiting"] == 0
    exported = desk("gr", "export")
    rows = list(csv.DictReader(io.StringIO(exported.out)))
    assert {row["report"]: row["state"] for row in rows} == {
        "1-R": "shelved", "2-U": "closed", "3-U": "shelved", "'-4": "shelved",
    }  # fmt: skip
    only = desk("gr", "export", "--state", "closed", "--format", "ndjson").documents()
    assert [(row["report"], row["disposition"]) for row in only] == [("2-U", "prosecution")]

    messages = client.read(topics.status("gr"), lambda found: len(found) >= 5)
    assert {message.key() for message in messages} == {b"2-U", b"-4", b"3-U", b"1-R"}
    assert dict(messages[0].headers())["ce_type"] == b"referral.status.v1"


def test_a_file_with_one_wrong_line_publishes_nothing_unless_told_to_keep_going(
    desk: Desk, kafka: KafkaSettings, tmp_path: Path
) -> None:
    queue(kafka, "cy", ("a", Lane.ROUTINE), ("b", Lane.ROUTINE))
    event = {"partner": "ncmec", "report": "a", "event": "looked", "role": "triage", "at": "2026-11-18T11:06:41Z"}
    file = tmp_path / "status.ndjson"
    lines = [event, event | {"event": "seen"}, event | {"report": "b", "event": "returned"}, event | {"report": "b"}]
    file.write_bytes(b"\n".join(as_json(one) for one in lines))

    refused = desk("cy", "status", str(file))
    assert refused.code == 1
    assert f"{file}:2: event: expected" in refused.out
    assert f"{file}:3: it is waiting; returned cannot follow" in refused.out
    assert "2 held back" in refused.err
    assert desk("cy", "next", "--json").document()["waiting"] == 2

    assert desk("cy", "status", str(file), "--dry-run", "--keep-going").code == 1
    assert desk("cy", "next", "--json").document()["waiting"] == 2

    kept = desk("cy", "status", str(file), "--keep-going", "--json")
    assert kept.code == 1
    results = [(one["line"], one["result"]) for one in kept.documents()]
    assert sorted(results) == [(1, "acknowledged"), (2, "refused"), (3, "refused"), (4, "acknowledged")]
    assert desk("cy", "next", "--json").document()["waiting"] == 0


def test_the_same_file_again_changes_nothing(desk: Desk, kafka: KafkaSettings) -> None:
    queue(kafka, "lt", ("a", Lane.ROUTINE))
    event = as_json({"report": "a", "event": "taken_up", "role": "triage", "at": "2026-11-18T11:06:41Z"})
    for _ in range(2):
        assert desk("lt", "status", "-", stdin=event).code == 0
    (row,) = desk("lt", "export", "--format", "ndjson").documents()
    assert (row["state"], row["contested"]) == ("in_hand", 0)


def test_forwarding_takes_it_out_of_the_desks_hands(desk: Desk, kafka: KafkaSettings) -> None:
    queue(kafka, "ro", ("f", Lane.URGENT))
    assert desk("ro", "forward", "f", "--to", "fi", *ROLE).code == 0
    after = desk("ro", "look", "f", *ROLE)
    assert "it is forwarded to fi; looked cannot follow (nothing may follow until it comes back)" in after.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["atlantis", "next"], "is no desk of desks.yaml"),
        (["nl", "next", "1"], "takes no further words"),
        (["nl", "next", "--role", "triage"], "next has no --role"),
        (["nl", "look", "1"], "--role is missing"),
        (["nl", "look", "--role", "triage"], "no report number"),
        (["nl", "close", "1", *ROLE], "--disposition is missing"),
        (["nl", "look", "1", *ROLE, "--to", "be"], "look has no --to"),
        (["nl", "forward", "1", *ROLE], "--to is missing"),
        (["nl", "forward", "1", *ROLE, "--to", "nl"], "expected another desk"),
        (["nl", "look", "1", *ROLE, "--partner", "nobody"], "no partner of partners.yaml"),
        (["nl", "export", "--state", "gone"], "--state: found"),
        (["nl", "export", "--since", "yesterday"], "--since: expected"),
        (["nl", "status"], "expected one file"),
        (["nl", "status", "/nowhere/at/all"], "No such file"),
    ],
)
def test_wrong_words_are_wrong_use(desk: Desk, words: list[str], said: str) -> None:
    ran = desk(*words)
    assert ran.code == 2, ran.err
    assert said in ran.err


def test_an_unknown_number_is_refused_before_anything_is_published(desk: Desk, kafka: KafkaSettings) -> None:
    queue(kafka, "hu", ("known", Lane.ROUTINE))
    ran = desk("hu", "look", "known", "typo", *ROLE)
    assert ran.code == 1
    assert "word:2: partner: missing, and the desk's queues hold no referral of this number" in ran.out
    assert desk("hu", "next", "--json").document()["waiting"] == 1
    assert json.loads(desk("hu", "look", "typo", *ROLE, "--partner", "ncmec", "--json").out)["result"] == "refused"
