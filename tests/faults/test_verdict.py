"""The judge finds one lost, one doubled, one swallowed; and nothing where nothing is wrong."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from schemas.codes import Outcome
from tests.faults.evidence import Evidence, Expected, Ingress, Kind, Noted, Queued, Receipted, Sent, View
from tests.faults.verdict import Wrong, judge

NL, BE = "referral.queue.nl.routine.v1", "referral.queue.be.routine.v1"


def route(value: bytes) -> Expected:
    """`v0`, `v3` … go to one desk, those with a `+` to two."""
    queues = frozenset({NL, BE} if b"+" in value else {NL})
    return Expected(Outcome.ROUTED, None, queues)


def ingress(at: tuple[int, int], report: str, text: str) -> Ingress:
    return Ingress(at, report, text.encode(), text.encode())


RECORDS = (
    ingress((0, 0), "r0", "v0+"),
    ingress((0, 1), "r1", "v1"),
    ingress((0, 2), "r0", "v0+"),
    ingress((0, 3), "r1", "other"),
    ingress((1, 0), "r2", "v2"),
)
QUEUED = (
    Queued(NL, 0, "r0", b"v0+", (0, 0), 1),
    Queued(BE, 0, "r0", b"v0+", (0, 0), 1),
    Queued(NL, 1, "r1", b"v1", (0, 1), 2),
    Queued(NL, 2, "r2", b"v2", (1, 0), 1),
)
RECEIPTS = (
    Receipted(0, 0, (0, 0), "routed", None, "r0", frozenset({NL, BE})),
    Receipted(0, 1, (0, 1), "routed", None, "r1", frozenset({NL})),
    Receipted(0, 2, (0, 2), "duplicate", None, "r0", frozenset()),
    Receipted(0, 3, (0, 3), "rejected", "identity_conflict", "r1", frozenset()),
    Receipted(1, 0, (1, 0), "routed", None, "r2", frozenset({NL})),
)
NOTES = (Noted(0, 0, (0, 3), "identity_conflict"),)
SENT = (
    Sent((0, 0), 0, Kind.ORIGINAL, "r0", 0.0),
    Sent((0, 1), 0, Kind.ORIGINAL, "r1", 0.0),
    Sent((0, 2), 0, Kind.DUPLICATE, "r0", 0.0),
    Sent((0, 3), 0, Kind.CONFLICT, "r1", 0.0),
    Sent((1, 0), 0, Kind.ORIGINAL, "r2", 0.0),
)
VIEW = View(QUEUED, RECEIPTS, NOTES)
RIGHT = Evidence(SENT, RECORDS, {"live": VIEW, "final": VIEW}, {0: 4, 1: 1}, {0: 4, 1: 1})


def seen_by_all(view: View) -> Evidence:
    return replace(RIGHT, views={"live": view, "final": view})


def wrongs(evidence: Evidence) -> set[Wrong]:
    return {finding.wrong for finding in judge(evidence, route)}


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert judge(RIGHT, route) == []


def test_one_lost_is_found_at_its_ingress_record() -> None:
    found = judge(seen_by_all(replace(VIEW, queued=QUEUED[:3])), route)
    assert {(f.wrong, f.at) for f in found} == {
        (Wrong.LOST, (1, 0)),
        (Wrong.RECEIPT_AGAINST_QUEUE, (1, 0)),
    }


def test_one_lost_from_the_middle_is_a_gap_in_the_counts() -> None:
    view = replace(VIEW, queued=(QUEUED[1], QUEUED[2], QUEUED[3]))
    assert {Wrong.LOST, Wrong.COUNT_GAP} <= wrongs(seen_by_all(view))


def test_one_of_two_desks_without_its_copy_is_a_loss() -> None:
    view = replace(VIEW, queued=(QUEUED[0], *QUEUED[2:]))
    assert Wrong.LOST in wrongs(seen_by_all(view))


def test_one_doubled_by_its_resend_is_found_at_the_resend() -> None:
    """The window forgot r0: its duplicate was routed, counted on, and receipted as routed."""
    again = Queued(NL, 3, "r0", b"v0+", (0, 2), 3)
    receipt = replace(RECEIPTS[2], outcome="routed", queues=frozenset({NL}))
    view = View((*QUEUED, again), (*RECEIPTS[:2], receipt, *RECEIPTS[3:]), NOTES)
    found = {(f.wrong, f.at) for f in judge(seen_by_all(view), route)}
    assert found == {(Wrong.DOUBLED, (0, 2)), (Wrong.RECEIPT_WRONG, (0, 2))}


def test_one_processed_twice_is_doubled_with_its_receipt() -> None:
    view = View((*QUEUED, replace(QUEUED[2], offset=9)), (*RECEIPTS, replace(RECEIPTS[1], offset=9)), NOTES)
    assert {Wrong.DOUBLED, Wrong.RECEIPT_DOUBLED, Wrong.COUNT_GAP} <= wrongs(seen_by_all(view))


@pytest.mark.parametrize("outcome", ["duplicate", "routed"])
def test_one_conflict_not_rejected_is_swallowed(outcome: str) -> None:
    receipt = replace(RECEIPTS[3], outcome=outcome, reason=None)
    view = View(QUEUED, (*RECEIPTS[:3], receipt, RECEIPTS[4]), ())
    assert {Wrong.SWALLOWED, Wrong.NOTE_WRONG} <= wrongs(seen_by_all(view))


def test_a_conflict_that_reaches_a_queue_is_found() -> None:
    view = replace(VIEW, queued=(*QUEUED, Queued(BE, 1, "r1", b"other", (0, 3), 2)))
    assert {Wrong.MISROUTED, Wrong.RECEIPT_AGAINST_QUEUE} <= wrongs(seen_by_all(view))


def swap_content(view: View) -> View:
    return replace(view, queued=(*QUEUED[:3], replace(QUEUED[3], content=b"v1")))


def drop_receipt(view: View) -> View:
    return replace(view, receipts=view.receipts[:-1])


def move_receipt(view: View) -> View:
    return replace(view, receipts=(*RECEIPTS[:-1], replace(RECEIPTS[-1], partition=0)))


def rename_receipt(view: View) -> View:
    return replace(view, receipts=(*RECEIPTS[:-1], replace(RECEIPTS[-1], report=None)))


def invent_receipt(view: View) -> View:
    return replace(view, receipts=(*RECEIPTS, replace(RECEIPTS[-1], offset=1, source=(1, 7))))


def double_note(view: View) -> View:
    return replace(view, notes=(*NOTES, replace(NOTES[0], offset=1)))


def turn_counts(view: View) -> View:
    return replace(view, queued=(replace(QUEUED[0], count=2), QUEUED[1], replace(QUEUED[2], count=1), QUEUED[3]))


@pytest.mark.parametrize(
    ("spoil", "wrong"),
    [
        (swap_content, Wrong.MISROUTED),
        (drop_receipt, Wrong.RECEIPT_MISSING),
        (move_receipt, Wrong.RECEIPT_WRONG),
        (rename_receipt, Wrong.RECEIPT_WRONG),
        (invent_receipt, Wrong.RECEIPT_WRONG),
        (double_note, Wrong.NOTE_WRONG),
        (turn_counts, Wrong.COUNT_GAP),
    ],
)
def test_every_other_untruth_has_its_name(spoil: Callable[[View], View], wrong: Wrong) -> None:
    assert wrong in wrongs(seen_by_all(spoil(VIEW)))


@pytest.mark.parametrize("committed", [{0: 4}, {0: 3, 1: 1}, {0: 5, 1: 1}, {0: 4, 1: None}])
def test_an_offset_that_is_not_the_end_is_found(committed: dict[int, int | None]) -> None:
    assert wrongs(replace(RIGHT, committed=committed)) == {Wrong.OFFSET_WRONG}


def test_readers_that_saw_different_things_are_found() -> None:
    """A record that was there and is gone: only the reader who was there all the time knows."""
    final = replace(VIEW, notes=())
    evidence = replace(RIGHT, views={"live": VIEW, "final": final})
    assert Wrong.READERS_DIFFER in wrongs(evidence)


def test_what_was_acknowledged_and_is_gone_from_the_ingress_is_found() -> None:
    gone = Sent((1, 1), 0, Kind.ORIGINAL, "r3", 0.0)
    assert wrongs(replace(RIGHT, sent=(*SENT, gone))) == {Wrong.NOT_IN_INGRESS}


def test_what_stands_in_the_ingress_unsent_is_found() -> None:
    assert wrongs(replace(RIGHT, sent=SENT[:-1])) == {Wrong.NOT_SENT}


def test_a_plan_that_does_not_ask_what_it_says_is_found() -> None:
    """A `conflict` with the original's content would prove nothing."""
    records = (*RECORDS[:3], replace(RECORDS[3], content=b"v1"), RECORDS[4])
    assert Wrong.PLAN_BROKEN in wrongs(replace(RIGHT, ingress=records))


def test_an_empty_campaign_with_a_publisher_is_no_success() -> None:
    nothing = View((), (), ())
    evidence = Evidence(SENT, (), {"live": nothing, "final": nothing}, {}, {})
    assert wrongs(evidence) == {Wrong.NOT_IN_INGRESS}
