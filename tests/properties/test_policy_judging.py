"""Triage, for any envelope and any rules."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from policy.configuration import load
from policy.facets import CODES, Facet
from policy.triage import CLAIM_RULE, Clause, Rule, TriagePolicy, triage_key
from schemas.codes import Action, Basis, IncidentType, Indicator, Lane, PartnerClass, Role, Urgency
from schemas.countries import ASSIGNED
from schemas.envelope import Classification, Envelope, Incident, Jurisdiction, Material

DEPLOYED = load(Path(__file__).parents[2] / "deploy").triage
COUNTS = st.integers(0, 3)
MATERIAL = st.builds(
    Material,
    images=COUNTS,
    videos=COUNTS,
    other=st.integers(0, 1),
    known_images=COUNTS,
    known_videos=COUNTS,
    classification=st.none() | st.builds(Classification, A1=COUNTS, A2=COUNTS, B1=COUNTS, B2=COUNTS),
)
PLACES = st.builds(
    Jurisdiction,
    country=st.sampled_from(sorted(ASSIGNED)),
    role=st.sampled_from(Role),
    basis=st.sampled_from(Basis),
    verified=st.booleans(),
)
ENVELOPES = st.builds(
    Envelope,
    submitted_at=st.sampled_from(["2026-11-02T10:00:00Z", "2024-01-01T00:00:00+02:00"]),
    schema_version=st.just(1),
    partner=st.sampled_from(["ncmec", "inhope-nl"]),
    report=st.from_regex(r"[A-Za-z0-9-]{1,48}", fullmatch=True),
    revision=st.integers(1, 1_000_000),
    action=st.sampled_from(Action),
    partner_class=st.sampled_from(PartnerClass),
    urgency=st.sampled_from(Urgency),
    incident=st.builds(Incident, type=st.sampled_from(IncidentType)),
    jurisdictions=st.lists(PLACES, min_size=1, max_size=4),
    report_count=st.integers(1, 100),
    indicators=st.lists(st.sampled_from(Indicator), max_size=4),
    material=st.none() | MATERIAL,
)


@st.composite
def clauses(draw: st.DrawFn) -> Clause:
    facet = draw(st.sampled_from(Facet))
    codes = [code for code in CODES[facet] if code is not Urgency.URGENT]
    return Clause(facet, frozenset(draw(st.sets(st.sampled_from(codes), min_size=1, max_size=3))))


SOME_CLAUSES = st.lists(clauses(), max_size=2).map(tuple)


@st.composite
def policies(draw: st.DrawFn) -> TriagePolicy:
    rules = [
        Rule(f"rule_{number}", draw(st.sampled_from(Lane)), draw(SOME_CLAUSES), draw(SOME_CLAUSES))
        for number in range(draw(st.integers(0, 5)))
    ]
    return TriagePolicy("v1", (*rules, Rule("by_default", draw(st.sampled_from(Lane)))))


def codes_of(envelope: Envelope, facet: Facet) -> set[str]:
    """What a rule may see of an envelope, told again in the plainest way."""
    material = envelope.material or Material()
    counts = material.classification or Classification()
    files = material.images + material.videos + material.other
    known = min(material.images, material.known_images) + min(material.videos, material.known_videos)
    codes: dict[Facet, set[str]] = {
        Facet.URGENCY: {envelope.urgency},
        Facet.INCIDENT: {envelope.incident.type},
        Facet.INDICATORS: set(envelope.indicators),
        Facet.CLASSIFICATION: {name for name, count in counts.model_dump().items() if count},
        Facet.MATERIAL: {"none" if files == 0 else "all_known" if known == files else "some_new"},
        Facet.ROLES: {place.role for place in envelope.jurisdictions},
        Facet.PARTNER_CLASS: {envelope.partner_class},
        Facet.ACTION: {envelope.action},
    }
    return codes[facet]


def holds(clause: Clause, envelope: Envelope) -> bool:
    return bool(clause.codes & codes_of(envelope, clause.facet))


@given(policies(), ENVELOPES)
def test_the_first_rule_that_matches_decides(policy: TriagePolicy, envelope: Envelope) -> None:
    decided = next(
        rule
        for rule in policy.rules
        if all(holds(clause, envelope) for clause in rule.when)
        and not any(holds(clause, envelope) for clause in rule.unless)
    )
    judged = policy.judge(envelope)
    if envelope.urgency is Urgency.URGENT:
        agrees = (decided.name,) if decided.lane is Lane.URGENT else ()
        assert (judged.lane, judged.reasons) == (Lane.URGENT, (CLAIM_RULE, *agrees))
    else:
        assert (judged.lane, judged.reasons) == (decided.lane, (decided.name,))


@given(policies(), ENVELOPES)
def test_no_policy_lowers_an_urgent_claim(policy: TriagePolicy, envelope: Envelope) -> None:
    claimed = envelope.model_copy(update={"urgency": Urgency.URGENT})
    assert policy.judge(claimed).lane is Lane.URGENT
    assert policy.judge(claimed).reasons[0] == CLAIM_RULE


@given(policies(), ENVELOPES, ENVELOPES)
def test_the_lane_depends_on_the_codes_alone(policy: TriagePolicy, one: Envelope, other: Envelope) -> None:
    """`other` gets the codes of `one` and keeps all else: countries, numbers, times, partner."""
    roles = [place.role for place in one.jurisdictions]
    places = [
        other.jurisdictions[position % len(other.jurisdictions)].model_copy(update={"role": role})
        for position, role in enumerate(reversed(roles))
    ]
    same = other.model_copy(
        update={
            "urgency": one.urgency,
            "incident": one.incident,
            "indicators": [*reversed(one.indicators), *one.indicators],
            "material": one.material,
            "partner_class": one.partner_class,
            "action": one.action,
            "jurisdictions": places,
        }
    )
    assert triage_key(same) == triage_key(one)
    assert policy.judge(same) == policy.judge(one) == policy.judge_key(triage_key(one))


@given(ENVELOPES)
def test_the_deployed_policy_always_gives_a_lane_and_names_its_rule(envelope: Envelope) -> None:
    judged = DEPLOYED.judge(envelope)
    assert judged.lane in Lane
    assert set(judged.reasons) <= {CLAIM_RULE, *(rule.name for rule in DEPLOYED.rules)}
    assert judged.reasons
