"""`docker compose up --wait` routes what kcat publishes, once, and keeps it through restarts."""

import json
import time
from collections import Counter
from typing import Any

import pytest

from schemas import topics
from schemas.canonical import canonical
from schemas.envelope import Envelope
from tests.alerting import rules
from tests.compose.stack import Stack, until
from tests.samples import as_json, configuration, envelope

SERVICES = {"kafka", "router", "postgres", "ledger", "notifier", "sinks", "prometheus", "alertmanager"}
ONCE = {"provisioning", "secrets"}
"""What ends by itself, and must end well."""


def referral(report: str) -> tuple[str, bytes]:
    """Report and value of a sample envelope whose clock is right."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return report, as_json(envelope(report=report, submitted_at=now))


def urgent(report: str) -> tuple[str, bytes]:
    """Report and value of one whose partner says that it is urgent."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return report, as_json(envelope(report=report, submitted_at=now, urgency="urgent"))


def queue_of(value: bytes) -> str:
    """Where the policy in deploy/ sends a referral of the Netherlands' national desk."""
    return topics.queue("nl", configuration().triage.judge(Envelope.model_validate_json(value)).lane)


def waiting(value: bytes) -> str:
    """The series of the entries that wait where the referral goes."""
    lane = configuration().triage.judge(Envelope.model_validate_json(value)).lane
    return f'referral_entries_waiting{{desk="nl", lane="{lane}"}}'


def left(stack: Stack, value: bytes) -> list[float]:
    """What that series must say: a report in the queue is one entry, and the tests' events are looks at some."""
    return [float(len({record.key for record in stack.read(queue_of(value))} - stack.said))]


