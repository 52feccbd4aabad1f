"""Where a campaign plays: brokers, the proxy before one of their listeners, topics, and two places for routers."""

import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # they are public, and not in an __all__
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
)

from policy.configuration import Configuration, load
from policy.topics import queue_topics, topic_plan
from schemas import topics
from services.runtime.broker import FOR_TESTS, Cluster
from services.runtime.ports import free_ports
from tests.faults.proxy import Proxy
from tests.faults.readers import client
from tests.faults.routers import RouterProcess

DIRECT: Final = "DIRECT"
"""The listener without a proxy: the campaign's own clients use it, and routers unless the fault needs the proxy."""
_SIZE_LIMIT: Final = "max.message.bytes"
_OURS: Final = ("REFERRAL_", "KAFKA_")


class NotSettled(Exception):  # noqa: N818 - said as it reads
    """The router did not come to the end of the ingress in time: something is lost, or it hangs."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that a fault can be done to. Nodes are numbered from 0 here."""

    cluster: Cluster
    proxy: Proxy
    proxied: str
    configuration: Configuration
    partner: str
    routers: Sequence[RouterProcess]

    @property
    def direct(self) -> str:
        """Bootstrap addresses without the proxy."""
        return self.cluster.address(DIRECT)

    @property
    def ingress(self) -> str:
        """The topic that the campaign publishes to."""
        return topics.ingress(self.partner)

    @property
    def partitions(self) -> int:
        """How many the ingress topic has."""
        return self.configuration.partners.by_id[self.partner].ingress_partitions

    def fence(self, partition: int) -> None:
        """Start a producer of the router's own transactional id, and leave it at that. Retried while brokers move."""
        settings = {
            "bootstrap.servers": self.direct,
            "transactional.id": topics.transactional_id(self.ingress, partition),
            "log_level": 0,
        }
        Producer(settings).init_transactions(20)

    def limit_queues(self, max_bytes: int | None) -> None:
        """Let every queue refuse batches above `max_bytes`; None puts back what the plan says."""
        plan = {spec.name: spec for spec in topic_plan(self.configuration)}
        resources = [
            ConfigResource(
                ConfigResource.Type.TOPIC,
                topic,
                incremental_configs=[
                    ConfigEntry(
                        _SIZE_LIMIT,
                        str(max_bytes or plan[topic].config[_SIZE_LIMIT]),
                        incremental_operation=AlterConfigOpType.SET,
                    )
                ],
            )
            for topic in queue_topics(self.configuration)
        ]
        administration = _administration(self.direct)  # a name: without one it is gone before its futures
        for future in administration.incremental_alter_configs(resources, request_timeout=20).values():
            future.result(30)

    def progress(self) -> tuple[dict[int, int | None], dict[int, int]]:
        """Committed offset and end of each ingress partition. KafkaException while brokers are away."""
        # Not read_committed: a pending offset would hold up the answer. It never subscribes, so it is no member.
        settings = {"group.id": topics.GROUP, "isolation.level": "read_uncommitted"}
        consumer = Consumer(client(self.direct, **settings))
        try:
            places = [TopicPartition(self.ingress, partition) for partition in range(self.partitions)]
            committed = {
                place.partition: place.offset if place.offset >= 0 else None
                for place in consumer.committed(places, timeout=5)
            }
            ends = {place.partition: consumer.get_watermark_offsets(place, timeout=5)[1] for place in places}
        finally:
            consumer.close()
        return committed, ends

    def settle(self, patience_s: float) -> None:
        """Until the committed offset of each ingress partition is its end. NotSettled otherwise."""
        deadline = time.monotonic() + patience_s
        behind = "the brokers did not answer"
        while time.monotonic() < deadline:
            with suppress(KafkaException):
                committed, ends = self.progress()
                if all((committed[partition] or 0) == end for partition, end in ends.items()):
                    return
                behind = ", ".join(f"{p}: {committed[p]} of {end}" for p, end in ends.items())
            time.sleep(0.2)
        raise NotSettled(f"after {patience_s:g} s: {behind}")


@contextmanager
def set_up(brokers: int, deployment: Path, partner: str, program: Sequence[str], logs: Path) -> Iterator[Stage]:
    """A fresh cluster with the topics of the configuration; on leaving, every process of it is gone."""
    configuration = load(deployment)
    with ExitStack() as stack:
        proxied = free_ports(brokers)
        cluster = Cluster(brokers, advertised=proxied, listeners={DIRECT: "PLAINTEXT"}, extra=dict(FOR_TESTS))
        stack.callback(cluster.stop)
        stack.callback(_keep_logs, cluster, brokers, logs)
        cluster.start()
        proxy = stack.enter_context(Proxy({port: cluster.port(node) for node, port in enumerate(proxied, 1)}))
        _create_topics(cluster.address(DIRECT), configuration, min(3, brokers))
        environment = _environment(deployment)
        routers = [RouterProcess(program, environment, logs / f"router-{place}.log") for place in (0, 1)]
        for router in routers:
            stack.callback(router.kill)
        bootstrap = ",".join(f"127.0.0.1:{port}" for port in proxied)
        yield Stage(cluster, proxy, bootstrap, configuration, partner, routers)


def _keep_logs(cluster: Cluster, brokers: int, logs: Path) -> None:
    """The brokers' logs go with their data; who looks for the cause of a finding needs them."""
    for node in range(1, brokers + 1):
        with suppress(OSError):
            shutil.copy(cluster.log_file(node), logs / f"broker-{node}.log")


def _create_topics(bootstrap: str, configuration: Configuration, replicas: int) -> None:
    wanted = [
        NewTopic(spec.name, spec.partitions, replicas, config=dict(spec.config)) for spec in topic_plan(configuration)
    ]
    administration = _administration(bootstrap)
    for future in administration.create_topics(wanted, operation_timeout=60).values():
        future.result(90)


def _administration(bootstrap: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})


def _environment(deployment: Path) -> Mapping[str, str]:
    """The caller's own, without any setting of a service: those are ours to give."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**kept, "REFERRAL_CONFIG_DIR": str(deployment), "REFERRAL_ROUTER_PORT": "0"}
