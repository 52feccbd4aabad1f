"""What one transaction does: values in, changed entries, counts and messages out. Pure but for what it is given.

Reading order within the batch is that of the topics; between topics any order gives the same entries.
"""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping
from datetime import UTC, datetime
from operator import attrgetter
from typing import Final

from policy.desks import UNROUTABLE
from schemas.codes import ActorRole, EntryState, Lane, Outcome
from schemas.lifecycle import MAX_STEPS, Course, Step
from services.ledger.amendments import Amendments
from services.ledger.changes import Changes
from services.ledger.entry import Entry, Meaning, absorb, erase, opened, renew, settle, unmet
from services.ledger.history import History
from services.ledger.known import ACCEPTED, Known, Placed, Rejected, ReportKey, amends
from services.ledger.openings import Openings
from services.ledger.rejections import Rejections
from services.ledger.reroutes import Reroutes, refusals
from services.ledger.saying import Message, outcomes, pass_on, unname
from services.ledger.streams import Gap, Stream, StreamKey
from services.ledger.tally import (
    NOTHING,
    Before,
    CounterKey,
    Counters,
    Tallies,
)
from services.ledger.terms import Terms
from services.ledger.values import Arrival, FaultKind, Receipted, Tracked, entry_key
from services.ledger.waits import Waiting


