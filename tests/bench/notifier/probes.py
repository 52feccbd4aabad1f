"""How soon a desk hears of an urgent report: from a partner's `produce()` to the desk's webhook, hop by hop."""

import json
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from confluent_kafka import Consumer, Producer, TopicPartition

from policy.configuration import load as load_configuration
from schemas import topics
from schemas.codes import Lane, NoticeType, Role
from services.runtime.broker import Cluster
from services.runtime.exits import CannotRun
from services.runtime.kafka import librdkafka_options
from services.runtime.settings import KafkaSettings
from services.simulator.envelopes import Record
from tests.bench.feed import publish_evenly
from tests.bench.latency import SETTLED_S
from tests.bench.ledger.filling import new_reports, send
from tests.bench.ledger.process import LedgerProcess
from tests.bench.notifier.process import NotifierProcess
from tests.bench.notifier.rows import NOTICE_P50, NOTICE_P99, barred
from tests.bench.processes import RouterProcess, wait_until
from tests.bench.race import wait_for_start
from tests.bench.rows import Row
from tests.bench.stage import Stage, stage
from tests.notices.account import Request
from tests.notices.desks import SECRET
from tests.notices.processes import Sink, sink

BACKGROUND: Final = 200
"""Envelopes a second beside the probes; none of them is for a desk that is probed."""
EVERY_S: Final = 0.25
COUNTRIES: Final = (
    "AM", "BJ", "BT", "BY", "CH", "CY", "ET", "GN", "HT", "JM", "LT", "ME",
    "MK", "MR", "MV", "MZ", "PR", "SI", "SN", "TT", "TZ", "UG", "XK", "ZM",
)  # fmt: skip
"""Each with a desk of its own to which little comes. They are probed in turns: each has closed its group before."""
PATIENCE_S: Final = 60.0
_ARRIVED: Final = f"referral.notice.{NoticeType.URGENT_ARRIVED}"


@dataclass(slots=True)
class Probe:
    """One urgent report's way; times are Unix milliseconds, 0 until it has got there."""

    desk: str
    report: str
    counted: bool
    produced_ms: float
    queued_ms: float = 0
    noticed_ms: float = 0
    told_ms: float = 0
    over: bool = False


@dataclass(slots=True)
class Lookout:
    """Reads the probed desks' urgent queues and the topic of notices in a thread: when each record could be read."""

    consumer: Consumer
    queued: dict[str, float] = field(default_factory=dict)
    noticed: dict[int, float] = field(default_factory=dict)
    """By the notice's sequence, which the webhook's message names."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """It reads what comes from now on."""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """And closes."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _read(self) -> None:
        while not self._stop.is_set():
            record = self.consumer.poll(0.2)
            now_ms = time.time() * 1000
            if record is None or record.error() is not None:
                continue
            if record.topic() == topics.NOTICE:
                notice = json.loads(record.value() or b"{}")
                self.noticed[notice["sequence"]] = now_ms
            elif (key := record.key()) is not None:
                self.queued.setdefault(key.decode(), now_ms)
        self.consumer.close()


def measure(deploy: Path, logs: Path, seconds: float) -> Iterator[Row]:
    """p50 and p99 in ms, with each hop's in what they are of."""
    with ExitStack() as ends:
        place = Path(ends.enter_context(TemporaryDirectory(prefix="bench-probes-")))
        kafka = KafkaSettings(bootstrap_servers=ends.enter_context(Cluster()).bootstrap)
        own = ends.enter_context(stage(kafka, deploy, "bench-probes", 4))
        heard, url = ends.enter_context(sink(place, 0.0, 1))
        desks = [_desk(own, country) for country in COUNTRIES]
        told = replace(own, directory=_tell(place, own, url, desks))
        router = RouterProcess(own, logs / "probes-router.log")
        ends.callback(router.end)
        ledger = LedgerProcess(told, f"sqlite:///{place}/ledger.db", logs / "probes-ledger.log")
        ends.callback(ledger.end)
        notifier = NotifierProcess(told, f"sqlite:///{place}/notifier.db", logs / "probes-notifier.log")
        ends.callback(notifier.end)
        wait_for_start([router])
        wait_until(lambda: ledger.ready, "the ledger caught up", PATIENCE_S, ledger)
        notifier.wait_for_start()
        lookout = Lookout(_consumer(own, desks))
        lookout.start()
        ends.callback(lookout.stop)
        over = threading.Event()
        load = list(islice(_elsewhere(own), int((SETTLED_S + seconds + PATIENCE_S) * BACKGROUND)))
        publishing = threading.Thread(target=publish_evenly, args=[own, load, BACKGROUND, over, PATIENCE_S])
        publishing.start()
        try:
            probes = _probe(own, desks, heard, lookout, seconds)
        finally:
            over.set()
            publishing.join()
    yield from _rows(own, [probe for probe in probes if probe.counted], seconds)


def _desk(own: Stage, country: str) -> str:
    desk = own.configuration.desks.desk_for(country, Role.UPLOAD)
    assert desk is not None  # every assigned country has one
    return desk


