"""`python -m services.router`: reads settings and configuration, wires, and runs until told to stop."""

import asyncio
import os
import signal
import sys
from typing import Any, Final

from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry

from policy.configuration import Configuration, ConfigurationError, load
from services.router.clients import Clients, leave_group
from services.router.decision import Decider
from services.router.membership import Membership
from services.router.metrics import PartitionMetrics, RouterMetrics
from services.router.partition import PartitionLoop, Turns
from services.router.readiness import needed, wait_for_topics
from services.router.settings import RouterSettings
from services.router.source import Kind, sources, written_by
from services.runtime import exits, loop
from services.runtime.http import serve
from services.runtime.interpreter import spare_the_collector
from services.runtime.log import Event, configure, logger
from services.runtime.settings import KafkaSettings, SharedSettings, read

BETWEEN_MEMBERSHIPS_S: Final = 0.5

log = logger()


class Router:
    """One process: a membership after another until told to quit."""

    def __init__(self, configuration: Configuration, kafka: KafkaSettings, settings: RouterSettings) -> None:
        self.registry = CollectorRegistry()
        self._configuration = configuration
        self._kafka = kafka
        self._sources = sources(configuration)
        self._metrics = RouterMetrics(configuration, self.registry)
        self._decider = Decider(configuration)
        self._clients = Clients(kafka, settings.compression, settings.fetch_bytes)
        self._turns = Turns(settings.transaction_records)
        self._membership: Membership | None = None
        self._topics_there = False

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Ready: every topic is there, the group is joined, and each partition that is ours routes."""
        member = self._membership
        waiting = len(member.waiting) if member else 0
        joined = member is not None and member.joined
        state = {"topics": self._topics_there, "joined": joined, "partitions_waiting": waiting}
        return self._topics_there and joined and not waiting, state

    async def run(self, quit_event: asyncio.Event) -> None:
        """Until `quit_event` is set; returns when the group is left."""
        wanted = needed(self._configuration, self._sources.values())
        self._topics_there = await wait_for_topics(self._kafka, wanted, quit_event)
        while not quit_event.is_set():
            self._membership = Membership(
                self._clients.member(),
                self._sources,
                self._loop_for,
                self._metrics.assigned_partitions.set,
            )
            await self._membership.live(quit_event, leave_group)
            await _pause(quit_event, BETWEEN_MEMBERSHIPS_S)

    def _loop_for(self, place: TopicPartition, committed: Any) -> PartitionLoop:
        source = self._sources[place.topic]
        counted = source.partner.id if source.partner and source.kind is Kind.INGRESS else None
        return PartitionLoop(
            source,
            place.partition,
            self._decider,
            self._clients,
            committed,
            written_by(source, place.partition, self._configuration),
            PartitionMetrics(self._metrics, counted, place.partition),
            self._turns,
        )


async def _pause(quit_event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(quit_event.wait(), seconds)
    except TimeoutError:
        return


async def _serve(configuration: Configuration, kafka: KafkaSettings, settings: RouterSettings) -> int:
    quit_event = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, quit_event.set)
    router = Router(configuration, kafka, settings)
    async with serve(router.registry, router.readiness, settings.host, settings.port) as server:
        log.info(Event.LISTENING, port=server.port)
        await router.run(quit_event)
    log.info(Event.STOPPED)
    return exits.DONE


def main() -> int:
    """Exit codes of contract.md; raises what `services.runtime.exits.run_main` turns into them."""
    configure("router")
    shared = read(SharedSettings, os.environ)
    kafka = read(KafkaSettings, os.environ)
    settings = read(RouterSettings, os.environ)
    try:
        configuration = load(shared.config_dir)
    except ConfigurationError as error:
        raise exits.WrongUse(str(error)) from None
    spare_the_collector()
    return loop.run(_serve(configuration, kafka, settings))


if __name__ == "__main__":
    sys.exit(exits.run_main(main))
