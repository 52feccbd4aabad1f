"""What the ledger says: outcomes to partners, commands to the router, each once."""

from itertools import permutations

import pytest

from schemas.codes import Action, ActorRole, Outcome, RerouteAction
from schemas.records import OutcomeEvent, RerouteCommand, serialise
from services.ledger.reading import read_arrival
from services.ledger.saying import Message
from services.ledger.values import Arrival
from services.router.decision import Decider
from services.router.source import sources
from services.router.window import Window
from tests.samples import NOW_MS, Record, configuration
from tests.unit.ledger_world import DAY_MS, REROUTED, Ledger, Value, arrival, header_fields, receipt, status

FORWARD = status("forwarded", to="nl-oost", role="analyst")


def command(message: Message) -> RerouteCommand:
    return RerouteCommand.model_validate_json(message.value)


def carried_out(message: Message, at_ms: int = NOW_MS + 5000) -> Arrival:
    """The queue record that the router makes of a command."""
    source = sources(configuration())["referral.reroute.v1"]
    record = Record(message.value, key=message.key.encode(), timestamp=at_ms)
    decision = Decider(configuration()).decide(record, source, 0, Window(45 * 86_400))
    assert decision.reason is None
    assert decision.route is not None
    assert decision.command is not None
    chain = ",".join([*decision.command.chain, decision.command.from_desk])
    headers = header_fields(decision.form, at_ms, REROUTED, 0, 1, chain)
    (stop,) = decision.route.stops
    found = read_arrival(stop.desk, decision.route.lane, decision.form, headers.items())
    assert isinstance(found, Arrival)
    return found


def test_an_outcome_is_written_as_its_contract_writes_it() -> None:
    ledger = Ledger().each(arrival(), status("taken_up"), status("closed", place=1, disposition="no_offence"))
    assert ledger.outcomes()
    for message in ledger.outcomes():
        assert serialise(OutcomeEvent.model_validate_json(message.value)) == message.value


def outcome_classes(ledger: Ledger) -> list[str]:
    return [OutcomeEvent.model_validate_json(message.value).outcome_class for message in ledger.outcomes()]


def test_a_forwarding_becomes_one_command_with_envelope_and_chain() -> None:
    ledger = Ledger().each(arrival(), status("looked"), status("forwarded", place=1, to="nl-oost", role="analyst"))
    ledger.each(status("looked", place=2, at_ms=NOW_MS + 9000), arrival())
    (message,) = ledger.commands()
    found = command(message)
    assert (found.action, found.from_desk, found.to, found.chain) == (RerouteAction.FORWARD, "nl", ["nl-oost"], [])
    assert (found.by, found.command, message.key) == (ActorRole.ANALYST, message.identity, found.envelope.report)
    assert found.envelope.model_dump_json(exclude_defaults=True).encode() == arrival().envelope


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_forwarding_that_is_read_before_its_referral_is_carried_out_when_it_comes(order: tuple[int, ...]) -> None:
    values: list[Value] = [arrival(), FORWARD]
    assert len(Ledger().each(*(values[at] for at in order)).commands()) == 1


def test_the_router_makes_of_the_command_what_the_new_desk_finds() -> None:
    (message,) = Ledger().each(arrival(), FORWARD).commands()
    found = carried_out(message)
    assert (found.desk, found.chain, found.tenure, found.rank) == ("nl-oost", "nl", 1, (1, 1, False))
    assert found.envelope == arrival().envelope


def test_what_goes_there_and_back_carries_its_whole_way() -> None:
    ledger = Ledger().each(arrival(), FORWARD)
    ledger.each(carried_out(ledger.commands()[-1]))
    assert ledger.tallied("waiting", "nl-oost") == 1
    ledger.each(status("forwarded", "nl-oost", to="nl"))
    back = carried_out(ledger.commands()[-1], NOW_MS + 9000)
    assert (back.desk, back.chain, back.tenure) == ("nl", "nl,nl-oost", 2)
    ledger.each(back)
    assert ledger.tallied("waiting", "nl") == 1
    ledger.each(status("forwarded", place=1, at_ms=NOW_MS + 20_000, to="nl-oost"))
    found = command(ledger.commands()[-1])
    assert found.chain == ["nl", "nl-oost"]
    assert len({message.identity for message in ledger.commands()}) == len(ledger.commands()) == 3
    ledger.each(carried_out(ledger.commands()[-1], NOW_MS + 30_000))
    assert (ledger.tallied("waiting", "nl-oost"), ledger.entry("nl-oost").tenure) == (1, 2)


def test_an_amendment_of_what_came_back_does_not_cut_the_chain_of_the_next_forwarding() -> None:
    ledger = Ledger().each(arrival(), FORWARD, arrival(chain="nl,nl-oost", at_ms=NOW_MS + 9000))
    ledger.each(arrival(revision=2, action="amend", at_ms=NOW_MS + 10_000))
    ledger.each(status("forwarded", place=1, at_ms=NOW_MS + 20_000, to="nl-oost"))
    found = command(ledger.commands()[-1])
    assert (found.chain, found.envelope.revision) == (["nl", "nl-oost"], 2)


def test_an_amendment_of_what_was_forwarded_follows_it() -> None:
    ledger = Ledger().each(arrival(), FORWARD, arrival(revision=2, action="amend"))
    first, second = map(command, ledger.commands())
    assert (second.action, second.to, second.envelope.revision) == (RerouteAction.FORWARD, ["nl-oost"], 2)
    assert first.command != second.command


