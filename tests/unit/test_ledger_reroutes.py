"""A reroute command that the router refuses: the entry is back in view at the desk that forwarded it."""

from itertools import permutations

import pytest

from schemas.codes import EntryState, Lane, Outcome
from schemas.records import RerouteCommand
from services.ledger.saying import Message, forwarding, is_command
from services.ledger.values import Receipted
from tests.samples import NOW_MS
from tests.unit.ledger_world import LATE_MS, REPORT, TERMS, Ledger, Value, arrival, receipt, status

FORWARD = status("forwarded", to="nl-oost", role="analyst", at_ms=NOW_MS + 2000, place=1)
LOOK = status("looked")


def answer(message: Message, outcome: Outcome = Outcome.REJECTED, at_ms: int = NOW_MS + 5000) -> Receipted:
    """The router's receipt of a command."""
    command = RerouteCommand.model_validate_json(message.value)
    desks = [] if outcome is Outcome.REJECTED else command.to
    mark = {"command": command.command, "from": command.from_desk, "chain": [*command.chain, command.from_desk]}
    revision = command.envelope.revision
    return receipt(outcome, desks, at_ms, revision=revision, reason="unknown_desk" if not desks else None, reroute=mark)


def forwarded(*values: Value) -> Ledger:
    return Ledger().each(arrival(), LOOK, FORWARD, *values)


def test_what_the_router_refused_waits_again_at_the_desk_that_forwarded_it() -> None:
    ledger = forwarded()
    assert ledger.tallied("forwarded") == 1
    ledger.each(answer(ledger.commands()[0]))
    assert (ledger.tallied("forwarded"), ledger.tallied("waiting")) == (0, 1)
    assert (ledger.entry().looked_ms, ledger.entry().looks, ledger.entry().tenure) == (None, 1, 1)
    assert ledger.counted("reroutes", "rejected", "nl") == ledger.counted("reroutes", "sent", "nl") == 1
    assert len(ledger.commands()) == 1


def test_a_refusal_that_is_read_first_or_twice_does_the_same() -> None:
    refusal = answer(forwarded().commands()[0])
    values: list[Value] = [arrival(), LOOK, FORWARD, refusal, refusal]
    for order in permutations(values):
        if order.index(LOOK) > order.index(FORWARD):
            continue
        together = Ledger()
        together.apply(*order)
        for ledger in (Ledger().each(*order), together):
            assert (ledger.tallied("waiting"), ledger.tallied("forwarded")) == (1, 0), order
            assert ledger.counted("reroutes", "rejected") == 1


def test_what_was_refused_is_worked_as_anything_that_waits() -> None:
    ledger = forwarded()
    ledger.each(answer(ledger.commands()[0]))
    ledger.each(status("taken_up", place=2, at_ms=NOW_MS + 9000))
    assert (ledger.tallied("in_hand"), ledger.entry().contested, ledger.counted("looked")) == (1, 0, 2)


def test_what_was_refused_is_late_once_its_time_is_over() -> None:
    ledger = forwarded()
    ledger.each(answer(ledger.commands()[0]))
    ledger.sweep(NOW_MS + TERMS.target_ms("nl", Lane.ROUTINE) + 1)
    assert ledger.tallied("overdue") == 1


def test_a_second_forwarding_is_a_command_of_its_own_and_its_return_a_stay_of_its_own() -> None:
    ledger = forwarded()
    ledger.each(answer(ledger.commands()[0]))
    ledger.each(status("forwarded", to="nl-oost", place=2, at_ms=NOW_MS + 9000))
    first, second = ledger.commands()
    assert first.identity != second.identity
    ledger.each(answer(second, Outcome.ROUTED, NOW_MS + 10_000))
    assert (ledger.tallied("forwarded"), ledger.tallied("waiting")) == (1, 0)
    ledger.each(arrival(chain="nl,nl-oost", at_ms=NOW_MS + 20_000))
    assert (ledger.tallied("waiting"), ledger.entry().tenure) == (1, 2)


def test_an_amendment_that_was_refused_brings_the_entry_back_too() -> None:
    ledger = forwarded()
    ledger.each(answer(ledger.commands()[0], Outcome.ROUTED), arrival(revision=2, action="amend", at_ms=NOW_MS + 9000))
    ledger.each(answer(ledger.commands()[1], at_ms=NOW_MS + 10_000))
    assert (ledger.tallied("waiting"), ledger.entry().revision) == (1, 2)


