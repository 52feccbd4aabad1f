"""`SIMULATE=1 python -m services.simulator`: publishes until told to stop, then prints a summary to stdout."""

import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from policy.configuration import ConfigurationError, load
from services.runtime import exits
from services.runtime.kafka import librdkafka_options, reach
from services.runtime.log import Event, configure, logger
from services.runtime.settings import KafkaSettings, SharedSettings, read
from services.simulator.envelopes import Referrals
from services.simulator.publishing import Limits, Publisher, publish
from services.simulator.settings import SimulatorSettings, permit

log = logger()


def main() -> int:
    """Exit code: 0 when everything sent was acknowledged, 1 when something was not."""
    configure("simulator")
    return exits.run_main(lambda: simulate(os.environ, _stop_on_signal()))


def simulate(environment: Mapping[str, str], stop: threading.Event) -> int:
    """One run, from settings to summary. Raises WrongUse and CannotRun as the exit codes have them."""
    settings = read(SimulatorSettings, environment, also=(KafkaSettings,))
    permit(settings.simulate)
    kafka = read(KafkaSettings, environment, also=(SimulatorSettings,))
    directory = read(SharedSettings, environment, also=(SimulatorSettings, KafkaSettings)).config_dir
    try:
        partners = load(directory).partners.partners
    except ConfigurationError as error:
        raise exits.WrongUse(str(error)) from None
    asyncio.run(reach(kafka))
    publisher = Publisher(librdkafka_options(kafka), partners, settings.topic_by_partner())
    now_ms = _clock_ms()
    start_ms = now_ms if settings.start_ms is None else settings.start_ms
    seed = now_ms if settings.seed is None else settings.seed
    clock = _clock_ms if settings.start_ms is None else None
    referrals = Referrals(seed, settings.year, settings.mix(), start_ms, partners, clock)
    log.info(Event.STARTED, seed=seed, year=settings.year, rate=settings.rate)
    began_s = time.monotonic()
    try:
        publish(referrals, publisher, Limits(settings.rate, settings.count, settings.duration), stop)
    finally:
        tally = publisher.finish(settings.flush_timeout)
        summary = {"seed": seed, "year": settings.year, "start_ms": start_ms}
        _print_summary({**summary, "seconds": round(time.monotonic() - began_s, 3), **tally.as_json()})
    log.info(Event.STOPPED, acknowledged=tally.total, not_acknowledged=tally.not_acknowledged.total())
    return exits.FOUND if tally.not_acknowledged else exits.DONE


def _stop_on_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _clock_ms() -> int:
    return time.time_ns() // 1_000_000


def _print_summary(summary: dict[str, Any]) -> None:
    print(json.dumps(summary), flush=True)  # noqa: T201 - the result belongs on stdout


if __name__ == "__main__":
    sys.exit(main())
