"""A real broker: it starts, is killed, comes back with its data, and says why it cannot start."""

import socket
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from services.runtime.broker import FOR_TESTS, Cluster
from services.runtime.exits import CannotRun
from services.runtime.kafka import reach
from services.runtime.settings import KafkaSettings, read


def client(cluster: Cluster) -> AdminClient:
    return AdminClient({"bootstrap.servers": cluster.bootstrap})


def test_data_and_cluster_id_outlive_a_kill_and_a_new_start_on_other_ports(tmp_path: Path) -> None:
    with Cluster(directory=tmp_path, extra=FOR_TESTS) as first:
        admin = client(first)
        admin.create_topics([NewTopic("kept", 2, 1)])["kept"].result(20)
        before = admin.list_topics(timeout=20).cluster_id
        first.kill()
        assert first.pids == {}
        first.restart()
        assert client(first).list_topics(timeout=20).cluster_id == before
        with pytest.raises(CannotRun, match="another process runs a broker on the data"):
            Cluster(directory=tmp_path).start()
        assert client(first).list_topics(timeout=20).cluster_id == before
    assert first.pids == {}
    with Cluster(directory=tmp_path, extra=FOR_TESTS) as second:
        assert second.bootstrap != first.bootstrap
        found = client(second).list_topics(timeout=20)
    assert found.cluster_id == before
    assert len(found.topics["kept"].partitions) == 2


def test_a_broker_listens_on_loopback_only(cluster: Cluster) -> None:
    port = cluster.port()
    socket.create_connection(("127.0.0.1", port), timeout=5).close()
    with pytest.raises(ConnectionRefusedError):  # all of 127/8 is this machine: a broker on 0.0.0.0 would answer
        socket.create_connection(("127.0.0.2", port), timeout=5)


async def test_a_broker_that_answers_is_within_reach(kafka: KafkaSettings) -> None:
    await reach(kafka, timeout_s=20)


def test_a_given_port_that_is_taken_is_named_before_anything_starts(cluster: Cluster, tmp_path: Path) -> None:
    taken = cluster.port()
    with pytest.raises(CannotRun, match=rf"^port {taken} on 127\.0\.0\.1 is taken; the Kafka broker needs it"):
        Cluster(ports=[taken], directory=tmp_path / "data").start()
    assert not (tmp_path / "data").exists()


def test_a_directory_of_another_size_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "node-1").mkdir()
    with pytest.raises(CannotRun, match="a cluster of 1 nodes, not of 3"):
        Cluster(3, directory=tmp_path).start()
    assert list((tmp_path / "node-1").iterdir()) == []
    assert not (tmp_path / "node-2").exists()


def test_a_broker_that_dies_while_starting_tells_its_reason(tmp_path: Path) -> None:
    cluster = Cluster(directory=tmp_path, extra={"num.io.threads": "0"})
    with pytest.raises(CannotRun, match=r"num\.io\.threads"):
        cluster.start()
    assert cluster.pids == {}


async def test_a_cluster_out_of_reach_is_named_with_what_to_do() -> None:
    with socket.socket() as idle:
        idle.bind(("127.0.0.1", 0))
        settings = read(KafkaSettings, {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{idle.getsockname()[1]}"})
        with pytest.raises(CannotRun, match=r"out of reach \(nothing listens there, 0\.5 s\): .*KAFKA_BOOTSTRAP"):
            await reach(settings, timeout_s=0.5)