def test_a_withdrawal_that_was_refused_hides_nothing_and_is_counted() -> None:
    ledger = forwarded(arrival(revision=2, action="withdraw", at_ms=NOW_MS + 9000))
    ledger.each(answer(ledger.commands()[1]))
    assert (ledger.tallied("forwarded"), ledger.counted("reroutes", "rejected")) == (1, 1)


def test_an_unnaming_that_was_refused_leaves_the_entry_in_view() -> None:
    ledger = Ledger().each(arrival(), receipt(Outcome.AMENDED, ["de"], NOW_MS + 10, revision=2, offset=1))
    ledger.each(answer(ledger.commands()[0]))
    assert (ledger.tallied("waiting"), ledger.counted("reroutes", "rejected")) == (1, 1)


def test_what_is_refused_of_a_desk_that_is_gone_waits_there_and_is_never_late() -> None:
    ledger = forwarded()
    ledger.remove("nl")
    ledger.each(answer(ledger.commands()[0]))
    ledger.sweep(LATE_MS)
    assert (ledger.tallied("waiting"), ledger.tallied("forwarded"), ledger.tallied("overdue")) == (1, 0, 0)
    assert ledger.tallies == ledger.recounted()


def test_an_unnaming_that_was_refused_because_its_desk_is_gone_stops_nothing() -> None:
    ledger = Ledger().each(arrival(), status("closed", disposition="no_offence"))
    ledger.each(receipt(Outcome.AMENDED, ["de"], NOW_MS + 10, revision=2, offset=1))
    ledger.remove("nl")
    ledger.each(answer(ledger.commands()[0]))
    assert (ledger.entry().state, ledger.counted("reroutes", "rejected")) == (EntryState.CLOSED, 1)


def test_to_a_desk_that_is_gone_nothing_is_said_of_an_amendment_that_names_another() -> None:
    ledger = Ledger().each(arrival())
    ledger.remove("nl")
    ledger.each(receipt(Outcome.AMENDED, ["de"], NOW_MS + 10, revision=2, offset=1))
    assert (ledger.commands(), ledger.tallied("waiting")) == ([], 1)


def test_what_is_refused_after_its_term_has_expired() -> None:
    ledger = Ledger().each(arrival(expires_at="2026-12-01T00:00:00Z"), LOOK, FORWARD)
    ledger.sweep(LATE_MS)
    ledger.each(answer(ledger.commands()[0]))
    assert (ledger.tallied("expired"), ledger.counted("expired")) == (1, 1)
    ledger.each(status("forwarded", to="nl-oost", place=2, at_ms=LATE_MS))
    assert (ledger.tallied("expired"), ledger.entry().contested) == (1, 1)


@pytest.mark.parametrize(
    ("outcome", "carried_out", "refused"),
    [(Outcome.ROUTED, 1, 0), (Outcome.WITHDRAWN, 1, 0), (Outcome.DUPLICATE, 0, 0), (Outcome.REJECTED, 0, 1)],
)
def test_every_receipt_of_a_command_ends_the_wait_for_it(outcome: Outcome, carried_out: int, refused: int) -> None:
    ledger = forwarded()
    (message,) = ledger.commands()
    assert ledger.unanswered == {message.identity}
    ledger.each(answer(message, outcome))
    assert ledger.unanswered == set()
    assert ledger.counted("reroutes", "carried_out", "nl") == carried_out
    assert ledger.counted("reroutes", "rejected", "nl") == refused


def test_what_an_operator_commands_is_not_held_against_its_receipt() -> None:
    mark = {"command": "by-hand-1", "from": "nl", "chain": ["nl"]}
    ledger = forwarded(receipt(Outcome.REJECTED, [], NOW_MS + 9, reroute=mark))
    assert (ledger.refusals, ledger.entry().state) == ({}, EntryState.FORWARDED)
    assert ledger.counted("reroutes", "rejected") == 0


def test_a_refusal_of_another_forwarding_leaves_this_one() -> None:
    other = forwarding(arrival().key, "1.1", 2, "nl-oost")
    assert is_command(other)
    mark = {"command": other, "from": "nl", "chain": ["nl"]}
    ledger = forwarded(receipt(Outcome.REJECTED, [], NOW_MS + 9, report=REPORT, reroute=mark))
    assert ledger.entry().state == EntryState.FORWARDED
