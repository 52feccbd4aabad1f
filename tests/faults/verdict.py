"""Whether every referral ended in its queue once and only once. Pure: values in, findings out.

What must be true: each ingress record has exactly one receipt, with the outcome its place in the partition
demands; each referral stands exactly once in each of its queues; each conflict is rejected and noted; the
running counts have no gap; the committed offset is the end of the ingress; and a reader that was there all
the time saw what a reader sees afterwards.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from schemas.codes import Outcome, RejectReason
from tests.faults.evidence import (
    Coordinates,
    Evidence,
    Expected,
    Ingress,
    Kind,
    Noted,
    Queued,
    Receipted,
    Sent,
    View,
)

Route = Callable[[bytes], Expected]
"""What a new referral's value demands: its outcome and its queues."""
DUPLICATE = Expected(Outcome.DUPLICATE, None, frozenset())
CONFLICT = Expected(Outcome.REJECTED, RejectReason.IDENTITY_CONFLICT, frozenset())


class Wrong(StrEnum):
    """Every way in which a campaign can fail."""

    LOST = "lost"
    DOUBLED = "doubled"
    SWALLOWED = "conflict_swallowed"
    MISROUTED = "misrouted"
    RECEIPT_MISSING = "receipt_missing"
    RECEIPT_DOUBLED = "receipt_doubled"
    RECEIPT_WRONG = "receipt_wrong"
    RECEIPT_AGAINST_QUEUE = "receipt_against_queue"
    NOTE_WRONG = "note_wrong"
    COUNT_GAP = "count_gap"
    OFFSET_WRONG = "offset_wrong"
    READERS_DIFFER = "readers_differ"
    NOT_IN_INGRESS = "not_in_ingress"
    NOT_SENT = "not_sent"
    PLAN_BROKEN = "plan_broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not so. `at` is the ingress record it concerns, where there is one."""

    wrong: Wrong
    at: Coordinates | None
    says: str


def expect(ingress: Iterable[Ingress], route: Route) -> dict[Coordinates, Expected]:
    """The outcome of every record, from its place in its partition: the first of an identity is routed."""
    first: dict[tuple[int, str], bytes] = {}
    expected = {}
    for record in sorted(ingress, key=lambda r: r.at):
        identity = (record.at[0], record.report)
        if identity not in first:
            first[identity] = record.content
            expected[record.at] = route(record.value)
        elif first[identity] == record.content:
            expected[record.at] = DUPLICATE
        else:
            expected[record.at] = CONFLICT
    return expected


def judge(evidence: Evidence, route: Route) -> list[Finding]:
    """Everything that is wrong; an empty list is the proof. What two readers see wrong is found twice."""
    expected = expect(evidence.ingress, route)
    records = {record.at: record for record in evidence.ingress}
    findings = [*_plan(evidence.sent, records, expected), *_offsets(evidence)]
    for name, view in evidence.views.items():
        findings += [
            Finding(f.wrong, f.at, f"{name}: {f.says}")
            for f in (
                *_queues(view, records, expected),
                *_receipts(view, records, expected),
                *_agreement(view),
                *_notes(view, expected),
                *_counts(view.queued),
            )
        ]
    return findings + list(_readers(evidence.views))


def _plan(
    sent: Iterable[Sent], records: Mapping[Coordinates, Ingress], expected: Mapping[Coordinates, Expected]
) -> Iterator[Finding]:
    """The publisher's word against the topic: without it a campaign that sent nothing would pass."""
    demands = {
        Kind.ORIGINAL: (Outcome.ROUTED, Outcome.UNROUTABLE),
        Kind.DUPLICATE: (Outcome.DUPLICATE,),
        Kind.CONFLICT: (Outcome.REJECTED,),
    }
    acknowledged = set()
    for one in sent:
        acknowledged.add(one.at)
        if one.at not in records or records[one.at].report != one.report:
            yield Finding(Wrong.NOT_IN_INGRESS, one.at, f"{one.kind} {one.report} was acknowledged")
        elif expected[one.at].outcome not in demands[one.kind]:
            yield Finding(Wrong.PLAN_BROKEN, one.at, f"{one.kind} sent, {expected[one.at].outcome} expected")
    for at in records.keys() - acknowledged:
        yield Finding(Wrong.NOT_SENT, at, "stands in the ingress, and was never acknowledged")


def _offsets(evidence: Evidence) -> Iterator[Finding]:
    for partition, end in evidence.ends.items():
        committed = evidence.committed.get(partition)
        if (committed or 0) != end:
            yield Finding(Wrong.OFFSET_WRONG, (partition, end), f"committed {committed}, end {end}")


