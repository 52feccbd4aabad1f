"""A broker's properties: loopback only, replicated as far as there are brokers, and the caller's word last."""

from pathlib import Path

import pytest

from services.runtime.node_properties import Node, properties


def nodes(count: int, advertised: dict[str, int] | None = None) -> list[Node]:
    return [
        Node(
            n,
            {"CLIENT": 100 * n, "LOGIN": 100 * n + 1, "INTERNAL": 100 * n + 2, "CONTROLLER": 100 * n + 3},
            Path(f"/data/node-{n}"),
            advertised or {},
        )
        for n in range(1, count + 1)
    ]


def parsed(count: int, extra: dict[str, str] | None = None, advertised: dict[str, int] | None = None) -> dict[str, str]:
    them = nodes(count, advertised)
    text = properties(them[0], them, {"LOGIN": "SASL_SSL"}, extra or {})
    return dict(line.split("=", 1) for line in text.splitlines())


def test_it_listens_on_loopback_only() -> None:
    listeners = parsed(1)["listeners"].split(",")
    assert [place.split("://")[1].split(":")[0] for place in listeners] == ["127.0.0.1"] * 4


def test_clients_are_sent_to_a_proxy_and_brokers_to_each_other() -> None:
    found = parsed(1, advertised={"CLIENT": 7})["advertised.listeners"]
    assert found == "CLIENT://127.0.0.1:7,LOGIN://127.0.0.1:101,INTERNAL://127.0.0.1:102"


def test_a_listener_speaks_the_protocol_given_and_the_others_plaintext() -> None:
    found = parsed(1)["listener.security.protocol.map"]
    assert found == "CLIENT:PLAINTEXT,LOGIN:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"


@pytest.mark.parametrize(("count", "replicas", "in_sync"), [(1, "1", "1"), (3, "3", "2")])
def test_three_brokers_replicate_and_one_does_not(count: int, replicas: str, in_sync: str) -> None:
    found = parsed(count)
    for name in ("offsets.topic", "transaction.state.log"):
        assert found[f"{name}.replication.factor"] == replicas
    assert found["transaction.state.log.min.isr"] == found["min.insync.replicas"] == in_sync
    assert found["controller.quorum.voters"].count("@") == count


def test_topics_are_made_by_provisioning_alone() -> None:
    assert parsed(1)["auto.create.topics.enable"] == "false"


def test_extra_properties_have_the_last_word() -> None:
    assert parsed(1, {"num.io.threads": "1", "new": "x=y"})["num.io.threads"] == "1"
    assert parsed(1, {"new": "x=y"})["new"] == "x=y"
