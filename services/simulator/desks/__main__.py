"""`SIMULATE=1 python -m services.simulator.desks`: behaves until told to stop, then prints a summary to stdout."""

import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from typing import Final

from policy.configuration import Configuration, ConfigurationError, load
from policy.desks import Reporting
from services.runtime import exits
from services.runtime.kafka import reach
from services.runtime.log import Event, configure, logger
from services.runtime.settings import KafkaSettings, SharedSettings, read
from services.simulator.desks.conduct import conduct_of
from services.simulator.desks.desk import SimulatedDesk
from services.simulator.desks.streams import Mouth, Streams
from services.simulator.settings import SimulatorSettings, permit

POLL_S: Final = 0.1
SEED: Final = 1
"""Where none is set: the same in every run, so that what one run began the next one ends."""

log = logger()


def main() -> int:
    """Exit code: 0 when everything said was acknowledged, 1 when something was not."""
    configure("simulator")
    return exits.run_main(lambda: behave(os.environ, _stop_on_signal()))


def behave(environment: Mapping[str, str], stop: threading.Event) -> int:
    """From settings to summary. Raises WrongUse and CannotRun as the exit codes have them."""
    settings = read(SimulatorSettings, environment, also=(KafkaSettings,))
    permit(settings.simulate)
    kafka = read(KafkaSettings, environment, also=(SimulatorSettings,))
    directory = read(SharedSettings, environment, also=(SimulatorSettings, KafkaSettings)).config_dir
    try:
        configuration = load(directory)
    except ConfigurationError as error:
        raise exits.WrongUse(str(error)) from None
    asyncio.run(reach(kafka))
    desks = _desks(configuration, SEED if settings.seed is None else settings.seed)
    streams, mouth = Streams(kafka), Mouth(kafka)
    try:
        _live(desks, streams, mouth, stop)
    finally:
        streams.close()
        mouth.finish(settings.flush_timeout)
        summary = {"acknowledged": dict(sorted(mouth.said.items())), "not_acknowledged": dict(mouth.refused)}
        print(json.dumps(summary), flush=True)  # noqa: T201 - the result belongs on stdout
    log.info(Event.STOPPED, acknowledged=mouth.said.total(), not_acknowledged=mouth.refused.total())
    return exits.FOUND if mouth.refused else exits.DONE


def _desks(configuration: Configuration, seed: int) -> dict[str, SimulatedDesk]:
    """Those that report: the others say nothing."""
    table, began_ms = configuration.desks, _clock_ms()
    return {
        desk.id: SimulatedDesk(desk, table, conduct_of(desk.id), seed, began_ms)
        for desk in table.desks
        if desk.reporting is Reporting.STATUS
    }


def _live(desks: Mapping[str, SimulatedDesk], streams: Streams, mouth: Mouth, stop: threading.Event) -> None:
    for event in streams.read_events(desks, stop):
        if event.desk in desks:
            desks[event.desk].remember(event)
    streams.follow_queues(desks)
    log.info(Event.STARTED, desks=len(desks))
    while not stop.is_set():
        for found in streams.poll(POLL_S):
            desks[found.desk].take_in(
                found.partner, found.report, found.lane, withdrawn=found.withdrawn, now_ms=_clock_ms()
            )
        now_ms = _clock_ms()
        for desk in desks.values():
            for event in desk.decide(now_ms):
                mouth.say(event)
        mouth.poll()


def _stop_on_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _clock_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    sys.exit(main())
