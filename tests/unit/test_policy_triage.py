"""The first rule that matches decides, and a partner's claim of urgent is always honoured."""

from pathlib import Path
from typing import Any

import pytest

from policy.configuration import load
from policy.facets import BITS, CODES, Facet, MaterialState, material_state
from policy.triage import CLAIM_RULE, Clause, Rule, TriagePolicy, triage_key
from schemas.codes import Lane
from schemas.envelope import Envelope, Material

DEPLOYED = load(Path(__file__).parents[2] / "deploy").triage
PLAIN: dict[str, Any] = {
    "submitted_at": "2026-11-02T10:00:00Z",
    "schema_version": 1,
    "partner": "ncmec",
    "report": "R-1",
    "revision": 1,
    "action": "new",
    "partner_class": "referral",
    "urgency": "unspecified",
    "incident": {"type": "possession"},
    "jurisdictions": [{"country": "NL", "role": "upload", "basis": "ip_geolocation"}],
}


def envelope(**changes: object) -> Envelope:
    return Envelope.model_validate(PLAIN | changes, strict=False)


def only(name: str, lane: Lane, *when: Clause, unless: tuple[Clause, ...] = ()) -> TriagePolicy:
    return TriagePolicy("v1", (Rule(name, lane, when, unless), Rule("by_default", Lane.ROUTINE)))


def clause(facet: Facet, *codes: str) -> Clause:
    return Clause(facet, frozenset(codes))


def test_nothing_special_is_routine_by_default() -> None:
    judged = DEPLOYED.judge(envelope())
    assert (judged.lane, judged.reasons) == (Lane.ROUTINE, ("by_default",))


@pytest.mark.parametrize(
    ("changes", "lane", "rule"),
    [
        ({"indicators": ["child_in_danger"]}, "urgent", "child_in_danger"),
        ({"indicators": ["live_stream", "viral"]}, "urgent", "child_in_danger"),
        ({"indicators": ["viral", "recent_abuse"]}, "urgent", "recent_abuse"),
        ({"indicators": ["production"], "material": {"images": 2}}, "urgent", "new_abuse_material"),
        ({"indicators": ["production"], "material": {"images": 2, "known_images": 2}}, "priority", "network_or_access"),
        ({"indicators": ["production", "generated_by_ai"], "material": {"images": 2}}, "priority", "network_or_access"),
        ({"incident": {"type": "molestation"}}, "urgent", "hands_on_offence"),
        ({"incident": {"type": "molestation"}, "partner_class": "informational"}, "routine", "informational_only"),
        ({"incident": {"type": "sextortion"}}, "urgent", "sextortion"),
        ({"incident": {"type": "sextortion"}, "indicators": ["minor_to_minor"]}, "priority", "grooming"),
        ({"indicators": ["repeat", "works_with_children"]}, "urgent", "repeat_with_access"),
        ({"indicators": ["works_with_children"]}, "priority", "network_or_access"),
        ({"indicators": ["viral"], "material": {"videos": 1, "known_videos": 1}}, "routine", "viral_known"),
        ({"material": {"images": 1, "classification": {"A1": 1}}}, "priority", "prepubescent_new"),
        ({"material": {"images": 1, "classification": {"B1": 1}}}, "routine", "by_default"),
        ({"urgency": "priority"}, "priority", "partner_says_priority"),
        ({"urgency": "routine"}, "routine", "by_default"),
    ],
)
def test_the_deployed_policy_says(changes: dict[str, object], lane: str, rule: str) -> None:
    judged = DEPLOYED.judge(envelope(**changes))
    assert (judged.lane, judged.reasons) == (Lane(lane), (rule,))


def test_a_claim_of_urgent_is_honoured_where_the_rules_say_routine() -> None:
    judged = DEPLOYED.judge(envelope(urgency="urgent"))
    assert (judged.lane, judged.reasons) == (Lane.URGENT, (CLAIM_RULE,))


def test_a_rule_that_agrees_with_the_claim_is_named_beside_it() -> None:
    judged = DEPLOYED.judge(envelope(urgency="urgent", indicators=["recent_abuse"]))
    assert judged.reasons == (CLAIM_RULE, "recent_abuse")


def test_every_clause_must_hold() -> None:
    policy = only("r", Lane.URGENT, clause(Facet.ACTION, "amend"), clause(Facet.ROLES, "victim", "hosting"))
    assert policy.judge(envelope(action="amend")).lane is Lane.ROUTINE
    hosting = [*PLAIN["jurisdictions"], {"country": "US", "role": "hosting", "basis": "hosting_provider"}]
    assert policy.judge(envelope(jurisdictions=hosting)).lane is Lane.ROUTINE
    assert policy.judge(envelope(jurisdictions=hosting, action="amend")).lane is Lane.URGENT


def test_one_code_of_unless_is_enough_to_refuse() -> None:
    policy = only("r", Lane.URGENT, unless=(clause(Facet.INDICATORS, "viral"), clause(Facet.ACTION, "withdraw")))
    assert policy.judge(envelope()).lane is Lane.URGENT
    assert policy.judge(envelope(indicators=["viral"])).lane is Lane.ROUTINE
    assert policy.judge(envelope(action="withdraw")).lane is Lane.ROUTINE


def test_a_policy_without_a_default_is_no_policy() -> None:
    with pytest.raises(ValueError, match="must match everything"):
        TriagePolicy("v1", (Rule("r", Lane.URGENT, (clause(Facet.ACTION, "new"),)),))
    with pytest.raises(ValueError, match="must match everything"):
        TriagePolicy("v1", ())


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        ({}, MaterialState.NONE),
        ({"known_images": 3}, MaterialState.NONE),
        ({"images": 3, "known_images": 3}, MaterialState.ALL_KNOWN),
        ({"images": 3, "known_images": 2}, MaterialState.SOME_NEW),
        ({"images": 3, "known_images": 3, "videos": 1}, MaterialState.SOME_NEW),
        ({"images": 3, "known_images": 3, "other": 1}, MaterialState.SOME_NEW),
        ({"videos": 2, "known_videos": 2}, MaterialState.ALL_KNOWN),
    ],
)
def test_files_are_new_unless_all_are_counted_as_known(counts: dict[str, int], state: MaterialState) -> None:
    assert material_state(Material.model_validate(counts)) is state


def test_no_material_and_no_files_are_the_same_code() -> None:
    assert triage_key(envelope()) == triage_key(envelope(material={}))


def test_every_code_has_a_bit_of_its_own() -> None:
    bits = [bit for codes in BITS.values() for bit in codes.values()]
    assert len(bits) == sum(len(codes) for codes in CODES.values())
    assert sum(bits) == (1 << len(bits)) - 1


@pytest.mark.parametrize("name", ["A1", "A2", "B1", "B2"])
def test_a_class_is_present_when_a_file_of_it_is_counted(name: str) -> None:
    policy = only("r", Lane.URGENT, clause(Facet.CLASSIFICATION, name))
    assert policy.judge(envelope(material={"images": 1, "classification": {name: 1}})).lane is Lane.URGENT
    assert policy.judge(envelope(material={"images": 1, "classification": {name: 0}})).lane is Lane.ROUTINE