def looked(report: str) -> bytes:
    """The desk says that a human has looked."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return as_json(
        {"partner": "ncmec", "report": report, "desk": "nl", "event": "looked", "role": "investigator", "at": now}
    )


def security(container: dict[str, Any]) -> dict[str, Any]:
    host = container["HostConfig"]
    return {
        "read_only": host["ReadonlyRootfs"],
        "dropped": host["CapDrop"],
        "added": host["CapAdd"] or [],
        "no_new_privileges": any(option.startswith("no-new-privileges") for option in host["SecurityOpt"]),
        "limited": host["Memory"] > 0,
    }


def test_everything_is_healthy_and_the_topics_are_made(stack: Stack) -> None:
    found = stack.containers()
    assert found.keys() == SERVICES | ONCE, "the simulator runs only where it is asked for"
    assert {name: found[name]["State"]["Health"]["Status"] for name in SERVICES} == dict.fromkeys(SERVICES, "healthy")
    ends = {name: (found[name]["State"]["Status"], found[name]["State"]["ExitCode"]) for name in ONCE}
    assert ends == dict.fromkeys(ONCE, ("exited", 0))


def test_ports_are_published_on_loopback_alone(stack: Stack) -> None:
    published = [each["NetworkSettings"]["Ports"].values() for each in stack.containers().values()]
    bindings = [binding for ports in published for port in ports for binding in port or ()]
    assert {(binding["HostIp"], int(binding["HostPort"])) for binding in bindings} == {
        ("127.0.0.1", port)
        for port in (
            stack.kafka_port,
            stack.router_port,
            stack.ledger_port,
            stack.notifier_port,
            stack.prometheus_port,
            stack.alertmanager_port,
        )
    }


def test_no_container_has_more_rights_than_it_needs(stack: Stack) -> None:
    tight = {"read_only": True, "dropped": ["ALL"], "added": [], "no_new_privileges": True, "limited": True}
    for name, container in stack.containers().items():
        assert security(container) == tight, name
        assert container["Config"]["User"] not in ("", "0", "root"), name


def test_the_router_can_change_nothing_of_its_own_program(stack: Stack) -> None:
    assert stack.compose("exec", "-T", "router", "id", "-u").strip() == "10001"
    with pytest.raises(AssertionError, match="Read-only file system"):
        stack.compose("exec", "-T", "router", "touch", "/srv/referrals/policy/new.py")


def test_the_image_holds_only_what_it_runs(stack: Stack) -> None:
    held = stack.compose("exec", "-T", "router", "find", "/srv/referrals", "-type", "f", "-not", "-name", "*.pyc")
    files = [line.removeprefix("/srv/referrals/") for line in held.splitlines()]
    assert {file.split("/")[0] for file in files} == {"deploy", "policy", "schemas", "services"}
    assert {file for file in files if file.startswith("deploy/")} == {
        f"deploy/{name}.yaml" for name in ("desks", "partners", "triage")
    }
    assert "vectors" not in held


def test_what_kcat_publishes_is_in_the_desks_queue_and_has_a_receipt(stack: Stack) -> None:
    report, value = referral("compose-one")
    stack.publish(report, value)
    (receipt,) = [r for r in stack.receipts() if r["report"] == report]
    assert receipt["outcome"] == "routed"
    assert [destination["desk"] for destination in receipt["destinations"]] == ["nl"]
    (queued,) = [record for record in stack.read(queue_of(value)) if record.key == report]
    assert queued.value.encode() == canonical(Envelope.model_validate_json(value))
    assert queued.headers["ce_id"] == f"ncmec:{report}:1"


def test_prometheus_sees_the_router_and_what_it_does(stack: Stack) -> None:
    until(lambda: stack.query('up{job="router"}') == [1.0])
    received = 'referral_router_received_total{partner="ncmec"}'
    before = stack.exposed(received)
    stack.publish(*referral("compose-counted"))
    until(lambda: stack.query(received) == [before + 1])


def test_prometheus_evaluates_every_rule(stack: Stack) -> None:
    until(lambda: stack.query("sum(prometheus_rule_group_rules)") == [float(len(rules()))])
    until(lambda: stack.query('ALERTS{alertname="Watchdog", alertstate="firing"}') == [1.0])
    assert stack.query("sum(prometheus_rule_evaluation_failures_total)") == [0.0]


def test_page_and_api_are_shown_to_who_has_the_token_alone(stack: Stack) -> None:
    token = stack.token()
    assert len(token) == 64
    for path in ("/", "/api/backlog"):
        assert stack.ask_ledger(path, None)[0] == 401
        assert stack.ask_ledger(path, token[::-1])[0] == 401
        assert stack.ask_ledger(path, token)[0] == 200
    assert "Netherlands" in stack.ask_ledger("/", token)[1].decode()


def test_no_secret_is_in_what_docker_or_the_log_tells(stack: Stack) -> None:
    read = ("exec", "-T", "ledger", "cat", "/var/lib/referrals/secrets/database-password")
    keys = stack.compose("exec", "-T", "notifier", "cat", "/var/lib/referrals/secrets/webhook-keys").split()
    assert [key.split("_")[0] for key in keys] == ["whsec", "whsk"]
    secrets = {stack.token(), stack.compose(*read).strip(), *keys}
    told = json.dumps(stack.containers()) + stack.compose("logs", "--no-color")
    assert not [secret for secret in secrets if secret in told]


def test_the_database_takes_nobody_without_the_password(stack: Stack) -> None:
    with pytest.raises(AssertionError, match="no password supplied"):
        stack.compose("exec", "-T", "postgres", "psql", "-w", "-h", "postgres", "-U", "ledger", "-c", "select 1")


def test_a_waiting_series_rises_with_a_referral_and_falls_with_a_look(stack: Stack) -> None:
    report, value = referral("compose-looked")
    series = waiting(value)
    until(lambda: stack.query(series) == left(stack, value))
    before = stack.query(series)[0]
    stack.publish(report, value)
    until(lambda: stack.query(series) == [before + 1])
    stack.say("nl", report, looked(report))
    until(lambda: stack.query(series) == [before])


def test_a_rejected_urgent_record_reaches_alertmanager(stack: Stack) -> None:
    until(lambda: "Watchdog" in stack.alerts())
    assert "UrgentRejected" not in stack.alerts()
    stack.publish("compose-refused", as_json(envelope(report="compose-refused", urgency="urgent", jurisdictions="?")))
    until(lambda: "UrgentRejected" in stack.alerts())


def test_a_signed_notice_of_an_urgent_referral_arrives_and_its_end_when_somebody_has_looked(stack: Stack) -> None:
    """Through router, ledger and notifier to a desk's end, which verifies each signature by its own copy of the key."""
    report, value = urgent("compose-urgent")

    def told() -> list[Any]:
        return [line for line in stack.arrived() if line.get("group") == "nl/urgent/urgent_arrived"]

    stack.publish(report, value)
    until(lambda: [line["type"] for line in told()] == ["referral.notice.urgent_arrived"])
    stack.say("nl", report, looked(report))
    until(lambda: len(told()) > 1)
    arrival, end = told()
    assert end["type"] == "referral.notice.looked"
    for line in (arrival, end):
        assert (line["path"], line["desk"], line["verified"], line["status"]) == ("/nl/duty", "nl", True, 204)
    assert end["sequence"] > arrival["sequence"]
    assert end["id"] != arrival["id"]


