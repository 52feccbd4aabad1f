"""One stay in office: from the lease to its loss. Reads, applies, stores; whatever fails ends it, and nothing is kept.

Blocking, in a thread of its own. Each transaction holds the lease's row, the effects and the positions (rule 6: what
fails is thrown away with all that was remembered, and the next session begins with what the database holds).
"""

import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Final

from sqlalchemy import Connection, Engine

from policy.desks import DeskTable
from schemas import topics
from schemas.codes import EntryState
from services.ledger import queries, store
from services.ledger.batch import Batch
from services.ledger.conservation import Conservation
from services.ledger.database import remember_cluster, remember_slot, writing
from services.ledger.emptied import Emptied
from services.ledger.feed import Feed
from services.ledger.figures import Figures
from services.ledger.history import first_kept
from services.ledger.inputs import Input, Kind
from services.ledger.intake import Read, take
from services.ledger.known import Known
from services.ledger.loading import HeldBack, load_for
from services.ledger.outgoing import Outgoing
from services.ledger.pace import FEWEST, at_once
from services.ledger.publisher import Publisher
from services.ledger.reading import first_offset, read_receipt
from services.ledger.retiming import Retiming
from services.ledger.settling import settle_anew, settled, unsettled
from services.ledger.telling import Telling
from services.ledger.terms import Terms
from services.ledger.values import FaultKind
from services.ledger.waits import Waits, earliest
from services.runtime.beside import Beside
from services.runtime.cluster import Cluster, Place
from services.runtime.log import Event, Name, logger

SWEEP_S: Final = 1.0
RENEW_S: Final = 2.0
DISCOVER_S: Final = 10.0
WEIGH_S: Final = 0.25
EMPTY_S: Final = 60.0
READ_ON: Final = 10_000
"""Receipts among which the first of an ingress partition is looked for: before it there may be others."""
SWEPT: Final = 5_000
"""Entries a sweep takes at once; it comes again at once where there were as many."""


log = logger()


