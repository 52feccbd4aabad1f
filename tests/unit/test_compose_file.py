"""docker-compose.yml says the same as the code: the broker's properties, Kafka's version, what is published."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from policy.configuration import load
from policy.notify import NOBODY, Webhook
from services.runtime import distribution
from services.runtime.node_properties import CLIENT, CONTROLLER, INTERNAL, Node, properties
from tests.alerting import rules

FILE: Final = Path(__file__).parents[2] / "docker-compose.yml"
PLACES: Final = {"controller.quorum.voters", "listeners", "advertised.listeners", "log.dirs"}
"""Properties that say where something is: other in a container."""


@pytest.fixture(scope="module")
def services() -> Any:
    return yaml.safe_load(FILE.read_text())["services"]


def test_the_broker_has_the_properties_of_every_other_single_broker(services: Any) -> None:
    node = Node(1, {CLIENT: 1, INTERNAL: 2, CONTROLLER: 3}, Path("/"))
    expected = dict(line.split("=", 1) for line in properties(node, [node], {}, {}).splitlines())
    given = {name: str(value) for name, value in services["kafka"]["environment"].items()}
    found = {name: given.get("KAFKA_" + name.upper().replace(".", "_")) for name in expected}
    assert {n: v for n, v in found.items() if n not in PLACES} == {n: v for n, v in expected.items() if n not in PLACES}
    assert None not in found.values()


def test_the_broker_is_the_kafka_that_everything_else_is_tested_with(services: Any) -> None:
    assert services["kafka"]["image"] == f"apache/kafka:{distribution.version()}"


def test_nothing_is_published_but_on_loopback_and_each_port_can_be_moved(services: Any) -> None:
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert sorted(published) == [
        "127.0.0.1:${ALERTMANAGER_PORT:-9093}:9093",
        "127.0.0.1:${KAFKA_PORT:-9092}:9092",
        "127.0.0.1:${LEDGER_PORT:-9465}:9465",
        "127.0.0.1:${NOTIFIER_PORT:-9466}:9466",
        "127.0.0.1:${PROMETHEUS_PORT:-9090}:9090",
        "127.0.0.1:${ROUTER_PORT:-9464}:9464",
    ]
    advertised = services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert "CLIENT://127.0.0.1:${KAFKA_PORT:-9092}" in advertised.split(",")


def test_nothing_is_simulated_unless_asked_for(services: Any) -> None:
    assert [name for name, service in services.items() if "SIMULATE" in service.get("environment", ())] == ["simulator"]
    assert services["simulator"]["profiles"] == ["simulate"]


def test_prometheus_has_its_rules_and_remembers_as_long_as_they_look_back(services: Any) -> None:
    prometheus = services["prometheus"]
    assert "./deploy/prometheus/rules:/etc/prometheus/rules:ro" in prometheus["volumes"]
    (kept_days,) = [int(word.split("=")[1][:-1]) for word in prometheus["command"] if "retention.time" in word]
    spans = [re.findall(r"\[(\d+)d\]|offset (\d+)d", rule.expression) for rule in rules()]
    assert kept_days > max(sum(int(days or 0) for pair in span for days in pair) for span in spans) > 0


def test_what_prometheus_scrapes_and_tells_are_services_of_the_stack(services: Any) -> None:
    configured = yaml.safe_load((FILE.parent / "deploy/prometheus/prometheus.yml").read_text())
    places = [*configured["scrape_configs"], *configured["alerting"]["alertmanagers"]]
    targets = [target.split(":") for place in places for each in place["static_configs"] for target in each["targets"]]
    elsewhere = {(name, port) for name, port in targets if name != "127.0.0.1"}
    served = {(name, port.split(":")[-1]) for name, service in services.items() for port in service.get("ports", ())}
    assert (
        elsewhere
        == {
            ("router", "9464"),
            ("ledger", "9465"),
            ("notifier", "9466"),
            ("alertmanager", "9093"),
        }
        <= served
    )


def test_no_password_or_token_is_in_the_file(services: Any) -> None:
    environment = {name: value for each in services.values() for name, value in each.get("environment", {}).items()}
    secret = {name for name in environment if "PASSWORD" in name or "TOKEN" in name}
    assert secret == {"POSTGRES_PASSWORD_FILE", "REFERRAL_LEDGER_TOKEN_FILE", "REFERRAL_NOTIFIER_TOKEN_FILE"}
    assert ":" not in environment["DATABASE_URL"].split("://")[1].split("@")[0]


def test_the_ends_of_the_demonstration_have_the_same_limits_and_are_not_published(services: Any) -> None:
    beside = yaml.safe_load((FILE.parent / "deploy/demo/containers/compose.yml").read_text())["services"]
    assert beside.keys() == {"notifier", "sinks"}
    sinks, shared = (
        beside["sinks"],
        ("image", "user", "init", "read_only", "cap_drop", "security_opt", "logging", "tmpfs"),
    )
    assert {name: sinks[name] for name in shared} == {name: services["notifier"][name] for name in shared}
    assert "ports" not in sinks
    (mounted,) = beside["notifier"]["volumes"]
    source, target, _ = mounted.split(":")
    assert target == f"/srv/referrals/{source.removeprefix('./')}"
    assert (FILE.parent / source).is_file()


def test_who_is_told_in_the_demonstration_in_containers_is_played_there(services: Any) -> None:
    beside = yaml.safe_load((FILE.parent / "deploy/demo/containers/compose.yml").read_text())["services"]
    port = beside["sinks"]["environment"]["REFERRAL_SINK_WEBHOOK_PORT"]
    keys = beside["sinks"]["environment"]["REFERRAL_SINK_KEY_FILE"]
    table = load(FILE.parent / "deploy/demo/containers").desks
    told = {desk.id: desk.notify for desk in table.desks if desk.notify.channels}
    hooks = [way for notify in told.values() for way in notify.channels.values() if isinstance(way, Webhook)]
    assert told.keys() == {"nl"}
    assert hooks
    assert {(way.url.rpartition("/nl")[0], str(way.secret_file)) for way in hooks} == {(f"http://sinks:{port}", keys)}
    assert "> webhook-keys.new" in " ".join(services["secrets"]["command"])
    assert load(FILE.parent / "deploy").desks.by_id["nl"].notify == NOBODY, "nobody is told unless asked for"


def test_grafana_has_the_same_limits_and_the_files_of_the_project(services: Any) -> None:
    grafana = yaml.safe_load((FILE.parent / "deploy/grafana/compose.yml").read_text())["services"]["grafana"]
    shared = ("read_only", "cap_drop", "security_opt", "logging")
    assert {name: grafana[name] for name in shared} == {name: services["prometheus"][name] for name in shared}
    assert grafana["ports"] == ["127.0.0.1:${GRAFANA_PORT:-3000}:3000"]
    mounted = [volume.split(":")[0] for volume in grafana["volumes"] if volume.startswith("./")]
    assert mounted
    assert all((FILE.parent / path).is_dir() for path in mounted)