def test_the_end_takes_no_signature_but_that_of_the_key(stack: Stack) -> None:
    post = (
        "from urllib.request import Request, urlopen; import time; "
        "urlopen(Request('http://sinks:9467/nl/forged', b'{}', {'webhook-id': 'msg_1', "
        "'webhook-timestamp': str(int(time.time())), 'webhook-signature': 'v1,' + 'A' * 43 + '='}), timeout=10)"
    )
    stack.compose("exec", "-T", "notifier", "python", "-c", post)
    until(lambda: any(line.get("path") == "/nl/forged" for line in stack.arrived()))
    assert [line["verified"] for line in stack.arrived() if line.get("path") == "/nl/forged"] == [False]


def test_ledger_and_database_restarted_or_killed_lose_and_double_nothing(stack: Stack) -> None:
    batches = [[referral(f"compose-{when}-{n}") for n in range(20)] for when in ("stopped", "killed", "database")]
    _, sample = batches[0][0]
    series = waiting(sample)
    until(lambda: stack.query(series) == left(stack, sample))
    before = stack.query(series)[0]

    stack.publish_all(batches[0])
    stack.restart("ledger")
    stack.publish_all(batches[1])
    stack.compose("kill", "--signal", "KILL", "ledger")
    stack.compose("up", "--detach", "--wait", "ledger")
    stack.publish_all(batches[2])
    stack.restart("postgres")

    until(lambda: stack.query(series) == [before + 60])
    until(lambda: stack.query("sum(abs(referral_conservation_residue))") == [0.0])


def test_restarts_lose_nothing_and_double_nothing(stack: Stack) -> None:
    early, late = ([referral(f"compose-{when}-{n}") for n in range(50)] for when in ("early", "late"))
    stack.publish_all(early)
    stack.compose("restart", "router")
    stack.publish_all(early)
    stack.restart("kafka")
    stack.publish_all([*early, *late])
    stack.compose("down")
    stack.up()
    stack.publish_all([*early, *late])

    outcomes = Counter((r["report"], r["outcome"]) for r in stack.receipts())
    for report, _ in early:
        assert (outcomes[report, "routed"], outcomes[report, "duplicate"]) == (1, 3)
    for report, _ in late:
        assert (outcomes[report, "routed"], outcomes[report, "duplicate"]) == (1, 1)
    queued = Counter(record.key for record in stack.read(queue_of(early[0][1])))
    assert {report: queued[report] for report, _ in [*early, *late]} == {report: 1 for report, _ in [*early, *late]}

    series = waiting(early[0][1])
    until(lambda: stack.query(series) == left(stack, early[0][1]))
    until(lambda: stack.query("referral_ledger_lag_records") == [0.0])
    assert stack.query(series) == left(stack, early[0][1])
