"""What a run is: settings, configuration, and where everything will answer. Settled before anything is started."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from policy.configuration import Configuration
from policy.desks import UNROUTABLE
from schemas import topics
from schemas.codes import Lane, Role
from services.console.environment import configuration_of
from services.console.run_board import Heading
from services.console.run_ledger import LedgerPort, ledger_port
from services.console.run_notifier import NotifierPort, SinkPorts, notifier_port, require_sinks, tells_anybody
from services.console.run_router import RouterPort, router_port
from services.console.run_settings import (
    DIRECTORY,
    OWN_CLUSTER,
    Places,
    RunSettings,
    configuration_place,
    for_children,
    read_settings,
)
from services.runtime.kafka import KafkaSettings
from services.runtime.ports import LOOPBACK, free_ports
from services.runtime.settings import read

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
    notifier: NotifierPort | None
    """None where nothing is simulated, or where nobody is told of anything."""
    sinks: SinkPorts
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
        pages = [self.ledger.page, *([self.notifier.page] if self.notifier else [])]
        return Heading(tuple(pages), self.router.url, self.kafka.bootstrap_servers, names, self.simulate)


def make_plan(environment: Mapping[str, str]) -> Plan:
    """Read everything there is to read. WrongUse for what is wrong in it."""
    settings, own_broker = read_settings(environment)
    bootstrap = f"{LOOPBACK}:{settings.broker_port}" if own_broker else environment[OWN_CLUSTER]
    kafka = read(KafkaSettings, {**environment, OWN_CLUSTER: bootstrap}, also=(RunSettings,))
    simulate = own_broker if settings.simulate is None else settings.simulate
    free = free_ports(3)
    places = Places(
        bootstrap,
        settings.router_port or free[0],
        settings.ledger_port or free[1],
        settings.notifier_port or free[2],
        configuration_place(environment, simulate),
    )
    configuration = configuration_of(places.config_dir)
    sinks = SinkPorts(settings.sink_webhook_port, settings.sink_mail_port)
    told = simulate and tells_anybody(configuration)
    if told:
        require_sinks(configuration, sinks, DIRECTORY)
    return Plan(
        settings=settings,
        own_broker=own_broker,
        simulate=simulate,
        kafka=kafka,
        router=router_port(settings.router_host, places.router_port),
        ledger=ledger_port(settings, places.ledger_port),
        notifier=notifier_port(settings, places.notifier_port) if told else None,
        sinks=sinks,
        configuration=configuration,
        environment=for_children(environment, settings, places),
    )
