"""`docker compose up --wait` routes what kcat publishes, once, and keeps it through restarts."""

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

SERVICES = {"kafka", "router", "prometheus"}


def referral(report: str) -> tuple[str, bytes]:
    """Report and value of a sample envelope whose clock is right."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return report, as_json(envelope(report=report, submitted_at=now))


def queue_of(value: bytes) -> str:
    """Where the policy in deploy/ sends a referral of the Netherlands' national desk."""
    return topics.queue("nl", configuration().triage.judge(Envelope.model_validate_json(value)).lane)


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
    assert found.keys() == SERVICES | {"provisioning"}, "the simulator runs only where it is asked for"
    assert {name: found[name]["State"]["Health"]["Status"] for name in SERVICES} == dict.fromkeys(SERVICES, "healthy")
    assert (found["provisioning"]["State"]["Status"], found["provisioning"]["State"]["ExitCode"]) == ("exited", 0)


def test_ports_are_published_on_loopback_alone(stack: Stack) -> None:
    published = [each["NetworkSettings"]["Ports"].values() for each in stack.containers().values()]
    bindings = [binding for ports in published for port in ports for binding in port or ()]
    assert {(binding["HostIp"], int(binding["HostPort"])) for binding in bindings} == {
        ("127.0.0.1", port) for port in (stack.kafka_port, stack.router_port, stack.prometheus_port)
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
