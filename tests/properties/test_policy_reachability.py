"""Whether a rule can ever decide, held against trying every envelope there is."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from policy.facets import BITS, Facet
from policy.reachability import shadows
from policy.triage import Clause, Rule, TriagePolicy
from schemas.codes import Lane

# Three facets are enough to have each kind: one code of several, one or more of several, any number of several.
WORLD = {
    Facet.ACTION: ["new", "amend", "withdraw"],
    Facet.ROLES: ["upload", "victim"],
    Facet.INDICATORS: ["viral", "repeat"],
}
REST = (
    BITS[Facet.INCIDENT]["other"]
    | BITS[Facet.MATERIAL]["none"]
    | BITS[Facet.PARTNER_CLASS]["referral"]
    | BITS[Facet.URGENCY]["routine"]
)
OTHER_ROLE = BITS[Facet.ROLES]["hosting"]
KEYS = [
    REST | BITS[Facet.ACTION][action] | roles | indicators
    for action, roles, indicators in product(
        WORLD[Facet.ACTION],
        [sum(chosen) for chosen in product(*([0, BITS[Facet.ROLES][r]] for r in WORLD[Facet.ROLES]), [0, OTHER_ROLE])][
            1:
        ],
        [sum(chosen) for chosen in product(*([0, BITS[Facet.INDICATORS][i]] for i in WORLD[Facet.INDICATORS]))],
    )
]
CLAUSES = st.sampled_from(sorted(WORLD)).flatmap(
    lambda facet: st.sets(st.sampled_from(WORLD[facet]), min_size=1).map(lambda codes: Clause(facet, frozenset(codes)))
)
SOME = st.lists(CLAUSES, max_size=2).map(tuple)


@st.composite
def rule_lists(draw: st.DrawFn) -> list[Rule]:
    rules = [Rule(f"r{n}", Lane.ROUTINE, draw(SOME), draw(SOME)) for n in range(draw(st.integers(1, 6)))]
    return [*rules, Rule("by_default", Lane.ROUTINE)]


@given(rule_lists())
@settings(max_examples=150, deadline=None)
def test_a_rule_is_shadowed_exactly_when_no_envelope_reaches_it(rules: list[Rule]) -> None:
    judge = TriagePolicy("v1", tuple(rules)).judge_key
    deciding = {judge(key).reasons[0] for key in KEYS}
    for position, rule in enumerate(rules):
        assert (shadows(rules, position) is None) == (rule.name in deciding)


@given(rule_lists())
@settings(max_examples=50, deadline=None)
def test_one_rule_named_as_the_reason_is_enough_by_itself(rules: list[Rule]) -> None:
    for position, rule in enumerate(rules):
        names = shadows(rules, position)
        if names is not None and len(names) == 1:
            blocker = next(found for found in rules if found.name == names[0])
            assert shadows([blocker, rule], 1) == names
