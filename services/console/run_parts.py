"""What a run starts: broker, topics, router, simulator, each as a process that ends with us."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from policy.configuration import Configuration
from policy.desks import UNROUTABLE
from policy.topics import topic_plan
from schemas import topics
from schemas.codes import Lane, Role
from services.console import output
from services.console.environment import configuration
from services.console.provision import provision
from services.console.run_board import Heading, note
from services.console.run_figures import History
from services.console.run_place import require_port
from services.console.run_router import RouterPort, reachable
from services.console.run_settings import (
    BROKER_PORT,
    DIRECTORY,
    OWN_CLUSTER,
    ROUTER_PORT,
    RunSettings,
    for_children,
    read_settings,
)
from services.runtime import distribution
from services.runtime.broker import Cluster
from services.runtime.child import Child
from services.runtime.exits import CannotRun, WrongUse
from services.runtime.kafka import KafkaSettings
from services.runtime.ports import LOOPBACK, free_ports
from services.runtime.settings import read

READY_SECONDS: Final = 180.0
LOOK_SECONDS: Final = 0.1
FLUSH_SECONDS: Final = 15.0
LEAVE_SECONDS: Final = 12.0
"""The router promises to end within 10."""
LAST_WORDS: Final = 400
BUSIEST_COUNTRY: Final = "IN"
"""First in the figures of every year since 2019."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What this run is: settled before anything is started."""

    settings: RunSettings
    own_broker: bool
    simulate: bool
    kafka: KafkaSettings
    router: RouterPort
    configuration: Configuration
    environment: Mapping[str, str]
    directory: Path = DIRECTORY

    def log(self, name: str) -> Path:
        """Where a child's output goes."""
        return self.directory / "log" / f"{name}.log"

    def heading(self) -> Heading:
        """What to try: a partner's receipts, the queues of the desk that gets most, the quarantine."""
        desk = self.configuration.desks.desk_for(BUSIEST_COUNTRY, Role.UPLOAD) or UNROUTABLE
        partner = self.configuration.partners.partners[0].id
        names = (
            topics.receipt(partner),
            topics.ingress(partner),
            *(topics.queue(desk, lane) for lane in Lane),
            topics.QUARANTINE,
        )
        return Heading(self.router.url, self.kafka.bootstrap_servers, names, self.simulate)


def make_plan(environment: Mapping[str, str]) -> Plan:
    """Read everything there is to read. WrongUse for what is wrong in it."""
    settings, own_broker = read_settings(environment)
    bootstrap = f"{LOOPBACK}:{settings.broker_port}" if own_broker else environment[OWN_CLUSTER]
    kafka = read(KafkaSettings, {**environment, OWN_CLUSTER: bootstrap}, also=(RunSettings,))
    port = settings.router_port or free_ports(1)[0]
    return Plan(
        settings=settings,
        own_broker=own_broker,
        simulate=own_broker if settings.simulate is None else settings.simulate,
        kafka=kafka,
        router=reachable(settings.router_host, port),
        configuration=configuration(),
        environment=for_children(environment, settings, bootstrap, port),
    )


class Part:
    """A child that must not end by itself: router or simulator, its output in a file of its own."""

    def __init__(self, name: str, plan: Plan) -> None:
        self.name = name
        self.log = plan.log(name)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".before.log"))
        with self.log.open("wb") as file:
            self._child = Child([sys.executable, "-m", f"services.{name}"], output=file, environment=plan.environment)
        self._ended = False

    @property
    def fault(self) -> str | None:
        """One line when it ended and nobody asked it to."""
        if self._ended or self._child.alive:
            return None
        return f"the {self.name} ended by itself; why is in {self.log}"

    def end(self, patience_s: float) -> bool:
        """Ask it to end and wait; killed after that. False when it had to be killed."""
        self._ended = True
        return self._child.end(patience_s)

    def last_words(self) -> str:
        """The last line it wrote."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return output.printable(next((line for line in reversed(lines) if line.strip()), "nothing"), LAST_WORDS)


@dataclass(slots=True)
class Parts:
    """What was started."""

    broker: Cluster | None
    router: Part
    simulator: Part | None = None
    history: History = field(default_factory=History)

    def fault(self) -> str | None:
        """The first that ended by itself, the broker before those that depend on it."""
        if self.broker is not None and not self.broker.pids:
            return f"the broker ended by itself; why is in {self.broker.log_file()}"
        return self.router.fault or (self.simulator.fault if self.simulator else None)


def start(plan: Plan, stack: ExitStack) -> Parts:
    """Broker, topics, router, simulator, each when the one before is ready; `stack` ends them in reverse."""
    began = time.monotonic()
    settings = plan.settings
    if plan.own_broker:
        require_port(settings.broker_port, "the Kafka broker", BROKER_PORT)
    require_port(plan.router.port, "the router", ROUTER_PORT)
    broker = stack.enter_context(_broker(plan)) if plan.own_broker else None
    note("Provisioning the topics …")
    changes = provision(plan.kafka, topic_plan(plan.configuration), dry_run=False)
    if changes.refused:
        raise WrongUse("\n".join(map(str, changes.refused)))
    note(f"Starting the router (its log: {plan.log('router')}) …")
    router = stack.enter_context(_part("router", plan, LEAVE_SECONDS))
    parts = Parts(broker, router)
    _await_ready(plan, parts)
    if plan.simulate:
        parts.simulator = stack.enter_context(_part("simulator", plan, FLUSH_SECONDS))
    note(f"Ready after {time.monotonic() - began:.0f} s.")
    return parts


@contextmanager
def _broker(plan: Plan) -> Iterator[Cluster]:
    if not distribution.cached():
        note(f"Fetching Kafka {distribution.version()} by Maven, once …")
    note(f"Starting the broker on {plan.kafka.bootstrap_servers} …")
    with Cluster(directory=plan.directory / "kafka", ports=[plan.settings.broker_port]) as cluster:
        yield cluster


@contextmanager
def _part(name: str, plan: Plan, patience_s: float) -> Iterator[Part]:
    part = Part(name, plan)
    try:
        yield part
    finally:
        part.end(patience_s)


def _await_ready(plan: Plan, parts: Parts) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not plan.router.ready():
        if fault := parts.fault():
            raise CannotRun(f"{fault}; it said last: {parts.router.last_words()}")
        if time.monotonic() > deadline:
            raise CannotRun(
                f"the router was not ready within {READY_SECONDS:.0f} s: what it waits for is in {parts.router.log}"
            )
        time.sleep(LOOK_SECONDS)