def _queues(
    view: View, records: Mapping[Coordinates, Ingress], expected: Mapping[Coordinates, Expected]
) -> Iterator[Finding]:
    """Each referral at each of its queues once, with its own content, and nothing else anywhere."""
    wanted = {(records[at].report, topic): at for at, e in expected.items() for topic in e.queues}
    seen: Counter[tuple[str, str]] = Counter()
    for record in view.queued:
        entry = (record.report, record.topic)
        seen[entry] += 1
        if entry not in wanted:
            yield Finding(Wrong.MISROUTED, record.source, f"{record.report} in {record.topic}")
        elif seen[entry] > 1:
            yield Finding(Wrong.DOUBLED, record.source, f"{record.report} again in {record.topic}")
        elif record.content != records[wanted[entry]].content:
            yield Finding(Wrong.MISROUTED, record.source, f"{record.report} has other content")
    for (report, topic), at in wanted.items():
        if not seen[report, topic]:
            yield Finding(Wrong.LOST, at, f"{report} is not in {topic}")


def _receipts(
    view: View, records: Mapping[Coordinates, Ingress], expected: Mapping[Coordinates, Expected]
) -> Iterator[Finding]:
    """Exactly one receipt an ingress record, with its outcome; a conflict not rejected is swallowed."""
    seen: Counter[Coordinates] = Counter()
    for receipt in view.receipts:
        at = receipt.source
        seen[at] += 1
        if at not in expected:
            yield Finding(Wrong.RECEIPT_WRONG, at, "a receipt for no ingress record")
            continue
        if seen[at] > 1:
            yield Finding(Wrong.RECEIPT_DOUBLED, at, f"{receipt.outcome} again")
        demand = expected[at]
        said = (receipt.outcome, receipt.reason, receipt.report, receipt.queues)
        right = (demand.outcome, demand.reason, records[at].report)
        if demand.reason is RejectReason.IDENTITY_CONFLICT and said[:2] != right[:2]:
            yield Finding(Wrong.SWALLOWED, at, f"{receipt.outcome} instead of identity_conflict")
        elif said[:3] != right or (demand.queues and receipt.queues != demand.queues):
            yield Finding(Wrong.RECEIPT_WRONG, at, f"{receipt.outcome}, expected {demand.outcome}")
        if receipt.partition != at[0]:
            yield Finding(Wrong.RECEIPT_WRONG, at, f"in receipt partition {receipt.partition}")
    for at in expected.keys() - seen.keys():
        yield Finding(Wrong.RECEIPT_MISSING, at, f"expected {expected[at].outcome}")


def _agreement(view: View) -> Iterator[Finding]:
    """What the receipts say was routed is what the queues hold, whatever either should have been."""
    said = Counter(
        (receipt.source, topic)
        for receipt in view.receipts
        if receipt.outcome in (Outcome.ROUTED, Outcome.UNROUTABLE)
        for topic in receipt.queues
    )
    held = Counter((record.source, record.topic) for record in view.queued)
    for at, topic in (said - held) + (held - said):
        number = held[at, topic]
        yield Finding(Wrong.RECEIPT_AGAINST_QUEUE, at, f"{said[at, topic]} said, {number} in {topic}")


def _notes(view: View, expected: Mapping[Coordinates, Expected]) -> Iterator[Finding]:
    """One quarantine note for every rejected record."""
    wanted = Counter((at, str(e.reason)) for at, e in expected.items() if e.outcome is Outcome.REJECTED)
    seen = Counter((note.source, note.reason) for note in view.notes)
    for at, reason in (wanted - seen) + (seen - wanted):
        yield Finding(Wrong.NOTE_WRONG, at, f"{seen[at, reason]} notes of {reason}")


def _counts(queued: Iterable[Queued]) -> Iterator[Finding]:
    """referral-count runs 1, 2, 3 … for each (ingress partition, queue), in the order of the ingress."""
    last: defaultdict[tuple[int, str], tuple[int, int]] = defaultdict(lambda: (0, -1))
    for record in sorted(queued, key=lambda r: (r.topic, r.offset)):
        series = (record.source[0], record.topic)
        count, offset = last[series]
        if record.count != count + 1 or record.source[1] <= offset:
            yield Finding(Wrong.COUNT_GAP, record.source, f"{record.count} after {count} in {record.topic}")
        last[series] = (record.count, record.source[1])


def _readers(views: Mapping[str, View]) -> Iterator[Finding]:
    """All readers saw the same records at the same places."""
    (first, reference), *others = views.items()
    for name, view in others:
        one = _everything(reference)
        other = _everything(view)
        for record in one ^ other:
            by = first if record in one else name
            yield Finding(Wrong.READERS_DIFFER, record.source, f"seen only by {by}")


def _everything(view: View) -> set[Queued | Receipted | Noted]:
    return {*view.queued, *view.receipts, *view.notes}
