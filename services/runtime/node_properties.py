"""The properties of one broker on loopback. Pure: a node's places in, a properties file's text out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from services.runtime.ports import LOOPBACK

CLIENT: Final = "CLIENT"
"""The listener everybody uses unless told otherwise; speaks PLAINTEXT."""
INTERNAL: Final = "INTERNAL"
"""Between brokers, and for our own question whether they are up: never encrypted, never behind a proxy."""
CONTROLLER: Final = "CONTROLLER"

FOR_TESTS: Final[Mapping[str, str]] = {
    "broker.session.timeout.ms": "3000",  # a killed node is back after 5 s, not 12
    "broker.heartbeat.interval.ms": "500",
}
"""Extra properties for fault tests: what is dead is noticed sooner."""


@dataclass(frozen=True, slots=True)
class Node:
    """One broker, which is a controller too. `ports` by listener name; `advertised` where it differs."""

    id: int
    ports: Mapping[str, int]
    directory: Path
    advertised: Mapping[str, int] = field(default_factory=dict)

    def address(self, listener: str = CLIENT) -> str:
        """host:port of the listener itself."""
        return f"{LOOPBACK}:{self.ports[listener]}"

    @property
    def log_file(self) -> Path:
        """What the JVM prints; appended to at a restart."""
        return self.directory / "broker.log"

    @property
    def properties_file(self) -> Path:
        """Rewritten at each start."""
        return self.directory / "server.properties"

    @property
    def data(self) -> Path:
        """Kafka's log directory."""
        return self.directory / "data"


def properties(node: Node, nodes: Sequence[Node], protocols: Mapping[str, str], extra: Mapping[str, str]) -> str:
    """The text of server.properties. `protocols` names each listener's protocol; `extra` has the last word.

    Only loopback is listened on. Three nodes replicate everything three times and need two for a write.
    """
    replicas = str(min(3, len(nodes)))
    in_sync = "2" if len(nodes) >= 3 else "1"
    listeners = [name for name in node.ports if name != CONTROLLER]
    values = {
        "process.roles": "broker,controller",
        "node.id": str(node.id),
        "controller.quorum.voters": ",".join(f"{n.id}@{n.address(CONTROLLER)}" for n in nodes),
        "controller.listener.names": CONTROLLER,
        "inter.broker.listener.name": INTERNAL,
        "listeners": ",".join(f"{name}://{node.address(name)}" for name in node.ports),
        "advertised.listeners": ",".join(
            f"{name}://{LOOPBACK}:{node.advertised.get(name, node.ports[name])}" for name in listeners
        ),
        "listener.security.protocol.map": ",".join(f"{name}:{protocols.get(name, 'PLAINTEXT')}" for name in node.ports),
        "log.dirs": str(node.data),
        "auto.create.topics.enable": "false",
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "offsets.topic.num.partitions": "1",
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
        "group.initial.rebalance.delay.ms": "0",
        "log.retention.check.interval.ms": "30000",  # how late, at most, an expired segment is noticed
        "log.cleaner.dedupe.buffer.size": "16777216",  # Kafka's 128 MiB is a quarter of the heap given
        "num.network.threads": "2",
        "num.io.threads": "4",
        **extra,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())