class Batch:
    """Applies values to what is known, and gathers what to store.

    `streams` is the ledger's own memory of all streams; `comparable` says from which ingress offset on the receipts
    of a source are kept.
    """

    def __init__(
        self,
        known: Known,
        streams: dict[StreamKey, Stream],
        comparable: Mapping[str, int],
        terms: Terms,
        slot_ms: int,
        now_ms: int,
    ) -> None:
        self.known = known
        self.tallies: Tallies = Counter()
        self.counters: Counters = Counter()
        self.history: History = Counter()
        self.new_events: list[Placed] = []
        self.new_tracks: list[Tracked] = []
        self.messages: list[Message] = []
        self.gaps: list[tuple[StreamKey, Gap]] = []
        self.heard: dict[str, int] = {}
        self.urgent_rejected_ms = 0
        """When the newest rejected record came that claims urgency, readable or not; Unix ms, 0 for none."""
        self.unread_urgent = False
        """Whether one of these names no report, so that nobody can say when it is resent."""
        self.moved: list[tuple[Before, Entry]] = []
        """What is or was urgent, or nobody's, or late, and changed its state or lane or is late now; before and now."""
        self.waiting = Waiting()
        self.amendments = Amendments(known.amendments)
        self.rejections = Rejections(known, self.tallies)
        self.reroutes = Reroutes(known.refusals, self.counters)
        self._changes = Changes(slot_ms, self._steps, lambda key: refusals(key, known.refusals))
        self.surplus: Counter[str] = Counter()
        """Desk → status events that were one too many for their entry."""
        self._fresh: Counter[str] = Counter()
        self._meanings: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self._identities: dict[str, set[str]] = {}
        self._unsettled: set[str] = set()
        self._streams = streams
        self._touched: dict[tuple[str, str, str], Stream] = {}
        self._comparable = comparable
        self._terms = terms
        self._slot_ms = slot_ms
        self._now_ms = now_ms
        self._now = _rfc3339(now_ms)

    @property
    def changed(self) -> Iterable[Entry]:
        """Every entry that was made or changed; those without an `id` are new."""
        return (self.known.entries[key] for key in self._changes.before)

    @property
    def touched_streams(self) -> Iterable[StreamKey]:
        """Those in which something was counted."""
        return (StreamKey(*key) for key in self._touched)

    @property
    def retold(self) -> Container[str]:
        """Keys of those of them that changed in more than `entry_rows.ACTED`."""
        return self._changes.retold

    def arrive(self, arrival: Arrival) -> None:
        """A queue record: opens a stay, amends or repeats, and is counted as one of these in its queue."""
        self._number(arrival)
        key = arrival.key
        entry = self.known.entries.get(key)
        if entry is None:
            entry = self._add(opened(arrival))
            self._terms.settle_term(entry)
            meaning = Meaning.OPENED
        else:
            self._changes.retell(entry)
            meaning = absorb(entry, arrival)
            self._terms.settle_term(entry)
            renew(entry, self._now_ms)
            self._unsettled.add(key)
        self._meanings[meaning, arrival.desk, arrival.lane] += 1
        if arrival.withdrawn and meaning is not Meaning.REPEATED:
            self.counters[CounterKey("withdrawn", arrival.desk, arrival.lane, "")] += 1
        if self.known.rejections and not arrival.rerouted:
            self.rejections.resend((arrival.partner, arrival.report), arrival.received_ms)

    def _add(self, entry: Entry) -> Entry:
        self.known.entries[entry.key] = entry
        self._changes.made(entry)
        desks = self.known.desks
        if desks and (found := desks.get((entry.partner, entry.report))) is not None:
            found.add(entry.desk)
        return entry

    def _number(self, arrival: Arrival) -> None:
        key = arrival.desk, arrival.lane, arrival.source
        compared = arrival.ingress_offset >= self._comparable.get(arrival.source, 0)
        if (gap := self._stream(key).advance(arrival.count, compared)) is not None:
            self.gaps.append((StreamKey(*key), gap))

    def _stream(self, key: tuple[str, str, str]) -> Stream:
        """Of a `StreamKey`, which is made only where it is new: it is the same key, and takes longer to make."""
        found = self._touched.get(key)
        if found is None:
            whole = StreamKey(*key)
            found = self._streams.get(whole)
            if found is None:
                found = self._streams[whole] = Stream()
            self._touched[whole] = found
        return found

    def receive(self, receipt: Receipted) -> None:
        """A receipt."""
        if receipt.offset >= self._comparable.get(receipt.source, 0):
            for desk, lane in receipt.destinations.items():
                self._stream((desk, lane, receipt.source)).receipts += 1
        if receipt.plain:
            if self.known.rejections and receipt.report is not None:
                self.rejections.resend((receipt.partner, receipt.report), receipt.received_ms)
            return
        if receipt.command is not None:
            self._answer(receipt)
            return
        if receipt.claims_urgent:
            self.urgent_rejected_ms = max(self.urgent_rejected_ms, receipt.received_ms)
            self.unread_urgent = self.unread_urgent or receipt.report is None
        if receipt.report is None:
            return
        report = receipt.partner, receipt.report
        if receipt.outcome is Outcome.REJECTED:
            self.rejections.reject(report, Rejected(receipt.received_ms, receipt.claims_urgent))
        elif receipt.outcome in ACCEPTED:
            if self.known.rejections:
                self.rejections.resend(report, receipt.received_ms)
            if amends(receipt):
                self._amend(report, receipt)

    def _answer(self, receipt: Receipted) -> None:
        """The router's answer to a reroute command: what it refused to forward is back in view."""
        assert receipt.command is not None  # asked before
        key = None if receipt.report is None else entry_key(receipt.partner, receipt.report, receipt.command.desk)
        if key is not None and (entry := self.known.entries.get(key)) is not None:
            self._changes.move(entry)  # before the answer is known
        key = self.reroutes.answer(receipt)
        if key is not None and key in self.known.entries:
            self._unsettled.add(key)

    def _amend(self, report: ReportKey, receipt: Receipted) -> None:
        if not self.amendments.amend(report, receipt):
            return
        for desk in self.known.desks.get(report, ()):
            if (entry := self.known.entries.get(entry_key(*report, desk))) is not None:
                self._changes.touch(entry)

    def report(self, placed: Placed) -> None:
        """A status event of a desk."""
        reported = placed.reported
        desk, at_ms = reported.desk, reported.step.at_ms
        self.heard[desk] = max(at_ms, self.heard.get(desk, 0))
        events = self.known.events.setdefault(reported.key, [])
        said = self._identities.setdefault(reported.key, set())
        if not said:  # gathered once: a desk that says ten thousand things costs as many looks, not their square
            said.update(present.reported.identity for present in events)
        if reported.identity in said:
            self.counters[CounterKey("status", desk, "", "repeated")] += 1
            return
        if len(events) >= MAX_STEPS:  # the first in the order of their topic count, however it is cut into batches
            self.fault(desk, FaultKind.TOO_MANY)
            self.surplus[desk] += 1
            return
        entry = self.known.entries.get(reported.key)
        if entry is None:
            entry = self._add(unmet(reported.key, reported.partner, reported.report, desk))
            entry.arrived_ms = at_ms
        self._changes.move(entry)
        events.append(placed)
        said.add(reported.identity)
        self.new_events.append(placed)
        self._fresh[reported.key] += 1
        self._unsettled.add(reported.key)

    def track(self, tracked: Tracked) -> None:
        """A country's own step: beside the entry, changing nothing of it."""
        if (tracked.key, tracked.identity) in self.known.tracks:
            return
        self.known.tracks.add((tracked.key, tracked.identity))
        self.new_tracks.append(tracked)

    def fault(self, desk: str, result: str) -> None:
        """A status event that changes nothing."""
        self.counters[CounterKey("status", desk, "", result)] += 1

    def unread(self, kind: str) -> None:
        """A record of another kind of topic that nobody can read; a queue's is a referral that nobody sees."""
        self.counters[CounterKey("unread", "", "", kind)] += 1

    def expire(self, entry: Entry) -> None:
        """Its term is over."""
        self._changes.rewrite(entry)
        erase(entry, self._now_ms)

    def miss(self, entry: Entry) -> None:
        """The time to look passed, and nobody has looked."""
        self._changes.touch(entry)
        entry.missed = True

    def spare(self, entry: Entry) -> None:
        """The time to look is longer now, and has not passed."""
        self._changes.touch(entry)
        entry.missed = False

    def retime(self, entry: Entry) -> None:
        """Its desk may keep entries for longer or shorter now."""
        if entry.envelope is not None and (term_ms := self._terms.term_ms(entry)) != entry.expires_ms:
            self._changes.rewrite(entry)
            entry.expires_ms = term_ms

    def reconsider(self, entry: Entry) -> None:
        """Nothing new is said of it, but the rules by which it was settled were others."""
        self._changes.move(entry)
        self._unsettled.add(entry.key)

    def finish(self) -> None:
        """Settle what was touched, once each: counts, outcomes, commands."""
        amended = bool(self.amendments)
        openings = Openings(self._slot_ms)
        for key, was in self._changes.before.items():
            entry = self.known.entries[key]
            if was is NOTHING and entry.state == EntryState.WAITING and not (amended or key in self._unsettled):
                openings.add(entry)
                if _is_told(was, entry):
                    self.moved.append((was, entry))
                continue
            course = self._settle(entry) if key in self._unsettled else None
            self._changes.count(was, entry, course, self.tallies, self.counters, self.history)
            if was.state == EntryState.WAITING:
                self.waiting.leave(was.tallies[0][1:3], was.tallies[0].slot)
            if entry.state == EntryState.WAITING:
                self.waiting.come((entry.desk, entry.lane), entry.arrived_ms, entry.missed)
            if _is_told(was, entry):
                self.moved.append((was, entry))
            if amended or was is not NOTHING or course is not None or entry.withdrawn:
                said = self._said(was, entry, course)
                self.messages += said
                self.reroutes.ask(entry, said)
        for (meaning, desk, lane), number in self._meanings.items():
            self.counters[CounterKey(meaning, desk, lane, "")] += number
        openings.count(self.tallies, self.history, self.waiting)
        self.tallies = Counter({key: number for key, number in self.tallies.items() if number})
        self.history = Counter({key: number for key, number in self.history.items() if number})

    def _settle(self, entry: Entry) -> Course:
        steps = self._steps(entry)
        contested = entry.contested
        target_ms = self._terms.target_ms(entry.desk, entry.lane)
        found = settle(entry, steps, target_ms, self._now_ms, refusals(entry.key, self.known.refusals))
        if fresh := self._fresh[entry.key]:
            disputed = min(fresh, max(0, found.contested - contested))
            for result, number in (("contested", disputed), ("applied", fresh - disputed)):
                if number:
                    self.counters[CounterKey("status", entry.desk, "", result)] += number
        return found

    def _steps(self, entry: Entry) -> list[Step]:
        events = self.known.events.get(entry.key, ())
        if len(events) > 1:
            events = sorted(events, key=_PLACE)
        return [placed.reported.step for placed in events]

    def _said(self, was: Before, entry: Entry, course: Course | None) -> list[Message]:
        found = outcomes(was, entry, self._now, self._now_ms)
        by = course.forwarded_by if course is not None else None
        if (message := pass_on(entry, by or ActorRole.SYSTEM, self._now_ms)) is not None:
            found.append(message)
        if (
            self._terms.has(entry.desk)  # the router writes to no desk that is gone
            and self.amendments.unname(was, entry)
            and (message := unname(entry, self._now_ms)) is not None
        ):
            found.append(message)
        return found


_PLACE: Final = attrgetter("place")


def _rfc3339(unix_ms: int) -> str:
    return datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_told(was: Before, entry: Entry) -> bool:
    """Whether somebody may have to be told of this change."""
    if entry.state == was.state and entry.missed == was.missed and entry.lane is was.lane:
        return False
    return Lane.URGENT in (entry.lane, was.lane) or entry.desk == UNROUTABLE or entry.missed or was.missed
