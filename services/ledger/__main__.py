"""`python -m services.ledger`: reads settings and configuration, wires, and runs until told to stop."""

import asyncio
import os
import signal
import sys
import threading
import time
from typing import Final

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

END_S: Final = 10.0

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
            await _live(ledger)
            rendering.cancel()
    engine.dispose()
    if ledger.fault is not None:
        raise ledger.fault
    log.info(Event.STOPPED)
    return exits.DONE


async def _live(ledger: Ledger) -> None:
    """Until told to stop, or the ledger cannot go on; returns when its thread has ended."""
    running = asyncio.get_running_loop()
    ending = asyncio.Event()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(number, ending.set)

    def work() -> None:
        try:
            ledger.run(stop)
        finally:
            running.call_soon_threadsafe(ending.set)

    thread = threading.Thread(target=work, name="ledger", daemon=True)
    thread.start()
    await ending.wait()
    stop.set()
    await asyncio.to_thread(thread.join, END_S)


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
