"""`python -m services.ledger`: reads settings and configuration, wires, and runs until told to stop."""

import asyncio
import os
import sys
import time

from prometheus_client import CollectorRegistry

from policy.configuration import Configuration, ConfigurationError, load
from services.ledger.database import check_slot, connect, held_alone, migrate
from services.ledger.inputs import inputs
from services.ledger.metrics import LedgerMetrics
from services.ledger.page.routes import routes
from services.ledger.service import Ledger
from services.ledger.settings import LedgerSettings
from services.runtime import exits, loop
from services.runtime.http import serve
from services.runtime.interpreter import share_the_heap, spare_the_collector, take_short_turns
from services.runtime.kafka import reach
from services.runtime.log import Event, configure, logger
from services.runtime.page.access import access
from services.runtime.rendered import Rendered
from services.runtime.settings import KafkaSettings, SharedSettings, read
from services.runtime.topic_reader import BATCH
from services.runtime.worker import work

log = logger()


async def _serve(configuration: Configuration, kafka: KafkaSettings, settings: LedgerSettings) -> int:
    known = frozenset(configuration.desks.by_id)
    desks, tracked = settings.chosen(known), settings.tracked(known)
    shown_to = access(settings.host, settings.token_file, "REFERRAL_LEDGER_")
    await reach(kafka)
    engine = connect(settings.database_url.get_secret_value())
    with held_alone(engine):
        migrate(engine)
        with engine.connect() as connection:  # a standby too, and not only when it takes over
            check_slot(connection, settings.slot_seconds * 1000)
        ledger = Ledger(
            configuration, kafka, engine, inputs(configuration, desks, tracked), settings.slot_seconds * 1000
        )
        registry = CollectorRegistry()
        LedgerMetrics(configuration, desks, ledger.figures, lambda: int(time.time() * 1000), registry)
        rendered = Rendered(registry, lambda: ledger.figures.version)
        pages = routes(ledger.figures, configuration, desks, shown_to)
        async with serve(rendered, ledger.readiness, settings.host, settings.port, pages) as server:
            log.info(Event.LISTENING, port=server.port)
            rendering = asyncio.create_task(rendered.keep())
            await work("ledger", ledger.run, asyncio.Event())
            rendering.cancel()
    engine.dispose()
    if ledger.fault is not None:
        raise ledger.fault
    log.info(Event.STOPPED)
    return exits.DONE


def main() -> int:
    """Exit codes of contract.md; raises what `services.runtime.exits.run_main` turns into them."""
    configure("ledger")
    shared = read(SharedSettings, os.environ)
    kafka = read(KafkaSettings, os.environ)
    settings = read(LedgerSettings, os.environ)
    try:
        configuration = load(shared.config_dir)
    except ConfigurationError as error:
        raise exits.WrongUse(str(error)) from None
    share_the_heap()
    spare_the_collector(10 * BATCH)
    take_short_turns()
    return loop.run(_serve(configuration, kafka, settings))


if __name__ == "__main__":
    sys.exit(exits.run_main(main))
