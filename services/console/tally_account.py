"""The account of the topics: every record has one outcome, and every outcome stands where its receipt says.

Pure: records are folded in, findings come out. The room it takes depends on the number of partitions and
queues, and is a bit for each record. Fold receipts before queues and quarantine: these are held against them.

Retention deletes ingress and receipts before queues. What was deleted can not be checked: it is left out on
both sides and counted as unchecked, never as right.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from schemas import topics
from schemas.codes import Outcome
from services.console.tally_sets import Fingerprint, OffsetSet, element
from services.console.tally_terms import (
    NEVER,
    Answer,
    Finding,
    Kind,
    Noted,
    Place,
    Position,
    Queued,
    Sums,
    Wrong,
)

PASSED_ON: Final = frozenset({Outcome.ROUTED, Outcome.AMENDED, Outcome.WITHDRAWN, Outcome.UNROUTABLE})
"""Outcomes whose receipts list where the record went."""
NAMED: Final = 5
"""Offsets that a finding names; it counts the others."""


@dataclass(slots=True)
class _InputAccount:
    """What is remembered of an input."""

    position: Position
    records: OffsetSet = field(default_factory=OffsetSet)
    receipts: OffsetSet = field(default_factory=OffsetSet)
    rejected: OffsetSet = field(default_factory=OffsetSet)
    noted: OffsetSet = field(default_factory=OffsetSet)
    reasons_said: Fingerprint = field(default_factory=Fingerprint)
    reasons_noted: Fingerprint = field(default_factory=Fingerprint)
    outcomes: Counter[str] = field(default_factory=Counter)
    firsts: dict[str, int] = field(default_factory=dict)
    """By receipt topic, the first offset it has a receipt of."""

    @property
    def floor(self) -> int:
        """The first offset whose receipt is sure to be there still."""
        return max((self.firsts.get(topic, NEVER) for topic in self.position.trimmed_in), default=0)


class Account:
    """Fold records in: `received` and `answered`, then `queued` and `noted`; `findings` says what is wrong."""

    def __init__(self, positions: Mapping[Place, Position], trimmed: Mapping[str, Mapping[Place, int]]) -> None:
        """`trimmed`: of each queue (and quarantine) that retention has cut, each input's first offset."""
        self._inputs = {source: _InputAccount(position) for source, position in positions.items()}
        self._trimmed = trimmed
        self._said: dict[tuple[str, Place], Fingerprint] = {}
        self._held: dict[tuple[str, Place], Fingerprint] = {}
        self._numbers: dict[tuple[str, Place], int] = {}
        self._faults: Counter[tuple[Wrong, str]] = Counter()
        self._examples: dict[tuple[Wrong, str], str] = {}
        self.unchecked = 0
        """Records whose other side retention has deleted."""

    def received(self, source: Place, offset: int) -> None:
        """A record stands in an input."""
        self._inputs[source].records.add(offset)

    def answered(self, answer: Answer, where: str) -> None:
        """A receipt stands at `where`."""
        if (account := self._known(answer.source, where)) is None:
            return
        offset, position = answer.offset, account.position
        account.firsts.setdefault(answer.stands_in, offset)
        if not account.receipts.add(offset):
            self.found(Wrong.RECEIPT_TWICE, str(answer.source), f"offset {offset}")
            return
        if offset >= position.committed:
            return  # of a later transaction than those that are checked
        if answer.outcome == Outcome.REJECTED:
            account.rejected.add(offset)
            account.reasons_said.add(offset, element(offset, str(answer.reason)))
        if offset >= position.start:
            account.outcomes[answer.outcome] += 1
        self._declare(answer, position.kind)

    def _declare(self, answer: Answer, kind: Kind) -> None:
        """What a receipt says of queues. A test goes nowhere; a command may resolve to nothing new."""
        goals = answer.goals if answer.outcome in PASSED_ON else ()
        if not goals and answer.outcome in PASSED_ON and kind is not Kind.REROUTE:
            self.found(Wrong.NO_DESTINATION, str(answer.source), f"offset {answer.offset}")
        if len({goal.queue for goal in goals}) < len(goals):
            self.found(Wrong.DESTINATION_TWICE, str(answer.source), f"offset {answer.offset}")
        for goal in goals if kind is not Kind.TEST else ():
            if self._was_trimmed(goal.queue, answer.source, answer.offset):
                self.unchecked += 1
                continue
            place = (goal.queue, answer.source)
            fingerprint = self._said.get(place) or self._said.setdefault(place, Fingerprint())
            fingerprint.add(answer.offset, element(answer.offset, answer.identity, goal.roles))

    def queued(self, record: Queued, where: str) -> None:
        """A record stands in a queue."""
        if (account := self._known(record.source, where)) is None:
            return
        place = (record.queue, record.source)
        before = self._numbers.get(place)
        if before is None and record.queue not in self._trimmed:
            before = 0
        if before is not None and record.number != before + 1:
            self.found(
                Wrong.COUNT_BROKEN,
                f"{record.queue} from {record.source}",
                f"{record.number} after {before}, at {where}",
            )
        self._numbers[place] = record.number
        if record.offset >= account.position.committed:
            return
        if record.offset < account.floor:
            self.unchecked += 1
            return
        fingerprint = self._held.get(place) or self._held.setdefault(place, Fingerprint())
        fingerprint.add(record.offset, element(record.offset, record.identity, record.roles))

    def noted(self, note: Noted, where: str) -> None:
        """A note stands in the quarantine."""
        account = self._known(note.source, where)
        if account is None or note.offset >= account.position.committed:
            return
        if not account.noted.add(note.offset):
            self.found(Wrong.NOTE_TWICE, str(note.source), f"offset {note.offset}")
        elif note.offset in account.rejected:
            account.reasons_noted.add(note.offset, element(note.offset, note.reason))
        elif note.offset < account.floor:
            self.unchecked += 1
        elif account.position.kind is Kind.REROUTE and account.receipts.add(note.offset):
            if note.offset >= account.position.start:
                account.outcomes[Outcome.REJECTED] += 1
        else:
            self.found(Wrong.NOTE_UNDECLARED, str(note.source), f"offset {note.offset}")

    def found(self, wrong: Wrong, where: str, detail: str, count: int = 1) -> None:
        """Something is wrong; a shell may say so too."""
        self._faults[wrong, where] += count
        self._examples.setdefault((wrong, where), detail)

    def _known(self, source: Place, where: str) -> _InputAccount | None:
        account = self._inputs.get(source)
        if account is None:
            self.found(Wrong.UNKNOWN_INPUT, str(source), f"at {where}")
        return account

    def _was_trimmed(self, topic: str, source: Place, offset: int) -> bool:
        firsts = self._trimmed.get(topic)
        return firsts is not None and offset < firsts.get(source, NEVER)

    def ahead_of(self, committed: Mapping[Place, int]) -> bool:
        """Whether there are receipts at or past these offsets."""
        return any(account.receipts.past_last() > committed[source] for source, account in self._inputs.items())

    def findings(self, committed_after: Mapping[Place, int] | None = None) -> list[Finding]:
        """Everything that does not add up. `committed_after`: the offsets, asked after the last record."""
        found = [
            Finding(wrong, where, count, self._examples[wrong, where]) for (wrong, where), count in self._faults.items()
        ]
        for source, account in self._inputs.items():
            found += self._settled(source, account)
            found += self._noted_right(source, account)
            end = (committed_after or {}).get(source, account.position.committed)
            if (last := account.receipts.past_last()) > end:
                text = f"receipts up to offset {last - 1}, committed {end}"
                count = account.receipts.count(end, last)
                found.append(Finding(Wrong.RECEIPT_NOT_COMMITTED, str(source), count, text))
        found += self._queues_right()
        return found

    def _settled(self, source: Place, account: _InputAccount) -> Iterator[Finding]:
        start, stop = account.position.start, account.position.committed
        pairs = (
            (Wrong.RECEIPT_MISSING, account.records, account.receipts, max(start, account.floor)),
            (Wrong.RECEIPT_OF_NOTHING, account.receipts, account.records, start),
        )
        for wrong, have, lack, first in pairs:
            yield from _missing(wrong, source, have, lack, first, stop)

    def _noted_right(self, source: Place, account: _InputAccount) -> Iterator[Finding]:
        if account.position.kind is Kind.TEST:
            return
        first = self._trimmed.get(topics.QUARANTINE, {source: 0}).get(source, NEVER)
        missing = list(
            _missing(Wrong.NOTE_MISSING, source, account.rejected, account.noted, first, account.position.committed)
        )
        yield from missing
        if first == 0 and not missing and account.reasons_said != account.reasons_noted:
            yield Finding(Wrong.NOTE_DIFFERS, str(source), 1, "reasons in notes are not those in receipts")

    def _queues_right(self) -> Iterator[Finding]:
        nothing = Fingerprint()
        for place in sorted(self._said.keys() | self._held.keys()):
            said, held = self._said.get(place, nothing), self._held.get(place, nothing)
            if said == held:
                continue
            more = held.count - said.count
            where = f"{place[0]} from {place[1]}"
            if more == 0:
                text = f"{held.count} records on both sides, and not the same"
                yield Finding(Wrong.QUEUE_DIFFERS, where, 1, text)
                continue
            single = abs(held.offsets - said.offsets)
            text = f"receipts name {said.count}, the queue holds {held.count}" + (
                f"; if nothing else is wrong there, it is offset {single}" if abs(more) == 1 else ""
            )
            yield Finding(Wrong.IN_QUEUE_UNDECLARED if more > 0 else Wrong.NOT_IN_QUEUE, where, abs(more), text)

    def sums(self) -> dict[Place, Sums]:
        """What each input comes to, below the committed offset and as far back as it can be checked."""
        return {source: _sums(account) for source, account in self._inputs.items()}

    def queue_sizes(self) -> Counter[str]:
        """Records of each queue that were held against receipts."""
        sizes: Counter[str] = Counter()
        for (queue, _), fingerprint in self._held.items():
            sizes[queue] += fingerprint.count
        return sizes


def _sums(account: _InputAccount) -> Sums:
    position = account.position
    first = max(position.start, account.floor)
    return Sums(
        received=account.records.count(first, position.committed),
        outcomes=dict(account.outcomes),
        waiting=account.records.count(position.committed, NEVER),
        unchecked=account.records.count(position.start, min(first, position.committed)),
    )


def _missing(wrong: Wrong, source: Place, have: OffsetSet, lack: OffsetSet, start: int, stop: int) -> Iterator[Finding]:
    count = have.missing_from(lack, start, stop)
    if count:
        offsets = have.first_missing_from(lack, start, stop, NAMED)
        more = ", …" if count > len(offsets) else ""
        yield Finding(wrong, str(source), count, f"offset {', '.join(map(str, offsets))}{more}")
