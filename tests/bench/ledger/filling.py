"""Full topics: queues as the router fills them, and what desks then say of the entries."""

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from confluent_kafka import Producer

from schemas import topics
from schemas.topics import GROUP
from services.runtime.exits import CannotRun
from services.runtime.kafka import librdkafka_options
from services.simulator.envelopes import Record, Referrals
from services.simulator.mix import Mix
from tests.bench.feed import SEED, YEAR, feed
from tests.bench.processes import RouterProcess
from tests.bench.race import wait_for_start
from tests.bench.race import watch as watch_router
from tests.bench.stage import Stage

FLUSH_S: Final = 120.0


def new_reports(own: Stage, start_ms: int) -> Iterator[Record]:
    """New referrals only, so that each queue record opens an entry."""
    return iter(Referrals(SEED, YEAR, Mix.good(), start_ms, [own.partner]))


def fill(own: Stage, output: Path, stream: Iterable[Record], count: int) -> int:
    """Have a real router route this many envelopes; how many records are then new in queues."""
    router = RouterProcess(own, output)
    try:
        wait_for_start([router])
        watch_router(own.admin(), GROUP, own, feed(own, stream, count), [router])
        return router.written()
    finally:
        router.end()


def speak(own: Stage, entries: Iterable[tuple[str, str]]) -> int:
    """Every desk looks at all it has, then takes up every second and closes it; how many events that is.

    `entries`: report and desk. One pass after the other, so that events of an entry lie far apart, as they do.
    """
    listed = list(entries)
    producer = Producer({**librdkafka_options(own.kafka), "linger.ms": 50, "enable.idempotence": "true"})
    closed = {"disposition": "no_offence"}
    passes: tuple[tuple[str, list[tuple[str, str]], dict[str, str]], ...] = (
        ("looked", listed, {}),
        ("taken_up", listed[::2], {}),
        ("closed", listed[::2], closed),
    )
    said = 0
    for event, chosen, more in passes:
        for report, desk in chosen:
            send(producer, own, desk, report, event, more)
            said += 1
    if producer.flush(FLUSH_S):
        raise CannotRun("the broker did not acknowledge the status events")
    return said


def send(producer: Producer, own: Stage, desk: str, report: str, event: str, more: dict[str, str]) -> None:
    """One status event, as a desk would write it; waits where the client's queue is full."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    content = {"partner": own.partner.id, "report": report, "desk": desk, "event": event, "role": "investigator"}
    value = json.dumps({**content, "at": now, **more}, separators=(",", ":")).encode()
    while True:
        try:
            producer.produce(topics.status(desk), value, report.encode())
            break
        except BufferError:
            producer.poll(0.1)
    producer.poll(0)
