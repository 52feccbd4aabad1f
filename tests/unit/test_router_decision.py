"""What becomes of a record: one fact a test."""

from typing import Any

import pytest

from schemas.codes import Lane, Outcome, RejectReason
from services.router.decision import Decider, Decision
from services.router.source import Source, sources
from services.router.window import Window
from tests.samples import Record, as_json, configuration, envelope, place, record

SOURCES = sources(configuration())
INGRESS = SOURCES["referral.ingress.ncmec.v1"]
REROUTE = SOURCES["referral.reroute.v1"]


@pytest.fixture
def decide() -> Any:
    decider, window = Decider(configuration()), Window(45 * 86_400)

    def one(given: Record, source: Source = INGRESS) -> Decision:
        return decider.decide(given, source, given.partition, window)

    return one


def desks(decision: Decision) -> list[str]:
    return [stop.desk for stop in decision.route.stops] if decision.route else []


def test_a_referral_goes_to_each_desk_of_its_jurisdictions_once(decide: Any) -> None:
    decision = decide(record(jurisdictions=[place("NL"), place("DE"), place("NL", "download"), place("NL", "hosting")]))
    assert decision.outcome is Outcome.ROUTED
    assert desks(decision) == ["nl", "de", "nl-hosting"]
    roles = dict(decision.route.stops[0].headers)["referral-roles"]
    assert roles == b"download,upload"


@pytest.mark.parametrize(("action", "outcome"), [("amend", "amended"), ("withdraw", "withdrawn")])
def test_amendments_and_withdrawals_are_routed_by_the_jurisdictions_they_carry(
    decide: Any, action: str, outcome: str
) -> None:
    decide(record(jurisdictions=[place("DE")]))
    decision = decide(record(revision=2, action=action, jurisdictions=[place("FR")]))
    assert (decision.outcome, desks(decision)) == (outcome, ["fr"])


def test_a_plain_resend_is_a_duplicate_though_it_was_submitted_later(decide: Any) -> None:
    decide(record())
    decision = decide(record(submitted_at="2026-11-18T11:06:41Z"))
    assert (decision.outcome, decision.route) == (Outcome.DUPLICATE, None)


def test_a_resend_that_spells_defaults_out_is_a_duplicate(decide: Any) -> None:
    decide(record())
    assert decide(record(report_count=1, indicators=[], identifiers=[])).outcome is Outcome.DUPLICATE


def test_the_same_identity_with_other_content_is_never_dropped_as_a_duplicate(decide: Any) -> None:
    decide(record())
    decision = decide(record(urgency="urgent"))
    assert (decision.outcome, decision.reason) == (Outcome.REJECTED, RejectReason.IDENTITY_CONFLICT)
    assert decision.claims_urgent
    assert decision.route is None


def test_what_names_no_country_sits_at_zz(decide: Any) -> None:
    decision = decide(record(jurisdictions=[place("ZZ")]))
    assert (decision.outcome, desks(decision)) == (Outcome.UNROUTABLE, ["zz"])


def test_zz_gets_nothing_that_resolves_elsewhere(decide: Any) -> None:
    decision = decide(record(jurisdictions=[place("ZZ"), place("BE")]))
    assert (decision.outcome, desks(decision)) == (Outcome.ROUTED, ["be"])


def test_a_withdrawn_country_beside_a_valid_one_is_dropped_and_named(decide: Any) -> None:
    decision = decide(record(jurisdictions=[place("AN"), place("NL"), place("AN")]))
    assert (decision.outcome, desks(decision), decision.dropped) == (Outcome.ROUTED, ["nl"], {"AN": 2})
    assert b'"AN"' not in decision.form


def test_a_claim_of_urgent_is_always_honoured(decide: Any) -> None:
    decision = decide(record(urgency="urgent", partner_class="informational"))
    assert decision.route.lane is Lane.URGENT


def test_what_leaves_is_made_from_what_was_validated(decide: Any) -> None:
    spaced = as_json(envelope()).replace(b",", b" ,\n ")
    decision = decide(Record(spaced))
    assert decision.outcome is Outcome.ROUTED
    assert b"\n" not in decision.form


def test_a_record_in_another_partition_than_its_key_says_is_routed_and_counted(decide: Any) -> None:
    found = []
    for partition in range(4):
        given = record(report=f"p-{partition}", jurisdictions=[place("NL")])
        for at in range(4):
            given.partition = at
            found.append(decide(given).misplaced)
    assert found.count(False) == 4


def command(**changes: Any) -> Record:
    return Record(
        as_json(
            {
                "command": "c-1",
                "action": "forward",
                "from": "nl",
                "to": ["nl-oost"],
                "chain": [],
                "by": "triage",
                "envelope": envelope(),
                **changes,
            }
        )
    )


def test_a_forward_goes_to_the_desk_it_names_once(decide: Any) -> None:
    decision = decide(command(), REROUTE)
    assert (decision.outcome, desks(decision), decision.partner) == (Outcome.ROUTED, ["nl-oost"], "ncmec")
    assert decide(command(), REROUTE).outcome is Outcome.DUPLICATE


def test_a_command_with_the_id_of_another_is_refused(decide: Any) -> None:
    decide(command(), REROUTE)
    assert decide(command(to=["de"]), REROUTE).reason is RejectReason.IDENTITY_CONFLICT


def test_a_withdrawal_by_command_says_withdraw_to_that_desk_alone(decide: Any) -> None:
    decision = decide(command(action="withdraw", to=["nl"]), REROUTE)
    assert (decision.outcome, desks(decision)) == (Outcome.WITHDRAWN, ["nl"])
    assert b'"action":"withdraw"' in decision.form


def test_what_still_resolves_nowhere_stays_where_it_is(decide: Any) -> None:
    lost = command(action="resolve", **{"from": "zz"}, to=[], envelope=envelope(jurisdictions=[place("ZZ")]))
    decision = decide(lost, REROUTE)
    assert (decision.outcome, decision.route) == (Outcome.UNROUTABLE, None)


def test_a_command_for_a_desk_that_is_not_there_is_refused(decide: Any) -> None:
    assert decide(command(to=["atlantis"]), REROUTE).reason is RejectReason.UNKNOWN_DESK


@pytest.mark.parametrize("value", [None, b"", b"{}", b"\xff", b"x" * 30_000])
def test_a_command_that_is_none_is_a_value(decide: Any, value: bytes | None) -> None:
    decision = decide(Record(value), REROUTE)
    assert (decision.outcome, decision.partner) == (Outcome.REJECTED, None)
