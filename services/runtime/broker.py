"""A real Kafka on loopback, one broker or three: for `make run`, tests, fault tests and benches."""

import base64
import fcntl
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from services.runtime import distribution
from services.runtime.child import Child
from services.runtime.exits import CannotRun
from services.runtime.node_properties import CLIENT, CONTROLLER, FOR_TESTS, INTERNAL, Node, properties
from services.runtime.ports import LOOPBACK, free_ports, require_free

__all__ = ["CLIENT", "FOR_TESTS", "Cluster"]

BRIEF: Final = "-XX:TieredStopAtLevel=1"
"""For a JVM that lives minutes beside what it serves: its second compiler would take a quarter of a core from that."""
JVM: Final = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError")
_LOGGING: Final = distribution.POM.with_name("log4j2.properties")
_POLL_S: Final = 0.05
_START_TRIES: Final = 3
_TAIL_BYTES: Final = 20_000
_PORT_LOST: Final = "Address already in use"


class Cluster:
    """Brokers that listen only on 127.0.0.1, each in a process group of its own that dies with this process.

    `directory`: its data; used again if it holds a cluster, a temporary one (removed by `stop`) if None.
    `ports`: one a node for the CLIENT listener; free ones if None. Taken ones raise CannotRun.
    `advertised`: the ports clients are sent to instead, where a proxy stands before the brokers.
    `listeners`: further listeners by name with their protocol (`{"LOGIN": "SASL_PLAINTEXT"}`), on free ports.
    `extra`: properties that have the last word. `format_arguments`: more words for `StorageTool format`.
    `jvm`: further options of each node's JVM.
    Nodes are numbered from 1. All methods block; none is for the event loop's own thread.
    """

    def __init__(
        self,
        nodes: int = 1,
        *,
        directory: Path | None = None,
        ports: Sequence[int] | None = None,
        advertised: Sequence[int] | None = None,
        listeners: Mapping[str, str] | None = None,
        extra: Mapping[str, str] | None = None,
        format_arguments: Sequence[str] = (),
        jvm: Sequence[str] = (),
        start_timeout_s: float = 120.0,
    ) -> None:
        if ports is not None and len(ports) != nodes:
            raise ValueError(f"{len(ports)} ports for {nodes} nodes")
        self._temporary = directory is None
        self.directory = Path(tempfile.mkdtemp(prefix="kafka-")) if directory is None else directory.resolve()
        self._count = nodes
        self._given_ports = ports
        self._advertised = advertised
        self._protocols = dict(listeners or {})
        self._extra = dict(extra or {})
        self._format_arguments = tuple(format_arguments)
        self._jvm = tuple(jvm)
        self._start_timeout_s = start_timeout_s
        self._children: dict[int, Child] = {}
        self._claim: IO[str] | None = None
        self._nodes = self._place_nodes()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def bootstrap(self) -> str:
        """The CLIENT listeners' host:port, with commas between."""
        return self.address(CLIENT)

    @property
    def pids(self) -> dict[int, int]:
        """Process id by node, of those that were started and not stopped."""
        return {node: child.pid for node, child in self._children.items() if child.alive}

    def address(self, listener: str) -> str:
        """The same of any listener."""
        return ",".join(node.address(listener) for node in self._nodes)

    def port(self, node: int = 1, listener: str = CLIENT) -> int:
        """Where a node's listener listens; `start` keeps it unless another process takes it first."""
        return self._nodes[node - 1].ports[listener]

    def log_file(self, node: int = 1) -> Path:
        """What the node's JVM printed."""
        return self._nodes[node - 1].log_file

    def start(self) -> None:
        """Return when a client can list topics and sees every node.

        Raises CannotRun: Java or the jars cannot be had, a given port is taken, a JVM died (with the
        reason in its log), or the time ran out. Nothing is left running then.
        """
        try:
            jars = distribution.fetch()
            for port in self._given_ports or ():
                require_free(port, "the Kafka broker")
            self._claim_directory()
            self._start_on_ports_that_stay_free(jars)
        except BaseException:
            self.stop()
            raise

    def stop(self, patience_s: float = 15.0) -> None:
        """End every node, cleanly if it does so within `patience_s`; remove a temporary directory."""
        for child in self._children.values():
            if self._temporary:
                child.kill()  # nobody will read its data again
            else:
                child.ask_to_end()
        deadline = time.monotonic() + patience_s
        for child in self._children.values():
            child.join(max(0.1, deadline - time.monotonic()))
        self._children.clear()
        if self._claim is not None:
            self._claim.close()
            self._claim = None
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    def kill(self, node: int = 1) -> None:
        """SIGKILL, as a power cut would."""
        self._children[node].kill()

    def pause(self, node: int = 1) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        self._children[node].signal(signal.SIGSTOP)

    def resume(self, node: int = 1) -> None:
        """SIGCONT after `pause`."""
        self._children[node].signal(signal.SIGCONT)

    def restart(self, node: int = 1, *, wait: bool = True) -> None:
        """Start a killed node again on its data and ports, or end a living one cleanly first.

        With `wait`, return when it answers and is in the cluster.
        """
        if node in self._children:
            self._children[node].end(patience_s=15.0)
        place = self._nodes[node - 1]
        self._launch(place, distribution.fetch())
        if wait:
            try:
                self._await(place, lambda members: place.id in members)
            except _PortLost:
                raise CannotRun(f"another process took a port of node {node} while it was down") from None

    def _place_nodes(self) -> list[Node]:
        names = [CLIENT, *self._protocols, INTERNAL, CONTROLLER]
        free = free_ports(self._count * len(names))
        nodes = []
        for number in range(1, self._count + 1):
            ports = {name: free.pop() for name in names}
            if self._given_ports is not None:
                ports[CLIENT] = self._given_ports[number - 1]
            advertised = {} if self._advertised is None else {CLIENT: self._advertised[number - 1]}
            nodes.append(Node(number, ports, self.directory / f"node-{number}", advertised))
        return nodes

    def _claim_directory(self) -> None:
        """Two brokers on one data directory would destroy it; the kernel ends the claim with this process."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._claim = (self.directory / "lock").open("w")
        try:
            fcntl.flock(self._claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotRun(
                f"another process runs a broker on the data in {self.directory}: end that one, or use another directory"
            ) from None

    def _start_on_ports_that_stay_free(self, jars: Sequence[Path]) -> None:
        for _ in range(_START_TRIES):
            self._format(jars)
            for node in self._nodes:
                self._launch(node, jars)
            try:
                for node in self._nodes:
                    self._await(node, lambda members: len(members) == self._count)
            except _PortLost:
                for child in self._children.values():
                    child.kill()
                self._nodes = self._place_nodes()
            else:
                return
        raise CannotRun(f"other processes took the broker's ports {_START_TRIES} times in a row: try again")

    def _format(self, jars: Sequence[Path]) -> None:
        """Make the storage of each node that has none; the cluster's id is made once and kept."""
        present = len(list(self.directory.glob("node-*")))
        if present not in (0, self._count):
            raise CannotRun(
                f"{self.directory} holds a cluster of {present} nodes, not of {self._count}: "
                "the broker's data is kept there; give another directory, or remove that one"
            )
        cluster_id = self._cluster_id()
        for node in self._nodes:
            node.directory.mkdir(parents=True, exist_ok=True)
            node.properties_file.write_text(properties(node, self._nodes, self._protocols, self._extra))
            if (node.data / "meta.properties").exists():
                continue
            tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "-c", str(node.properties_file)]
            done = subprocess.run(  # noqa: S603 - our own command line
                [*_java(jars, BRIEF), *tool, *self._format_arguments],
                capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
            if done.returncode:
                raise CannotRun(f"Kafka's storage could not be made: {_reason(done.stdout + done.stderr)}")

    def _cluster_id(self) -> str:
        file = self.directory / "cluster-id"
        if not file.exists():
            file.write_text(base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="))
        return file.read_text().strip()

    def _launch(self, node: Node, jars: Sequence[Path]) -> None:
        with node.log_file.open("ab") as output:
            program = [*_java(jars, *self._jvm), "kafka.Kafka", str(node.properties_file)]
            self._children[node.id] = Child(program, output=output)

    def _await(self, node: Node, satisfied: Callable[[set[int]], bool]) -> None:
        deadline = time.monotonic() + self._start_timeout_s
        while not _lists(node, satisfied):
            if not self._children[node.id].alive:
                raise self._death(node)
            if time.monotonic() > deadline:
                raise CannotRun(
                    f"the Kafka broker did not answer on {node.address()} in {self._start_timeout_s:g} s: "
                    f"{_reason(_tail(node.log_file))}{self._where(node)}"
                )
            time.sleep(_POLL_S)

    def _death(self, node: Node) -> Exception:
        tail = _tail(node.log_file)
        if _PORT_LOST in tail:
            if self._given_ports is None:
                return _PortLost()
            require_free(node.ports[CLIENT], "the Kafka broker")
        return CannotRun(f"the Kafka broker ended while starting: {_reason(tail)}{self._where(node)}")

    def _where(self, node: Node) -> str:
        return "" if self._temporary else f" (more in {node.log_file})"


class _PortLost(Exception):  # noqa: N818 - said as it reads
    """Between finding a free port and listening on it, somebody else took it."""


def _java(jars: Sequence[Path], *options: str) -> list[str]:
    classes = ":".join(map(str, jars))
    return [distribution.java(), *JVM, *options, f"-Dlog4j2.configurationFile={_LOGGING}", "-cp", classes]


def _lists(node: Node, satisfied: Callable[[set[int]], bool]) -> bool:
    """True if a client gets the topics from this node and the ids of the members satisfy."""
    for name in node.ports:
        try:
            socket.create_connection((LOOPBACK, node.ports[name]), timeout=1).close()
        except OSError:
            return False
    # librdkafka would print on our stderr what is normal while a broker starts
    client = AdminClient({"bootstrap.servers": node.address(INTERNAL), "log_level": 0})
    try:
        return satisfied(set(client.list_topics(timeout=2).brokers))
    except KafkaException:
        return False


def _tail(file: Path) -> str:
    try:
        with file.open("rb") as log:
            log.seek(max(0, file.stat().st_size - _TAIL_BYTES))
            return log.read().decode(errors="replace")
    except OSError:
        return ""


def _reason(output: str) -> str:
    """The last line that tells of an error, else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"\b(ERROR|FATAL)\b|Exception|Error:", line)]
    causes = [line for line in telling if line.startswith("Caused by:")]
    return (causes or telling or lines or ["it said nothing"])[-1]
