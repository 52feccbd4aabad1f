"""The account of a small world: right as it is, and wrong in the way it was altered."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from services.console.tally_account import Account
from services.console.tally_terms import Answer, Goal, Kind, Noted, Place, Position, Queued, Wrong
from tests.unit.tally_world import COMMANDS, INGRESS, TEST, World, world

Alteration = Callable[[World], World]


def test_a_right_world_adds_up() -> None:
    assert world().findings() == []


def test_the_sums_are_the_outcomes_of_what_was_received() -> None:
    sums = world().account().sums()[INGRESS]
    assert sums.received == sum(sums.outcomes.values()) == 8
    assert sums.outcomes == {"routed": 4, "amended": 1, "withdrawn": 1, "duplicate": 1, "rejected": 1}


def test_a_record_past_the_committed_offset_waits() -> None:
    sums = replace(world(), received=[*world().received, (INGRESS, 8), (INGRESS, 9)]).account().sums()
    assert (sums[INGRESS].received, sums[INGRESS].waiting) == (8, 2)


def _without_receipt(of: Place, offset: int) -> Alteration:
    return lambda w: replace(w, answers=[a for a in w.answers if (a.source, a.offset) != (of, offset)])


def _with_queued(change: Callable[[list[Queued]], list[Queued]]) -> Alteration:
    return lambda w: replace(w, queued=change(w.queued))


def _with_notes(change: Callable[[list[Noted]], list[Noted]]) -> Alteration:
    return lambda w: replace(w, notes=change(w.notes))


def _with_answer(offset: int, **fields: object) -> Alteration:
    def change(answer: Answer) -> Answer:
        return replace(answer, **fields) if (answer.source, answer.offset) == (INGRESS, offset) else answer  # type: ignore[arg-type]

    return lambda w: replace(w, answers=[change(answer) for answer in w.answers])


@pytest.mark.parametrize(
    ("alter", "wrong"),
    [
        (_without_receipt(INGRESS, 6), Wrong.RECEIPT_MISSING),
        (_without_receipt(TEST, 0), Wrong.RECEIPT_MISSING),
        (_without_receipt(COMMANDS, 0), Wrong.RECEIPT_MISSING),
        (lambda w: replace(w, answers=[*w.answers, w.answers[0]]), Wrong.RECEIPT_TWICE),
        (lambda w: replace(w, received=w.received[1:]), Wrong.RECEIPT_OF_NOTHING),
        (lambda w: replace(w, answers=[*w.answers, replace(w.answers[0], offset=8)]), Wrong.RECEIPT_NOT_COMMITTED),
        (_with_answer(0, goals=[]), Wrong.NO_DESTINATION),
        (_with_answer(0, goals=[Goal("q", "upload"), Goal("q", "upload")]), Wrong.DESTINATION_TWICE),
        (_with_answer(0, outcome="duplicate"), Wrong.IN_QUEUE_UNDECLARED),
        (_with_answer(0, identity="p:other:1"), Wrong.QUEUE_DIFFERS),
        (_with_answer(7, reason="null_value"), Wrong.NOTE_DIFFERS),
        (_with_queued(lambda q: q[:-1]), Wrong.NOT_IN_QUEUE),
        (_with_queued(lambda q: [*q, replace(q[-1], number=q[-1].number + 1)]), Wrong.IN_QUEUE_UNDECLARED),
        (_with_queued(lambda q: [*q[:-1], replace(q[-1], roles="victim")]), Wrong.QUEUE_DIFFERS),
        (_with_queued(lambda q: [replace(q[0], number=2), *q[1:]]), Wrong.COUNT_BROKEN),
        (_with_queued(lambda q: [q[1], q[0], *q[2:]]), Wrong.COUNT_BROKEN),
        (_with_queued(lambda q: [*q, replace(q[0], source=Place("elsewhere", 0))]), Wrong.UNKNOWN_INPUT),
        (_with_notes(lambda n: n[:-1]), Wrong.NOTE_MISSING),
        (_with_notes(lambda n: [*n, n[0]]), Wrong.NOTE_TWICE),
        (_with_notes(lambda n: [*n, replace(n[-1], offset=6)]), Wrong.NOTE_UNDECLARED),
        (_with_notes(lambda n: [*n[:-1], replace(n[-1], reason="oversize")]), Wrong.NOTE_DIFFERS),
    ],
)  # fmt: skip
def test_what_is_altered_is_found(alter: Alteration, wrong: Wrong) -> None:
    assert wrong in {finding.wrong for finding in alter(world()).findings()}


def test_one_lost_queue_record_is_named_by_its_offset() -> None:
    altered = replace(world(), queued=[q for q in world().queued if q.offset != 5])
    (finding,) = [f for f in altered.findings() if f.wrong is Wrong.NOT_IN_QUEUE]
    assert "offset 5" in finding.detail


def test_a_command_that_names_no_partner_is_answered_by_its_note() -> None:
    account = world().account()
    assert account.sums()[COMMANDS].outcomes == {"routed": 1, "rejected": 1}


def test_an_ingress_record_is_never_answered_by_a_note_alone() -> None:
    altered = _without_receipt(INGRESS, 7)(world())
    assert {f.wrong for f in altered.findings()} == {Wrong.RECEIPT_MISSING, Wrong.NOTE_UNDECLARED}


def test_what_later_transactions_wrote_is_left_out() -> None:
    """A running router goes on while the topics are read: past the committed offset nothing is judged."""
    right = world()
    account = right.account({INGRESS: 6})
    after = {source: right.committed[source] for source in right.committed}
    assert account.findings(after) == []
    assert account.sums()[INGRESS].received == 6


def _positions(**changed: object) -> Mapping[Place, Position]:
    return {**world().positions(), INGRESS: Position(Kind.INGRESS, 8, **changed)}  # type: ignore[arg-type]


def _judge(right: World, account: Account) -> list[Wrong]:
    return [finding.wrong for finding in right.fold(account).findings()]


def test_receipts_that_retention_deleted_are_unchecked() -> None:
    right = world()
    cut = replace(right, answers=[a for a in right.answers if a.source != INGRESS or a.offset >= 3])
    account = Account(_positions(trimmed_in=frozenset({"referral.receipt.p.v1"})), {})
    assert _judge(cut, account) == []
    sums = account.sums()[INGRESS]
    assert (sums.received, sums.unchecked, sum(sums.outcomes.values())) == (5, 3, 5)
    assert account.unchecked == len([q for q in right.queued if q.source == INGRESS and q.offset < 3])


def test_a_receipt_missing_after_the_deleted_ones_is_found() -> None:
    right = world()
    cut = replace(right, answers=[a for a in right.answers if a.source != INGRESS or a.offset in (3, 5, 6, 7)])
    account = Account(_positions(trimmed_in=frozenset({"referral.receipt.p.v1"})), {})
    assert Wrong.RECEIPT_MISSING in _judge(cut, account)


def test_ingress_that_retention_deleted_leaves_its_receipts_right() -> None:
    right = world()
    cut = replace(right, received=[(s, o) for s, o in right.received if s != INGRESS or o >= 4])
    account = Account(_positions(start=4), {})
    assert _judge(cut, account) == []
    assert account.sums()[INGRESS].received == sum(account.sums()[INGRESS].outcomes.values()) == 4


def test_queue_records_that_retention_deleted_are_unchecked() -> None:
    right = world()
    queue = right.queued[0].queue
    kept = [q for q in right.queued if q.queue != queue or q.number > 1]
    gone = len(right.queued) - len(kept)
    firsts: dict[Place, int] = {}
    for record in kept:
        if record.queue == queue:
            firsts.setdefault(record.source, record.offset)
    account = Account(right.positions(), {queue: firsts})
    assert _judge(replace(right, queued=kept), account) == []
    assert account.unchecked == gone > 0


def test_a_gap_behind_the_deleted_queue_records_is_found() -> None:
    right = world()
    queue = "referral.queue.nl.routine.v1"
    kept = [q for q in right.queued if q.queue != queue or q.offset not in (0, 2)]
    account = Account(right.positions(), {queue: {INGRESS: 1, COMMANDS: 0}})
    found = _judge(replace(right, queued=kept), account)
    assert {Wrong.COUNT_BROKEN, Wrong.NOT_IN_QUEUE} <= set(found)


def test_notes_that_retention_deleted_are_no_fault() -> None:
    right = world()
    kept = [note for note in right.notes if note.source != INGRESS]
    account = Account(right.positions(), {"referral.quarantine.v1": {COMMANDS: 1}})
    assert _judge(replace(right, notes=kept), account) == []