def _tell(place: Path, own: Stage, url: str, desks: Sequence[str]) -> Path:
    """A configuration like the stage's, in which the probed desks have a webhook."""
    directory = place / "told"
    directory.mkdir()
    (directory / "desk.keys").write_text(f"{SECRET}\n")
    lines = [f"like: {own.directory}", "desks:"]
    for desk in desks:
        hook = f'{{webhook: "{url}/{desk}", secret_file: {directory}/desk.keys, networks: [127.0.0.0/8]}}'
        lines.append(f"  {desk}: {{notify: {{channels: {{duty: {hook}}}}}}}")
    (directory / "pace.yaml").write_text("\n".join(lines) + "\n")
    load_configuration(directory)
    return directory


def _envelope(own: Stage, country: str, report: str) -> bytes:
    place = {"country": country, "role": "upload", "basis": "ip_geolocation"}
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    envelope: dict[str, Any] = {
        "submitted_at": now, "schema_version": 1, "partner": own.partner.id, "report": report, "revision": 1,
        "action": "new", "partner_class": "referral", "urgency": "urgent", "incident": {"type": "production"},
        "jurisdictions": [place],
    }  # fmt: skip
    return json.dumps(envelope, separators=(",", ":")).encode()


def _elsewhere(own: Stage) -> Iterator[Record]:
    """New reports for the desks that are not probed."""
    probed = {f'"{country}"'.encode() for country in COUNTRIES}
    for record in new_reports(own, int(time.time() * 1000)):
        if record.value is not None and not any(country in record.value for country in probed):
            yield record


def _consumer(own: Stage, desks: Sequence[str]) -> Consumer:
    options = {"group.id": f"bench-{uuid.uuid4().hex}", "isolation.level": "read_committed", "fetch.wait.max.ms": 20}
    consumer = Consumer({**librdkafka_options(own.kafka), **options, "enable.auto.commit": "false"})
    names = [topics.NOTICE, *(topics.queue(desk, Lane.URGENT) for desk in desks)]
    consumer.assign(
        [TopicPartition(name, 0, consumer.get_watermark_offsets(TopicPartition(name, 0))[1]) for name in names]
    )
    return consumer


def _probe(own: Stage, desks: Sequence[str], heard: Sink, lookout: Lookout, seconds: float) -> list[Probe]:
    """Each desk in its turn, once its last group is closed. CannotRun where one hears nothing."""
    producer = Producer({**librdkafka_options(own.kafka), "linger.ms": 0, "partitioner": "murmur2_random"})
    free = list(zip(desks, COUNTRIES, strict=True))
    open_: dict[str, Probe] = {}
    probes: list[Probe] = []
    read = 0
    start_s = time.monotonic()
    while True:
        now_s = time.monotonic() - start_s
        sending = now_s < SETTLED_S + seconds
        if sending and free and now_s >= len(probes) * EVERY_S:
            desk, country = free.pop(0)
            report = f"PROBE-{len(probes)}"
            value = _envelope(own, country, report)
            open_[desk] = Probe(desk, report, now_s >= SETTLED_S, time.time() * 1000)
            probes.append(open_[desk])
            producer.produce(own.ingress, value, report.encode())
        producer.poll(0)
        requests = heard.look()
        for request in requests[read:]:
            probe = open_[request.path.strip("/")]
            if request.type == _ARRIVED and not probe.told_ms:
                _note(probe, request, lookout)
                send(producer, own, probe.desk, probe.report, "looked", {})
            elif request.type != _ARRIVED:
                probe.over = True
                free.append((probe.desk, COUNTRIES[desks.index(probe.desk)]))
                del open_[probe.desk]
        read = len(requests)
        if not sending and not open_:
            return probes
        if now_s > SETTLED_S + seconds + PATIENCE_S:
            raise CannotRun(f"{len(open_)} of {len(probes)} probes were not told and closed after {PATIENCE_S:.0f} s")
        time.sleep(0.01)


def _note(probe: Probe, request: Request, lookout: Lookout) -> None:
    probe.told_ms = request.at_ms
    probe.queued_ms = lookout.queued.get(probe.report, 0)
    probe.noticed_ms = lookout.noticed.get(request.covers, 0)


def _rows(own: Stage, probes: Sequence[Probe], seconds: float) -> Iterator[Row]:
    whole = sorted(probe.told_ms - probe.produced_ms for probe in probes)
    seen = [probe for probe in probes if probe.queued_ms and probe.noticed_ms]
    hops = {
        "to its queue": sorted(probe.queued_ms - probe.produced_ms for probe in seen),
        "then to its notice": sorted(probe.noticed_ms - probe.queued_ms for probe in seen),
        "then to the webhook": sorted(probe.told_ms - probe.noticed_ms for probe in seen),
    }
    said = "; ".join(f"{name} {_share(took, 0.5):.0f} and {_share(took, 0.99):.0f} ms" for name, took in hops.items())
    of = (
        f"{len(whole)} urgent reports in {seconds:.0f} s beside {BACKGROUND} envelopes/s, {own.shape}, SQLite, from "
        f"produce() to the webhook; p50 and p99 of each hop: {said}; worst {whole[-1]:.0f} ms"
    )
    for name, share in ((NOTICE_P50, 0.5), (NOTICE_P99, 0.99)):
        yield Row(name, _share(whole, share), "ms", barred(name, of))


def _share(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
