"""A ledger without a database or a broker: what its topics hold, built as the router and the desks write it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from policy.desks import DeskTable
from schemas.canonical import canonical
from schemas.codes import EntryState, Lane, Outcome
from schemas.envelope import Envelope
from services.ledger.batch import Batch
from services.ledger.entry import Entry, course_of
from services.ledger.entry_rows import ACTED
from services.ledger.history import History, moments
from services.ledger.inputs import directory
from services.ledger.known import Known, Placed, Rejected, ReportKey, is_wide
from services.ledger.reading import read_arrival, read_receipt, read_status
from services.ledger.reroutes import Refusal, refusals
from services.ledger.saying import Amendment, Message
from services.ledger.streams import Gap, Stream, StreamKey
from services.ledger.tally import CounterKey, Tallies, weights
from services.ledger.terms import Terms, terms
from services.ledger.values import Arrival, Commanded, Receipted, Reported, Tracked, entry_key
from services.router.writing import rfc3339
from tests.samples import NOW_MS, as_json, configuration, envelope

INGRESS: Final = "referral.ingress.ncmec.v1"
SOURCE: Final = f"{INGRESS}/0"
REROUTED: Final = "referral.reroute.v1/0"
REPORT: Final = "189234123"
SLOT_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
LATE_MS: Final = NOW_MS + 400 * DAY_MS
"""Every target is past."""
TERMS: Final = terms(configuration().desks)

Value = Arrival | Receipted | Placed | Tracked


def form(**changes: Any) -> bytes:
    """The canonical form of an envelope."""
    return canonical(Envelope.model_validate_json(as_json(envelope(**changes))))


def header_fields(value: bytes, at_ms: int, source: str, offset: int, count: int, chain: str) -> dict[str, bytes]:
    """The headers of a queue record that the ledger reads."""
    found = Envelope.model_validate_json(value)
    fields = {
        "ce_id": f"{found.partner}:{found.report}:{found.revision}".encode(),
        "referral-roles": b"upload",
        "referral-reasons": b"by_default",
        "referral-received": rfc3339(at_ms),
        "referral-ingress": f"{source}/{offset}".encode(),
        "referral-count": str(count).encode(),
    }
    return {**fields, "referral-chain": chain.encode()} if chain else fields


def arrival(
    desk: str = "nl",
    lane: Lane = Lane.ROUTINE,
    at_ms: int = NOW_MS,
    *,
    source: str = SOURCE,
    offset: int = 0,
    count: int = 1,
    chain: str = "",
    **changes: Any,
) -> Arrival:
    """A queue record of this desk, read."""
    value = form(**changes)
    headers = header_fields(value, at_ms, REROUTED if chain else source, offset, count, chain)
    found = read_arrival(desk, lane, value, list(headers.items()))
    assert isinstance(found, Arrival)
    return found


def receipt(
    outcome: Outcome = Outcome.ROUTED,
    desks: Sequence[str] = ("nl",),
    at_ms: int = NOW_MS,
    *,
    partner: str = "ncmec",
    report: str | None = REPORT,
    revision: int | None = 1,
    lane: Lane = Lane.ROUTINE,
    offset: int = 0,
    partition: int = 0,
    **changes: Any,
) -> Receipted:
    """A receipt, read."""
    whole = {
        "partition": partition,
        "offset": offset,
        "received_at": rfc3339(at_ms).decode(),
        "outcome": outcome,
        "reason": "key_mismatch" if outcome is Outcome.REJECTED else None,
        "report": report,
        "revision": revision,
        "destinations": [{"desk": desk, "lane": lane, "roles": ["upload"]} for desk in desks],
        **changes,
    }
    found = read_receipt(partner, f"referral.ingress.{partner}.v1", "referral.reroute.v1", as_json(whole))
    assert isinstance(found, Receipted)
    return found


def status(
    event: str,
    desk: str = "nl",
    at_ms: int = NOW_MS + 1000,
    *,
    place: int = 0,
    role: str = "triage",
    report: str = REPORT,
    partner: str = "ncmec",
    **fields: Any,
) -> Placed:
    """A status event in the topic of its desk, read. The desk's clock is the broker's."""
    whole = {
        "partner": partner,
        "report": report,
        "desk": desk,
        "event": event,
        "role": role,
        "at": rfc3339(at_ms).decode(),
        **fields,
    }
    found = read_status(desk, as_json(whole), at_ms, directory(configuration()))
    assert isinstance(found, Reported)
    return Placed(found, place)


@dataclass
class Ledger:
    """Keeps what a database would, and loads of it what a session does."""

    entries: dict[str, Entry] = field(default_factory=dict)
    events: dict[str, list[Placed]] = field(default_factory=dict)
    amendments: dict[ReportKey, Amendment] = field(default_factory=dict)
    rejections: dict[ReportKey, Rejected] = field(default_factory=dict)
    refusals: dict[str, dict[str, Refusal]] = field(default_factory=dict)
    unanswered: set[str] = field(default_factory=set)
    streams: dict[StreamKey, Stream] = field(default_factory=dict)
    comparable: dict[str, int] = field(default_factory=dict)
    tallies: Tallies = field(default_factory=Counter)
    counters: Counter[CounterKey] = field(default_factory=Counter)
    history: History = field(default_factory=Counter)
    gaps: list[tuple[StreamKey, Gap]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    now_ms: int = NOW_MS + 60_000
    terms: Terms = TERMS

    def apply(self, *values: Value) -> Batch:
        """One transaction."""
        batch = self._batch(self._load(values))
        for value in values:
            match value:
                case Arrival():
                    batch.arrive(value)
                case Receipted():
                    batch.receive(value)
                case Placed():
                    batch.report(value)
                case Tracked():
                    batch.track(value)
        return self._save(batch)

    def each(self, *values: Value) -> "Ledger":
        """Every value in a transaction of its own."""
        for value in values:
            self.apply(value)
        return self

    def sweep(self, now_ms: int) -> Batch:
        """What the clock does at this moment, as the store would find it."""
        self.now_ms = now_ms
        missed = [entry.key for entry in self.entries.values() if self._is_due(entry)]
        ended = [
            entry.key
            for entry in self.entries.values()
            if entry.expired_ms is None and entry.expires_ms is not None and entry.expires_ms <= now_ms
        ]
        known = self._known({*missed, *ended}, set())
        batch = self._batch(known)
        for key in missed:
            batch.miss(known.entries[key])
        for key in ended:
            batch.expire(known.entries[key])
        return self._save(batch)

    def _is_due(self, entry: Entry) -> bool:
        if entry.state != EntryState.WAITING or entry.missed:
            return False
        return entry.arrived_ms < self.now_ms - self.terms.target_ms(entry.desk, entry.lane)

    def remove(self, desk: str) -> None:
        """Start anew with a desk table that has it no more."""
        left = [one for one in configuration().desks.desks if one.id != desk]
        self.terms = terms(DeskTable(tuple(left)))

    def entry(self, desk: str = "nl", report: str = REPORT, partner: str = "ncmec") -> Entry:
        return self.entries[f"{partner}:{report}:{desk}"]

    def counted(self, name: str, code: str = "", desk: str | None = None) -> int:
        """Over every lane."""
        return sum(
            number
            for key, number in self.counters.items()
            if (key.name, key.code) == (name, code) and desk in (None, key.desk)
        )

    def tallied(self, kind: str, desk: str = "nl") -> int:
        return sum(number for key, number in self.tallies.items() if (key.kind, key.desk) == (kind, desk))

    def recounted(self) -> Tallies:
        """The tallies that the tables make."""
        found: Tallies = Counter(key for entry in self.entries.values() for key in weights(entry, SLOT_MS))
        for (partner, _), rejected in self.rejections.items():
            found["rejected", partner, "", 0] += 1  # type: ignore[index]
            if rejected.urgent:
                found["rejected_urgent", partner, "", 0] += 1  # type: ignore[index]
        return found

    def retold(self) -> History:
        """The history that entries and events make."""
        found: History = Counter()
        for entry in self.entries.values():
            events = sorted(self.events.get(entry.key, ()), key=lambda placed: placed.place)
            is_refused = refusals(entry.key, self.refusals)
            course = course_of(entry, [placed.reported.step for placed in events], is_refused)
            found.update(moments(entry, course, SLOT_MS))
        return found

    def commands(self) -> list[Message]:
        return [message for message in self.messages if message.topic == "referral.reroute.v1"]

    def outcomes(self) -> list[Message]:
        return [message for message in self.messages if message.topic != "referral.reroute.v1"]

    def _load(self, values: Iterable[Value]) -> Known:
        keys, arrived, accepted, wide = set(), set(), set(), set()
        for value in values:
            match value:
                case Arrival():
                    keys.add(value.key)
                    arrived.add((value.partner, value.report))
                case Placed():
                    keys.add(value.reported.key)
                case Receipted(report=str() as report, command=None):
                    accepted.add((value.partner, report))
                    if is_wide(value):
                        wide.add((value.partner, report))
                case Receipted(report=str() as report, command=Commanded(desk=desk)):
                    keys.add(entry_key(value.partner, report, desk))
        known = self._known(keys, wide)
        known.refusals = {key: dict(self.refusals[key]) for key in keys & self.refusals.keys()}
        known.amendments = {key: found for key, found in self.amendments.items() if key in arrived | wide}
        known.rejections = {key: found for key, found in self.rejections.items() if key in arrived | accepted}
        return known

    def _known(self, keys: set[str], wide: set[ReportKey]) -> Known:
        found = [
            replace(entry)
            for entry in self.entries.values()
            if entry.key in keys or (entry.partner, entry.report) in wide
        ]
        known = Known({entry.key: entry for entry in found})
        known.events = {entry.key: list(self.events[entry.key]) for entry in found if entry.events}
        known.desks = {report: set() for report in wide}
        for entry in found:
            if (entry.partner, entry.report) in wide:
                known.desks[entry.partner, entry.report].add(entry.desk)
        return known

    def _batch(self, known: Known) -> Batch:
        return Batch(known, self.streams, self.comparable, self.terms, SLOT_MS, self.now_ms)

    def _save(self, batch: Batch) -> Batch:
        batch.finish()
        for entry in batch.changed:
            if entry.id is None or entry.key in batch.retold:
                self.entries[entry.key] = replace(entry, id=entry.id or len(self.entries) + 1)
            else:  # as the database does
                acted = {name: getattr(entry, name) for name in ACTED}
                self.entries[entry.key] = replace(self.entries[entry.key], **acted)
        for placed in batch.new_events:
            self.events.setdefault(placed.reported.key, []).append(placed)
        for report in batch.amendments.changed:
            self.amendments[report] = batch.known.amendments[report]
        for report in batch.rejections.changed:
            if report in batch.known.rejections:
                self.rejections[report] = batch.known.rejections[report]
            else:
                self.rejections.pop(report, None)
        found = batch.reroutes
        self.unanswered -= found.answered
        for refusal in found.refused:
            self.refusals.setdefault(refusal.key, {})[refusal.command] = refusal
        self.unanswered |= {asked.command for asked in found.asked} - {
            command for there in self.refusals.values() for command in there
        }
        self.tallies.update(batch.tallies)
        self.tallies = Counter({key: number for key, number in self.tallies.items() if number})
        self.counters.update(batch.counters)
        self.history.update(batch.history)
        self.history = Counter({key: number for key, number in self.history.items() if number})
        self.gaps += batch.gaps
        self.messages += batch.messages
        return batch
