"""What a run starts: broker, topics, router, ledger, simulator, desks, each as a process that ends with us."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from policy.configuration import Configuration
from policy.desks import UNROUTABLE
from policy.topics import topic_plan
from schemas import topics
from schemas.codes import Lane, Role
from services.console import output
from services.console.environment import configuration_of
from services.console.provision import provision
from services.console.run_backlog import Backlog
from services.console.run_board import Heading, note
from services.console.run_figures import History
from services.console.run_ledger import DATABASE, LedgerPort, cluster_id, ledger_environment, ledger_port
from services.console.run_place import require_port
from services.console.run_port import ServicePort
from services.console.run_router import RouterPort, router_port
from services.console.run_settings import (
    BROKER_PORT,
    DIRECTORY,
    LEDGER_PORT,
    OWN_CLUSTER,
    ROUTER_PORT,
    Places,
    RunSettings,
    configuration_place,
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
ROUTER: Final = "router"
LEDGER: Final = "ledger"
SIMULATOR: Final = "simulator"
DESKS: Final = "desks"
MODULES: Final = {
    ROUTER: "services.router",
    LEDGER: "services.ledger",
    SIMULATOR: "services.simulator",
    DESKS: "services.simulator.desks",
}
NAMES: Final = {ROUTER: "the router", LEDGER: "the ledger", SIMULATOR: "the simulator", DESKS: "the simulated desks"}
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
    ledger: LedgerPort
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
        return Heading(self.ledger.page, self.router.url, self.kafka.bootstrap_servers, names, self.simulate)


def make_plan(environment: Mapping[str, str]) -> Plan:
    """Read everything there is to read. WrongUse for what is wrong in it."""
    settings, own_broker = read_settings(environment)
    bootstrap = f"{LOOPBACK}:{settings.broker_port}" if own_broker else environment[OWN_CLUSTER]
    kafka = read(KafkaSettings, {**environment, OWN_CLUSTER: bootstrap}, also=(RunSettings,))
    simulate = own_broker if settings.simulate is None else settings.simulate
    free = free_ports(2)
    places = Places(
        bootstrap,
        settings.router_port or free[0],
        settings.ledger_port or free[1],
        configuration_place(environment, simulate),
    )
    return Plan(
        settings=settings,
        own_broker=own_broker,
        simulate=simulate,
        kafka=kafka,
        router=router_port(settings.router_host, places.router_port),
        ledger=ledger_port(settings, places.ledger_port),
        configuration=configuration_of(places.config_dir),
        environment=for_children(environment, settings, places),
    )


class Part:
    """A child that must not end by itself, its output in a file of its own."""

    def __init__(self, name: str, plan: Plan, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = plan.log(name)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".before.log"))
        with self.log.open("wb") as file:
            self._child = Child([sys.executable, "-m", MODULES[name]], output=file, environment=environment)
        self._ended = False

    @property
    def fault(self) -> str | None:
        """One line when it ended and nobody asked it to."""
        if self._ended or self._child.alive:
            return None
        return f"{NAMES[self.name]} ended by {'themselves' if self.name == DESKS else 'itself'}; why is in {self.log}"

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
    ledger: Part | None = None
    simulator: Part | None = None
    desks: Part | None = None
    history: History = field(default_factory=History)
    backlog: Backlog | None = None
    """The newest that the ledger said."""

    def failed(self) -> Part | None:
        """The first that ended by itself, in the order of dependence."""
        every = (self.router, self.ledger, self.simulator, self.desks)
        return next((part for part in every if part is not None and part.fault), None)

    def fault(self) -> str | None:
        """The first that ended by itself, the broker before those that depend on it."""
        if self.broker is not None and not self.broker.pids:
            return f"the broker ended by itself; why is in {self.broker.log_file()}"
        failed = self.failed()
        return None if failed is None else failed.fault


def start(plan: Plan, stack: ExitStack) -> Parts:
    """Broker, topics, router, ledger, simulator, desks; what is simulated begins when router and ledger are ready.

    `stack` ends them in reverse.
    """
    began = time.monotonic()
    settings = plan.settings
    if plan.own_broker:
        require_port(settings.broker_port, "the Kafka broker", BROKER_PORT)
    require_port(plan.router.port, "the router", ROUTER_PORT)
    require_port(plan.ledger.port, "the ledger", LEDGER_PORT)
    broker = stack.enter_context(_broker(plan)) if plan.own_broker else None
    note("Provisioning the topics …")
    changes = provision(plan.kafka, topic_plan(plan.configuration), dry_run=False)
    if changes.refused:
        raise WrongUse("\n".join(map(str, changes.refused)))
    note(f"Starting the router (its log: {plan.log('router')}) …")
    parts = Parts(broker, stack.enter_context(_part(ROUTER, plan, plan.environment, LEAVE_SECONDS)))
    parts.ledger = stack.enter_context(_ledger(plan))
    _await_ready(plan.router, parts, parts.router)
    _await_ready(plan.ledger, parts, parts.ledger)
    if plan.simulate:
        parts.simulator = stack.enter_context(_part(SIMULATOR, plan, plan.environment, FLUSH_SECONDS))
        parts.desks = stack.enter_context(_part(DESKS, plan, plan.environment, FLUSH_SECONDS))
    note(f"Ready after {time.monotonic() - began:.0f} s.")
    return parts


@contextmanager
def _broker(plan: Plan) -> Iterator[Cluster]:
    if not distribution.cached():
        note(f"Fetching Kafka {distribution.version()} by Maven, once …")
    note(f"Starting the broker on {plan.kafka.bootstrap_servers} …")
    with Cluster(directory=plan.directory / "kafka", ports=[plan.settings.broker_port]) as cluster:
        yield cluster


def _ledger(plan: Plan) -> AbstractContextManager[Part]:
    """What is simulated is counted in a database of its own: no real count is ever mixed with it."""
    environment, where = plan.environment, ""
    if plan.simulate and not environment.get(DATABASE):
        environment = ledger_environment(environment, cluster_id(plan.kafka), plan.directory)
        where = f"its database: {environment[DATABASE].removeprefix('sqlite:///')}, "
    note(f"Starting the ledger ({where}its log: {plan.log('ledger')}) …")
    return _part(LEDGER, plan, environment, LEAVE_SECONDS)


@contextmanager
def _part(name: str, plan: Plan, environment: Mapping[str, str], patience_s: float) -> Iterator[Part]:
    part = Part(name, plan, environment)
    try:
        yield part
    finally:
        part.end(patience_s)


def _await_ready(port: ServicePort, parts: Parts, part: Part) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not port.ready():
        if fault := parts.fault():
            raise CannotRun(f"{fault}; it said last: {(parts.failed() or part).last_words()}")
        if time.monotonic() > deadline:
            raise CannotRun(
                f"the {part.name} was not ready within {READY_SECONDS:.0f} s: what it waits for is in {part.log}"
            )
        time.sleep(LOOK_SECONDS)