class Session:
    """The holder of one lease."""

    def __init__(
        self,
        table: DeskTable,
        inputs: Mapping[str, Input],
        terms: Terms,
        engine: Engine,
        feed: Feed,
        cluster: Cluster,
        beside: Beside,
        publishers: tuple[Publisher, Publisher],
        figures: Figures,
        epoch: int,
        slot_ms: int,
    ) -> None:
        self._inputs = inputs
        self._terms = terms
        self._engine = engine
        self._feed = feed
        self._cluster = cluster
        self._beside = beside
        self._figures = figures
        self._epoch = epoch
        self._slot_ms = slot_ms
        self._held = frozenset(place.desk for place in inputs.values() if place.kind is Kind.QUEUE)
        self._held_back = HeldBack()
        self._outgoing = Outgoing(engine, epoch, *publishers)
        self._at_once = FEWEST
        self._telling = Telling(table, inputs, terms, figures)
        self._emptied = Emptied()
        self._due: dict[str, float] = {}
        self.at_work = False
        """Whether it has stored a batch, or read to the ends. One that fails at its first batch never is."""

    def begin(self) -> None:
        """Take over what the database holds, and read on from there."""
        cluster = self._cluster.id()
        with writing(self._engine, self._epoch, _now_ms()) as connection:
            remember_cluster(connection, cluster)
            if remember_slot(connection, self._slot_ms):
                store.fill_history(connection, self._slot_ms, first_kept(_now_ms(), self._slot_ms))
            self._positions = queries.read_positions(connection)
            self._streams = queries.read_streams(connection)
            self._comparable = queries.read_sources(connection)
            self._held_back = HeldBack(
                queries.has_amendments(connection), queries.has_rejections(connection), queries.has_refusals(connection)
            )
            self._telling.begin(connection)
            counters, heard = queries.read_counters(connection), queries.read_heard(connection)
            self._figures.load(queries.stream_tallies(connection), counters, heard)
            history, whole_from_ms = queries.read_history(connection), queries.history_whole_from(connection)
            with self._figures.lock:
                self._figures.spans.load(history, self._slot_ms, whole_from_ms)
            self._waits = self._read_waits(connection)
        self._conservation = Conservation(self._streams, self._held)
        self._retime()
        self._sweep()  # what ended while nobody looked ends before anything is served
        self._settle_anew()
        self._discover(self._cluster.partitions(self._inputs))

    def _retime(self) -> None:
        """Before anything ends: what ends when, where a desk has other times than at the start before."""
        with self._engine.connect() as connection:
            retiming = Retiming(connection, self._terms)
        while True:
            now_ms = _now_ms()
            with writing(self._engine, self._epoch, now_ms) as connection:
                batch = retiming.step(connection, lambda known, now_ms=now_ms: self._batch(known, now_ms), now_ms)  # type: ignore[misc]
                if batch is None:
                    return
                self._telling.tell(connection, batch, (), now_ms)
                store.save(connection, batch, self._streams, {})
            self._stored(batch, now_ms)

    def _settle_anew(self) -> None:
        """What a version before settled by other rules."""
        with self._engine.connect() as connection:
            keys = unsettled(connection)
        if keys is None:
            return
        while keys:
            now_ms, some, keys = _now_ms(), keys[:SWEPT], keys[SWEPT:]
            with writing(self._engine, self._epoch, now_ms) as connection:
                batch = settle_anew(connection, some, lambda known, now_ms=now_ms: self._batch(known, now_ms))  # type: ignore[misc]
                self._telling.tell(connection, batch, (), now_ms)
                store.save(connection, batch, self._streams, {})
            self._stored(batch, now_ms)
        with writing(self._engine, self._epoch, _now_ms()) as connection:
            settled(connection)

    def turn(self) -> None:
        """Read what came and store it; and what the clock asks for."""
        found = self._feed.take(self._at_once)
        if found.records:
            begun_s = time.monotonic()
            self._apply(found)
            self._at_once = at_once(self._at_once, found.records, time.monotonic() - begun_s)
            self._due["renew"] = begun_s + RENEW_S
            self.at_work = True
        if self._is_due("sweep", SWEEP_S):
            self._sweep()
            self._look_round()
        if self._is_due("renew", RENEW_S):
            with writing(self._engine, self._epoch, _now_ms()):
                pass
        if self._is_due("empty", EMPTY_S):
            with writing(self._engine, self._epoch, _now_ms()) as connection:
                self._emptied.forget(connection)
        self._look_for_topics()
        self._outgoing.turn()
        if self._is_due("weigh", WEIGH_S):
            self._weigh()

    def end(self) -> None:
        """Before an ordered stop."""
        self._outgoing.end()

    def _is_due(self, what: str, every_s: float) -> bool:
        now = time.monotonic()
        if now < self._due.get(what, 0.0):
            return False
        self._due[what] = now + every_s
        return True

    def _apply(self, found: Read) -> None:
        now_ms = _now_ms()
        with writing(self._engine, self._epoch, now_ms) as connection:
            known = load_for(connection, found.values, self._held_back)
            batch = self._batch(known, now_ms)
            for value in found.values:
                take(batch, value)
            for topic, kind in found.faults:
                place = self._inputs[topic]
                if place.kind is Kind.STATUS:
                    batch.fault(place.desk, kind)
                else:
                    batch.unread(place.kind)
            batch.finish()
            self._telling.tell(connection, batch, found.notices, now_ms)
            store.save(connection, batch, self._streams, found.positions)
        self._outgoing.expect(batch.messages)
        self._held_back = self._held_back.after(batch)
        self._feed.past(found.positions)
        self._stored(batch, now_ms)
        for topic, kind in found.faults:
            place = self._inputs[topic]
            log.warning(Event.EVENT_REFUSED, desk=Name(place.desk), topic_kind=place.kind, reason=kind)
        for desk, number in batch.surplus.items():
            reason = FaultKind.TOO_MANY
            log.warning(Event.EVENT_REFUSED, desk=Name(desk), topic_kind=Kind.STATUS, reason=reason, events=number)

    def _look_round(self) -> None:
        now_ms = _now_ms()
        with self._engine.connect() as connection:
            messages, told = self._telling.look_round(connection, now_ms)
        if messages or told:
            with writing(self._engine, self._epoch, now_ms) as connection:
                store.save_messages(connection, messages)
                store.save_told(connection, told)
        self._outgoing.expect(messages)

    def _batch(self, known: Known, now_ms: int) -> Batch:
        return Batch(known, self._streams, self._comparable, self._terms, self._slot_ms, now_ms)

    def _sweep(self) -> None:
        """What only the clock does: terms that end, targets that pass; and who waits longest."""
        while self._swept():
            pass
        self._forget()
        with self._engine.connect() as connection:
            unanswered = queries.unanswered(connection)
            unsent_ms = queries.oldest_unsent_ms(connection)
            if self._waits.stale:
                for queue, found in queries.longest_waiting(connection, self._waits.stale).items():
                    self._waits.refresh(queue, earliest(found))
        with self._figures.lock:
            self._figures.oldest = dict(self._waits.oldest)
            self._figures.unanswered = unanswered
            self._figures.unsent_ms = unsent_ms

    def _forget(self) -> None:
        """Spans of history that are older than what is kept, as they come to be."""
        before_ms = first_kept(_now_ms(), self._slot_ms)
        with self._figures.lock:
            oldest_ms = self._figures.spans.oldest()
        if oldest_ms is None or oldest_ms >= before_ms:
            return
        with writing(self._engine, self._epoch, _now_ms()) as connection:
            store.forget_history(connection, before_ms)
        with self._figures.lock:
            self._figures.spans.forget(before_ms)

    def _read_waits(self, connection: Connection) -> Waits:
        counts = self._figures.counts.items()
        queues = [(desk, lane) for (kind, desk, lane), number in counts if kind == EntryState.WAITING and number]
        found = queries.longest_waiting(connection, queues)
        oldest = {queue: at_ms for queue, times in found.items() if (at_ms := earliest(times)) is not None}
        return Waits(oldest, {queue: times[0] for queue, times in found.items() if times[0] is not None})

    def _swept(self) -> bool:
        """One transaction of the clock's; True where there was as much as it takes."""
        now_ms = _now_ms()
        with self._engine.connect() as connection:
            ended = queries.expiring(connection, now_ms, SWEPT)
            missed = self._passed(connection, now_ms)
        if not ended and not missed:
            return False
        with writing(self._engine, self._epoch, now_ms) as connection:
            known = store.load(connection, {*ended, *missed}, ())
            batch = self._batch(known, now_ms)
            for key in missed:
                batch.miss(known.entries[key])
            for key in ended:
                batch.expire(known.entries[key])
            batch.finish()
            self._telling.tell(connection, batch, (), now_ms)
            store.save(connection, batch, self._streams, {})
        self._outgoing.expect(batch.messages)
        self._stored(batch, now_ms)
        return len(ended) >= SWEPT or len(missed) >= SWEPT

    def _passed(self, connection: Connection, now_ms: int) -> list[str]:
        """Keys of entries whose time to look has passed."""
        before_ms = self._terms.latest_in_time(now_ms)
        spans = {queue: range(from_ms, before_ms[queue]) for queue, from_ms in self._waits.past(before_ms)}
        if not spans:
            return []
        found = queries.due(connection, spans, SWEPT)
        if len(found) < SWEPT:
            then = queries.next_unmissed(connection, {queue: span.stop for queue, span in spans.items()})
            for queue, at_ms in then.items():
                self._waits.counted(queue, at_ms)
        return found

    def _stored(self, batch: Batch, now_ms: int) -> None:
        self._waits.stored(batch.waiting)
        self._figures.committed(batch, now_ms)

    def _look_for_topics(self) -> None:
        """Now and then; the answer comes some turns after the question."""
        if time.monotonic() >= self._due.get("discover", 0.0):
            places = self._beside.partitions(self._inputs)
            if places is not None:
                self._due["discover"] = time.monotonic() + DISCOVER_S
                self._discover(places)

    def _discover(self, places: Iterable[Place]) -> None:
        """Topics that came, and the first receipts that are kept of each ingress partition."""
        fresh = [place for place in places if place not in self._feed.reached]
        if fresh:
            self._learn_sources([place for place in fresh if self._inputs[place[0]].kind is Kind.RECEIPT])
            self._feed.start(fresh, self._positions)

    def _learn_sources(self, receipts: Iterable[Place]) -> None:
        """Where retention took receipts before they were read, older queue records have nothing to be held against."""
        learnt: dict[str, int] = {}
        for topic, partition in receipts:
            place = self._inputs[topic]
            source = f"{place.ingress}/{partition}"
            if source in self._comparable or (topic, partition) in self._positions:
                continue
            with closing(self._cluster.first_values((topic, partition), READ_ON)) as kept:
                found = (read_receipt(place.partner, place.ingress, topics.REROUTE, value) for value in kept)
                learnt[source] = first_offset(found, source)
        if learnt:
            with writing(self._engine, self._epoch, _now_ms()) as connection:
                store.save_sources(connection, learnt)
            self._comparable |= learnt

    def _weigh(self) -> None:
        """How far behind, and what is in doubt."""
        residue, behind, caught_up = self._conservation.weigh(self._beside, self._feed.reached, time.monotonic())
        with self._figures.lock:
            self._figures.residue = residue
            self._figures.lag_records = behind
            self._figures.caught_up = caught_up
        self.at_work = self.at_work or caught_up


def _now_ms() -> int:
    return int(time.time() * 1000)
