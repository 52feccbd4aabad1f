"""The ledger as a process, behind a real router on a real broker: what it counts, and that a crash changes nothing."""

import itertools
import json
import os
import re
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas import topics
from services.runtime.settings import KafkaSettings
from tests.alerting import ROOT
from tests.console_command import referrals
from tests.faults.routers import PROGRAM, RouterProcess
from tests.integration.test_router import Client
from tests.processes import reader_of
from tests.samples import as_json, envelope, place

LEDGER = (sys.executable, "-m", "services.ledger")
PATIENCE_S = 60
numbers = itertools.count(1)


class LedgerProcess(RouterProcess):
    """A ledger where a router would run: the same life, and figures to ask for."""

    def figure(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        port = self._port()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        total = 0.0
        for line in text.splitlines():
            if line.startswith((name + "{", name + " ")) and all(f'{k}="{v}"' in line for k, v in labels.items()):
                total += float(line.rsplit(" ", 1)[1])
        return total

    def reconcile(self, *words: str) -> tuple[int, str]:
        """`referrals reconcile` beside the running ledger: its code and its output."""
        ran = referrals("reconcile", *words, environment=self._environment)
        return ran.code, ran.out or ran.err

    def until(self, condition: Callable[[], bool], what: str = "") -> None:
        """Wait for it, while the ledger runs."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.running, self.log_file.read_text()
            assert time.monotonic() < deadline, f"{what}\n{self.log_file.read_text()[-2000:]}"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def client(kafka: KafkaSettings) -> Client:
    return Client(kafka.bootstrap_servers)


@pytest.fixture(scope="module")
def router(kafka: KafkaSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RouterProcess]:
    log = tmp_path_factory.mktemp("router") / "router.log"
    process = RouterProcess(PROGRAM, {**os.environ, "REFERRAL_ROUTER_PORT": "0"}, log)
    process.start(kafka.bootstrap_servers)
    process.await_ready(PATIENCE_S)
    yield process
    process.stop()
    assert process.misconduct == []


@pytest.fixture(scope="module")
def ledger(
    router: RouterProcess, kafka: KafkaSettings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LedgerProcess]:
    directory = tmp_path_factory.mktemp("ledger")
    broker = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers}
    settings = {**broker, "REFERRAL_LEDGER_PORT": "0", "DATABASE_URL": f"sqlite:///{directory}/ledger.db"}
    process = LedgerProcess(LEDGER, {**os.environ, **settings}, directory / "ledger.log")
    process.start(kafka.bootstrap_servers)
    process.await_ready(PATIENCE_S)
    yield process
    process.stop()
    assert process.misconduct == []


def publish(client: Client, *countries: str, **changes: Any) -> str:
    """A referral that nobody sent before; its report."""
    report = changes.pop("report", None) or f"lg-{os.getpid()}-{next(numbers)}"
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    content = envelope(report=report, submitted_at=now, jurisdictions=[place(code) for code in countries], **changes)
    client.send(report.encode(), as_json(content))
    return str(report)


def say(client: Client, by: str, report: str, event: str, **changes: Any) -> None:
    """A status event of a desk."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    content = {"partner": "ncmec", "report": report, "desk": by, "event": event, "role": "investigator", "at": now}
    client.send(report.encode(), as_json({**content, **changes}), topics.status(by))


def test_what_is_routed_waits_until_somebody_looks(client: Client, ledger: LedgerProcess) -> None:
    waiting = ledger.figure("referral_entries_waiting", desk="no")
    reports = [publish(client, "NO") for _ in range(3)]
    ledger.until(lambda: ledger.figure("referral_entries_waiting", desk="no") == waiting + 3, "three wait")
    assert ledger.figure("referral_oldest_waiting_timestamp_seconds", desk="no") >= 0

    say(client, "no", reports[0], "looked")
    say(client, "no", reports[1], "taken_up")
    say(client, "no", reports[1], "closed", disposition="prosecution")
    ledger.until(lambda: ledger.figure("referral_closed_total", desk="no", disposition="prosecution") == 1, "closed")
    assert ledger.figure("referral_entries_waiting", desk="no") == waiting + 1
    assert ledger.figure("referral_entries_shelved", desk="no") == 1
    assert ledger.figure("referral_looked_total", desk="no") == 2


def test_a_partner_learns_what_became_of_its_referral(client: Client, ledger: LedgerProcess) -> None:
    report = publish(client, "SE")
    say(client, "se", report, "taken_up")
    say(client, "se", report, "closed", disposition="no_offence")

    def classes(messages: list[Any]) -> set[str]:
        return {json.loads(m.value())["outcome_class"] for m in messages if m.key() == report.encode()}

    found = client.read(topics.outcome("ncmec"), lambda messages: "closed_no_action" in classes(messages))
    assert classes(found) == {"looked", "worked", "closed_no_action"}
    headers = dict(found[-1].headers())
    assert headers["ce_type"] == b"referral.outcome.v1"


def test_a_desk_that_forwards_brings_the_referral_to_the_other(client: Client, ledger: LedgerProcess) -> None:
    report = publish(client, "NL")
    before = ledger.figure("referral_entries_waiting", desk="nl-oost")
    say(client, "nl", report, "forwarded", to="nl-oost")
    ledger.until(lambda: ledger.figure("referral_entries_waiting", desk="nl-oost") == before + 1, "forwarded in")
    message = client.queued(topics.queue("nl-oost", "routine"), report.encode())
    assert dict(message.headers())["referral-chain"] == b"nl"


def test_a_desk_that_an_amendment_no_longer_names_is_told(client: Client, ledger: LedgerProcess) -> None:
    report = publish(client, "DK", "FI")
    ledger.until(lambda: ledger.figure("referral_entries_waiting", desk="dk") == 1, "at dk")
    at_fi = ledger.figure("referral_entries_waiting", desk="fi")
    publish(client, "FI", report=report, revision=2, action="amend")
    ledger.until(lambda: ledger.figure("referral_withdrawn_total", desk="dk") == 1, "withdrawn at dk")
    assert ledger.figure("referral_entries_waiting", desk="dk") == 0
    assert ledger.figure("referral_entries_waiting", desk="fi") == at_fi


def test_a_crash_loses_nothing_and_counts_nothing_twice(
    client: Client, ledger: LedgerProcess, kafka: KafkaSettings
) -> None:
    reports = [publish(client, "PL") for _ in range(20)]
    for report in reports[:5]:
        say(client, "pl", report, "looked")
    ledger.kill()
    more = [publish(client, "PL") for _ in range(20)]
    for report in [*reports[5:8], *more[:2]]:
        say(client, "pl", report, "shelved")
    ledger.start(kafka.bootstrap_servers)
    ledger.await_ready(PATIENCE_S)
    ledger.until(lambda: ledger.figure("referral_looked_total", desk="pl") == 10, "ten looked at")
    assert ledger.figure("referral_entries_waiting", desk="pl") == 30
    assert ledger.figure("referral_opened_total", desk="pl") == 40


def test_a_killed_reader_loses_nothing_and_counts_nothing_twice(client: Client, ledger: LedgerProcess) -> None:
    reports = [publish(client, "SI") for _ in range(10)]
    ledger.until(lambda: ledger.figure("referral_entries_waiting", desk="si") == 10, "ten that wait")
    assert ledger.pid is not None
    for number in range(3):
        os.kill(reader_of(ledger.pid), signal.SIGKILL)
        reports += [publish(client, "SI") for _ in range(5)]
        say(client, "si", reports[number], "looked")
    ledger.until(lambda: ledger.figure("referral_looked_total", desk="si") == 3, "three looked at")
    ledger.until(lambda: ledger.figure("referral_opened_total", desk="si") == 25, "twenty-five came")
    assert ledger.figure("referral_entries_waiting", desk="si") == 22
    assert ledger.figure("referral_looked_total", desk="si") == 3
    assert ledger.figure("referral_opened_total", desk="si") == 25
    assert ledger.figure("referral_conservation_residue") == 0


def test_what_a_desk_says_wrong_is_counted_and_changes_nothing(client: Client, ledger: LedgerProcess) -> None:
    report = publish(client, "AT")
    ledger.until(lambda: ledger.figure("referral_entries_waiting", desk="at") == 1, "at at")
    refused = ledger.figure("referral_status_events_total", desk="at")
    client.send(b"x", b"no json", topics.status("at"))
    client.send(b"x", b" " * 5000, topics.status("at"))
    say(client, "at", report, "looked", desk="be")
    say(client, "at", report, "forwarded", to="atlantis")
    ledger.until(lambda: ledger.figure("referral_status_events_total", desk="at") == refused + 4, "four counted")
    assert ledger.figure("referral_entries_waiting", desk="at") == 1
    assert ledger.figure("referral_status_events_total", desk="at", result="foreign_desk") == 1
    assert report not in ledger.log_file.read_text()


def test_what_the_router_refuses_to_pass_on_is_back_in_view_and_stays_so(
    client: Client, router: RouterProcess, kafka: KafkaSettings, tmp_path: Path
) -> None:
    """A ledger whose desk table is ahead of the router's."""
    for name in ("desks.yaml", "partners.yaml", "triage.yaml"):
        text = (ROOT / "deploy" / name).read_text("utf-8")
        text = text.replace("\n  am: {", "\n  am-new: {name: 'Armenia, new', forwarded_by: am}\n  am: {")
        (tmp_path / name).write_text(text, "utf-8")
    settings = {
        "REFERRAL_LEDGER_PORT": "0",
        "REFERRAL_LEDGER_DESKS": "am",
        "REFERRAL_CONFIG_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/ledger.db",
    }
    ahead = LedgerProcess(LEDGER, {**os.environ, **settings}, tmp_path / "ledger.log")
    ahead.start(kafka.bootstrap_servers)
    try:
        ahead.await_ready(PATIENCE_S)
        report = publish(client, "AM")
        say(client, "am", report, "looked")
        say(client, "am", report, "forwarded", to="am-new")
        ahead.until(lambda: ahead.figure("referral_reroutes_total", desk="am", result="rejected") == 1, "refused")
        for _ in range(2):
            assert ahead.figure("referral_reroutes_total", desk="am", result="sent") == 1
            assert ahead.figure("referral_forwarded_total", desk="am") == 1
            assert ahead.figure("referral_entries_waiting", desk="am") == 1
            ahead.until(lambda: ahead.figure("referral_reroutes_unanswered", desk="am") == 0, "answered")
            ahead.kill()
            ahead.start(kafka.bootstrap_servers)
            ahead.await_ready(PATIENCE_S)
        say(client, "am", report, "taken_up")
        ahead.until(lambda: ahead.figure("referral_entries_in_hand", desk="am") == 1, "in hand")
    finally:
        ahead.stop()
    assert ahead.misconduct == []


def test_nothing_is_in_doubt_until_a_queue_record_is_missing(client: Client, ledger: LedgerProcess) -> None:
    ledger.until(lambda: ledger.figure("referral_ledger_caught_up") == 1, "caught up")
    routed = (
        "no",
        "se",
        "nl",
        "nl-oost",
        "dk",
        "fi",
        "pl",
        "at",
        "cz",
        "sk",
        "ch",
    )  # others' queues are filled by hand
    assert sum(ledger.figure("referral_conservation_residue", desk=desk) for desk in routed) == 0
    code, text = ledger.reconcile()
    assert code == 0, text
    assert "all adds up" in text
    receipt = {
        "partition": 0, "offset": 10**6, "received_at": "2026-11-18T11:06:40.000Z", "outcome": "routed",
        "report": "lost", "revision": 1, "policy": "1", "lane_reasons": ["by_default"],
        "destinations": [{"desk": "ch", "lane": "routine", "roles": ["upload"]}],
    }  # fmt: skip
    client.send(b"lost", as_json(receipt), topics.receipt("ncmec"), partition=0)
    ledger.until(lambda: ledger.figure("referral_conservation_residue", desk="ch", lane="routine") == 1, "in doubt")

    code, text = ledger.reconcile("ch")
    assert code == 1, text
    assert "ch routine from referral.ingress.ncmec.v1/0:" in text
    assert "ingress offset 1000000: a receipt (referral.receipt.ncmec.v1/0@" in text
    assert "no queue record, and no entry" in text
    assert "lost" not in text
    code, text = ledger.reconcile("ch", "--reports", "--json")
    (stream,) = json.loads(text)["streams"]
    assert stream["receipt_without_record"][0]["entry"] == "ncmec:lost:ch"


def test_every_metric_of_the_catalogue_is_there(ledger: LedgerProcess) -> None:
    port = ledger._port()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    names = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    assert {"referral_entries_waiting", "referral_waiting_age_seconds", "referral_conservation_residue"} <= names


def test_a_referral_that_two_desks_forward_to_each_other_is_not_lost_to_sight(
    client: Client, ledger: LedgerProcess
) -> None:
    report = publish(client, "CZ", "SK")

    def waiting(desk: str) -> int:
        return int(ledger.figure("referral_entries_waiting", desk=desk))

    ledger.until(lambda: waiting("cz") == waiting("sk") == 1, "at both")
    say(client, "cz", report, "forwarded", to="sk")
    say(client, "sk", report, "forwarded", to="cz")
    ledger.until(lambda: ledger.figure("referral_forwarded_total", desk="cz") == 1, "cz forwarded")
    ledger.until(lambda: ledger.figure("referral_forwarded_total", desk="sk") == 1, "sk forwarded")
    ledger.until(lambda: waiting("cz") + waiting("sk") >= 1, "somebody has it")


def test_what_is_forwarded_to_a_desk_that_has_closed_it_waits_there_again(
    client: Client, ledger: LedgerProcess
) -> None:
    report = publish(client, "IE", "PT")

    def figure(name: str, desk: str = "ie", **labels: str) -> int:
        return int(ledger.figure(f"referral_{name}", desk=desk, **labels))

    ledger.until(lambda: figure("entries_waiting") == figure("entries_waiting", "pt") == 1, "at both")
    say(client, "ie", report, "closed", disposition="prosecution")
    ledger.until(lambda: figure("closed_total", disposition="prosecution") == 1, "ie closed it")
    assert figure("entries_waiting") == 0
    say(client, "pt", report, "forwarded", to="ie")
    ledger.until(lambda: figure("entries_waiting") == 1, "it waits at ie again")
    assert referrals("desk", "ie", "next", "--json", environment=ledger._environment).out.count(report) == 1
    say(client, "ie", report, "looked")
    ledger.until(lambda: figure("entries_shelved") == 1, "looked at again")
    say(client, "ie", report, "closed", disposition="no_offence")
    ledger.until(lambda: figure("closed_total", disposition="no_offence") == 1, "closed again")
    assert (figure("entries_waiting"), figure("entries_shelved"), figure("looked_total")) == (0, 0, 2)
    assert figure("closed_unlooked_total") == figure("taken_back_total") == 0
    ledger.until(lambda: ledger.figure("referral_ledger_caught_up") == 1, "caught up")
    assert figure("conservation_residue") == figure("conservation_residue", "pt") == 0
    code, text = ledger.reconcile("ie")
    assert code == 0, text


def notices(client: Client, group: str, number: int) -> list[dict[str, Any]]:
    """Every notice of a group, once there are so many. One that is sent again after a crash is the same one."""

    def of_group(messages: list[Any]) -> list[dict[str, Any]]:
        found = [json.loads(message.value()) for message in messages]
        return list({notice["id"]: notice for notice in found if notice["group"] == group}.values())

    messages = client.read(topics.NOTICE, lambda read: len(of_group(read)) >= number)
    return of_group(messages)


def test_what_arrives_urgent_is_told_once_through_crashes_and_by_a_ledger_made_anew(
    client: Client, ledger: LedgerProcess, kafka: KafkaSettings, tmp_path: Path
) -> None:
    group = "hu/urgent/urgent_arrived"
    first = publish(client, "HU", urgency="urgent")
    (opening,) = notices(client, group, 1)
    assert (opening["type"], opening["desk"], opening["count"]) == ("urgent_arrived", "hu", 1)
    ledger.kill()
    second = publish(client, "HU", urgency="urgent")
    ledger.start(kafka.bootstrap_servers)
    ledger.await_ready(PATIENCE_S)
    began = opening["sequence"]
    assert [notice["sequence"] for notice in notices(client, group, 2)] == [began, began + 1]

    ledger.stop()
    settings = {"REFERRAL_LEDGER_PORT": "0", "DATABASE_URL": f"sqlite:///{tmp_path}/anew.db"}
    anew = LedgerProcess(LEDGER, {**os.environ, **settings}, tmp_path / "anew.log")
    anew.start(kafka.bootstrap_servers)
    try:
        anew.await_ready(PATIENCE_S)
        for report in (first, second):
            say(client, "hu", report, "looked")
        found = notices(client, group, 3)
        assert [(notice["sequence"], notice["type"]) for notice in found[2:]] == [(began + 2, "looked")]
    finally:
        anew.stop()
        ledger.start(kafka.bootstrap_servers)
        ledger.await_ready(PATIENCE_S)
    assert len(notices(client, group, 3)) == 3