def test_a_withdrawal_of_what_was_forwarded_follows_it() -> None:
    ledger = Ledger().each(arrival(), FORWARD, arrival(revision=2, action="withdraw"))
    message = ledger.commands()[-1]
    assert (command(message).action, command(message).to) == (RerouteAction.WITHDRAW, ["nl-oost"])
    ledger.each(carried_out(ledger.commands()[0]), carried_out(message))
    assert ledger.tallied("withdrawn", "nl-oost") == 1


AMENDMENT = receipt(Outcome.AMENDED, ["de"], NOW_MS + 10, revision=2, offset=1)
UNNAMED: list[Value] = [arrival(), receipt(), AMENDMENT, status("looked")]


@pytest.mark.parametrize("cut", [True, False])
def test_a_desk_that_an_amendment_no_longer_names_is_told_once_whatever_was_read_first(cut: bool) -> None:
    for order in permutations(UNNAMED):
        ledger = Ledger()
        if cut:
            ledger.each(*order)
        else:
            ledger.apply(*order)
        ledger.each(arrival(), status("taken_up", place=1, at_ms=NOW_MS + 9000))
        (message,) = ledger.commands()
        found = command(message)
        assert (found.action, found.from_desk, found.to) == (RerouteAction.WITHDRAW, "nl", ["nl"])


def test_the_router_makes_of_it_a_withdrawal_that_ends_the_entry() -> None:
    ledger = Ledger().each(*UNNAMED[:3])
    told = carried_out(ledger.commands()[0])
    assert (told.desk, told.withdrawn, told.tenure, told.chain) == ("nl", True, 1, "")
    ledger.each(told)
    assert (ledger.tallied("withdrawn"), ledger.tallied("waiting"), ledger.counted("withdrawn")) == (1, 0, 1)
    assert len(ledger.commands()) == 1
    assert outcome_classes(ledger) == ["withdrawn"]


def test_two_amendments_that_do_not_name_a_desk_withdraw_it_once() -> None:
    third = receipt(Outcome.AMENDED, ["de"], NOW_MS + 20, revision=3, offset=2)
    assert len(Ledger().each(*UNNAMED, third).commands()) == 1


def test_an_amendment_that_resolves_nowhere_any_more_withdraws_what_went_somewhere() -> None:
    lost = receipt(Outcome.UNROUTABLE, ["zz"], NOW_MS + 10, revision=2, offset=1)
    assert len(Ledger().each(arrival(), lost).commands()) == 1


def test_a_desk_that_the_amendment_names_again_is_told_nothing() -> None:
    named = receipt(Outcome.AMENDED, ["nl"], NOW_MS + 20, revision=2, offset=1)
    later = arrival(revision=2, action="amend")
    values: list[Value] = [arrival(), named, later]
    for order in permutations(values):
        assert Ledger().each(*order).commands() == []


def test_what_a_desk_was_forwarded_is_withdrawn_by_way_of_who_forwarded_it() -> None:
    ledger = Ledger().each(arrival(), FORWARD)
    ledger.each(carried_out(ledger.commands()[0]), AMENDMENT)
    (told,) = ledger.commands()[1:]
    assert command(told).to == ["nl"]
    ledger.each(carried_out(told))
    follows = command(ledger.commands()[-1])
    assert (follows.action, follows.from_desk, follows.to) == (RerouteAction.WITHDRAW, "nl", ["nl-oost"])
    ledger.each(carried_out(ledger.commands()[-1]))
    assert ledger.tallied("withdrawn", "nl-oost") == 1
    assert len(ledger.commands()) == 3


def test_what_came_back_is_withdrawn_in_the_stay_it_is_in() -> None:
    ledger = Ledger().each(arrival(), FORWARD, arrival(chain="nl,nl-oost", at_ms=NOW_MS + 9000), AMENDMENT)
    told = carried_out(ledger.commands()[-1], NOW_MS + 20_000)
    assert (told.tenure, told.withdrawn) == (2, True)
    ledger.each(told)
    assert (ledger.tallied("withdrawn"), ledger.counted("opened")) == (1, 2)


def test_an_erased_entry_says_nothing_that_needs_its_envelope() -> None:
    ledger = Ledger().each(arrival(expires_at="2026-12-01T00:00:00Z"))
    ledger.sweep(NOW_MS + 100 * DAY_MS)
    ledger.each(FORWARD, AMENDMENT)
    assert ledger.commands() == []


def test_partners_learn_coarse_codes_in_the_order_of_what_happened() -> None:
    ledger = Ledger().each(
        arrival(),
        status("looked"),
        status("taken_up", place=1, at_ms=NOW_MS + 2000),
        status("closed", place=2, at_ms=NOW_MS + 3000, disposition="prosecution"),
        status("reopened", place=3, at_ms=NOW_MS + 4000),
        status("closed", place=4, at_ms=NOW_MS + 5000, disposition="no_offence"),
    )
    assert outcome_classes(ledger) == ["looked", "worked", "closed_action", "closed_no_action"]
    assert {message.topic for message in ledger.outcomes()} == {"referral.outcome.ncmec.v1"}
    assert len({message.identity for message in ledger.outcomes()}) == 4


def test_a_system_that_takes_up_is_no_news() -> None:
    assert outcome_classes(Ledger().each(arrival(), status("taken_up", role="system"))) == []


def test_no_outcome_says_more_than_its_contract() -> None:
    ledger = Ledger().each(arrival(), status("looked"))
    (message,) = ledger.outcomes()
    found = OutcomeEvent.model_validate_json(message.value)
    assert (found.partner, found.report, found.desk) == ("ncmec", arrival().report, "nl")
    assert Action.NEW not in message.value.decode()
