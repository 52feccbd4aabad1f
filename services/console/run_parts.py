"""What a run starts, from the broker to the simulated desks, each as a process that ends with us."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from policy.topics import topic_plan
from services.console.provision import provision
from services.console.run_backlog import Backlog
from services.console.run_board import note
from services.console.run_figures import History
from services.console.run_ledger import DATABASE, cluster_id, ledger_environment
from services.console.run_notifier import (
    NotifierPort,
    clear_database,
    make_keys,
    notifier_environment,
    sinks_environment,
)
from services.console.run_part import DESKS, LEDGER, NAMES, NOTIFIER, ROUTER, SIMULATOR, SINKS, Part, started
from services.console.run_place import require_port
from services.console.run_plan import Plan
from services.console.run_settings import (
    BROKER_PORT,
    LEDGER_PORT,
    NOTIFIER_PORT,
    ROUTER_PORT,
    SINK_MAIL_PORT,
    SINK_WEBHOOK_PORT,
)
from services.console.run_telling import Telling
from services.runtime import distribution
from services.runtime.broker import BRIEF, Cluster
from services.runtime.exits import CannotRun, WrongUse

READY_SECONDS: Final = 180.0
LOOK_SECONDS: Final = 0.1
FLUSH_SECONDS: Final = 15.0
LEAVE_SECONDS: Final = 12.0
"""The router promises to end within 10."""


@dataclass(slots=True)
class Parts:
    """What was started."""

    broker: Cluster | None
    router: Part
    ledger: Part | None = None
    sinks: Part | None = None
    notifier: Part | None = None
    simulator: Part | None = None
    desks: Part | None = None
    history: History = field(default_factory=History)
    backlog: Backlog | None = None
    """The newest that the ledger said."""
    telling: Telling | None = None
    """The newest that the notifier said."""

    def failed(self) -> Part | None:
        """The first that ended by itself, in the order of dependence."""
        every = (self.router, self.ledger, self.notifier, self.sinks, self.simulator, self.desks)
        return next((part for part in every if part is not None and part.fault), None)

    def fault(self) -> str | None:
        """The first that ended by itself, the broker before those that depend on it."""
        if self.broker is not None and not self.broker.pids:
            return f"the broker ended by itself; why is in {self.broker.log_file()}"
        failed = self.failed()
        return None if failed is None else failed.fault


def start(plan: Plan, stack: ExitStack) -> Parts:
    """All of it; what is simulated begins when the services are ready. `stack` ends them in reverse."""
    began = time.monotonic()
    _require_ports(plan)
    broker = stack.enter_context(_broker(plan)) if plan.own_broker else None
    note("Provisioning the topics …")
    changes = provision(plan.kafka, topic_plan(plan.configuration), dry_run=False)
    if changes.refused:
        raise WrongUse("\n".join(map(str, changes.refused)))
    note(f"Starting the router (its log: {plan.log(ROUTER)}) …")
    parts = Parts(broker, stack.enter_context(started(ROUTER, plan.log(ROUTER), plan.environment, LEAVE_SECONDS)))
    cluster = cluster_id(plan.kafka)
    parts.ledger = stack.enter_context(_ledger(plan, cluster))
    if plan.notifier is not None:
        parts.sinks = stack.enter_context(_sinks(plan))
        parts.notifier = stack.enter_context(_notifier(plan, plan.notifier, cluster))
    _await_ready(plan.router, parts, parts.router)
    _await_ready(plan.ledger, parts, parts.ledger)
    if plan.notifier is not None and parts.notifier is not None and parts.sinks is not None:
        _await_ready(plan.sinks, parts, parts.sinks)
        _await_ready(plan.notifier, parts, parts.notifier)
    if plan.simulate:
        simulator, desks = (
            started(name, plan.log(name), plan.environment, FLUSH_SECONDS) for name in (SIMULATOR, DESKS)
        )
        parts.simulator, parts.desks = stack.enter_context(simulator), stack.enter_context(desks)
    note(f"Ready after {time.monotonic() - began:.0f} s.")
    return parts


def _require_ports(plan: Plan) -> None:
    if plan.own_broker:
        require_port(plan.settings.broker_port, "the Kafka broker", BROKER_PORT)
    require_port(plan.router.port, "the router", ROUTER_PORT)
    require_port(plan.ledger.port, "the ledger", LEDGER_PORT)
    if plan.notifier is not None:
        require_port(plan.notifier.port, "the notifier", NOTIFIER_PORT)
        require_port(plan.sinks.webhook, "the desks' end of webhooks", SINK_WEBHOOK_PORT)
        require_port(plan.sinks.mail, "the desks' mail server", SINK_MAIL_PORT)


@contextmanager
def _broker(plan: Plan) -> Iterator[Cluster]:
    if not distribution.cached():
        note(f"Fetching Kafka {distribution.version()} by Maven, once …")
    note(f"Starting the broker on {plan.kafka.bootstrap_servers} …")
    with Cluster(directory=plan.directory / "kafka", ports=[plan.settings.broker_port], jvm=[BRIEF]) as cluster:
        yield cluster


def _ledger(plan: Plan, cluster: str) -> AbstractContextManager[Part]:
    """What is simulated is counted in a database of its own: no real count is ever mixed with it."""
    environment, where = plan.environment, ""
    if plan.simulate and not environment.get(DATABASE):
        environment = ledger_environment(environment, cluster, plan.directory)
        where = f"its database: {environment[DATABASE].removeprefix('sqlite:///')}, "
    note(f"Starting the ledger ({where}its log: {plan.log(LEDGER)}) …")
    return started(LEDGER, plan.log(LEDGER), environment, LEAVE_SECONDS)


def _sinks(plan: Plan) -> AbstractContextManager[Part]:
    environment = sinks_environment(plan.environment, plan.sinks, make_keys(plan.directory))
    return started(SINKS, plan.log(SINKS), environment, LEAVE_SECONDS)


def _notifier(plan: Plan, port: NotifierPort, cluster: str) -> AbstractContextManager[Part]:
    note(f"Starting the notifier (its log: {plan.log(NOTIFIER)}; who is told: {plan.log(SINKS)}) …")
    database = plan.directory / f"notifier-{cluster}.db"
    clear_database(database)
    environment = notifier_environment(plan.environment, port, plan.sinks, database)
    return started(NOTIFIER, plan.log(NOTIFIER), environment, LEAVE_SECONDS)


class _Answering(Protocol):
    def ready(self) -> bool: ...


def _await_ready(port: _Answering, parts: Parts, part: Part) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not port.ready():
        if fault := parts.fault():
            raise CannotRun(f"{fault}; it said last: {(parts.failed() or part).last_words()}")
        if time.monotonic() > deadline:
            raise CannotRun(
                f"{NAMES[part.name]}: not ready within {READY_SECONDS:.0f} s: what it waits for is in {part.log}"
            )
        time.sleep(LOOK_SECONDS)
