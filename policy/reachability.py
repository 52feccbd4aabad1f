"""Whether a rule can ever decide. One that cannot is a mistake: somebody believes that it does something.

Exact, not a comparison of pairs: a rule is shadowed as well where those before it together take all that it
matches. The search looks for codes of an envelope that the rule matches and none before it does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from policy.facets import BITS, NEVER_EMPTY, SEVERAL, Facet, mask
from policy.triage import CLAIM_RULE, Clause, Rule, refused_bits
from schemas.codes import Lane, Urgency

_ALL: Final = {facet: mask(facet, frozenset(codes)) for facet, codes in BITS.items()}
_CLAIM: Final = Rule(CLAIM_RULE, Lane.URGENT, (Clause(Facet.URGENCY, frozenset({Urgency.URGENT})),))


@dataclass(frozen=True, slots=True)
class _Demand:
    """What the codes looked for must have one of (a mask each), and none of."""

    needed: tuple[tuple[Facet, int], ...]
    refused: int

    def can_be_met(self) -> bool:
        """Facets do not bear on each other, so each is looked at alone.

        Of a facet with one code, that code must be in every mask. Of one with several, each mask must have a
        code left: all of these together are then such an envelope.
        """
        left = {facet: bits & ~self.refused for facet, bits in _ALL.items()}
        for facet, bits in self.needed:
            if facet not in SEVERAL:
                left[facet] &= bits
            elif not left[facet] & bits:
                return False
        return all(left[facet] for facet in NEVER_EMPTY)


def shadows(rules: Sequence[Rule], position: int) -> tuple[str, ...] | None:
    """Why the rule at `position` can never decide: the names of the rules before it that take all it matches.

    None when it can. Empty when its own conditions exclude each other. One name where one rule is enough.
    """
    rule = rules[position]
    own = _matched(rule)
    if not own.can_be_met():
        return ()
    before = (_CLAIM, *rules[:position])
    if _can_escape(own, before):
        return None
    for earlier in before:
        if not _can_escape(own, (earlier,)):
            return (earlier.name,)
    return tuple(earlier.name for earlier in before)


def _matched(rule: Rule) -> _Demand:
    return _Demand(tuple((clause.facet, clause.bits) for clause in rule.when), refused_bits(rule))


def _can_escape(demand: _Demand, rules: Sequence[Rule]) -> bool:
    """Whether some codes meet the demand and match none of the rules. Fewest ways out first."""
    if not rules:
        return True
    ways = [[way for way in _ways_out(demand, rule) if way.can_be_met()] for rule in rules]
    hardest = min(range(len(rules)), key=lambda index: len(ways[index]))
    others = [*rules[:hardest], *rules[hardest + 1 :]]
    return any(_can_escape(way, others) for way in ways[hardest])


def _ways_out(demand: _Demand, rule: Rule) -> list[_Demand]:
    """Each single way not to match a rule: to have no code of one clause, or one code that it refuses."""
    ways = [_Demand(demand.needed, demand.refused | clause.bits) for clause in rule.when]
    for clause in rule.unless:
        for code in sorted(clause.codes):
            needed = (clause.facet, BITS[clause.facet][code])
            ways.append(_Demand((*demand.needed, needed), demand.refused))
    return ways
