"""Which lane a referral takes, and by which rule: the first that matches. A claim of urgent always holds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from policy.facets import BITS, Facet, mask, triage_key
from schemas.codes import Lane, Urgency
from schemas.envelope import Envelope

__all__ = ["CLAIM_RULE", "Clause", "Rule", "Triage", "TriagePolicy", "triage_key"]

CLAIM_RULE: Final = "partner_claims_urgent"
"""Built in, before every rule of the file; no rule may have its name, ask for its code, or lower its lane."""

_CLAIMED: Final = BITS[Facet.URGENCY][Urgency.URGENT]
_REMEMBERED_KEYS: Final = 8192


@dataclass(frozen=True, slots=True)
class Clause:
    """Holds when at least one of these codes of the facet is in the envelope."""

    facet: Facet
    codes: frozenset[str]

    @property
    def bits(self) -> int:
        """The clause as bits of `triage_key`."""
        return mask(self.facet, self.codes)


@dataclass(frozen=True, slots=True)
class Rule:
    """Matches when every clause of `when` holds and none of `unless`; without clauses, always."""

    name: str
    lane: Lane
    when: tuple[Clause, ...] = ()
    unless: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True)
class Triage:
    """A lane, and the rules that decided it: one, or the claim and the rule that agrees with it."""

    lane: Lane
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TriagePolicy:
    """The rules in order; ValueError unless the last matches everything. `version` is published."""

    version: str
    rules: tuple[Rule, ...]
    judge_key: Callable[[int], Triage] = field(init=False, repr=False, compare=False)
    """The same as `judge`, from a `triage_key`. Remembers its last 8,192 answers."""

    def __post_init__(self) -> None:
        if not self.rules or self.rules[-1].when or self.rules[-1].unless:
            raise ValueError("the last triage rule must match everything")
        object.__setattr__(self, "judge_key", lru_cache(_REMEMBERED_KEYS)(_compile(self.rules)))

    triage_key = staticmethod(triage_key)

    def judge(self, envelope: Envelope) -> Triage:
        """The lane by the envelope's codes alone; `urgent` whenever the partner claims it."""
        return self.judge_key(triage_key(envelope))


def refused_bits(rule: Rule) -> int:
    """Every bit of which a match may have none."""
    bits = 0
    for clause in rule.unless:
        bits |= clause.bits
    return bits


def _compile(rules: tuple[Rule, ...]) -> Callable[[int], Triage]:
    """The rules as bit masks; each possible answer is made once."""
    compiled = [
        (
            tuple(clause.bits for clause in rule.when),
            refused_bits(rule),
            Triage(rule.lane, (rule.name,)),
            Triage(Lane.URGENT, (CLAIM_RULE, rule.name) if rule.lane is Lane.URGENT else (CLAIM_RULE,)),
        )
        for rule in rules
    ]

    def judge_bits(key: int) -> Triage:
        for needed, refused, judged, claimed in compiled:
            if not key & refused and all(key & bits for bits in needed):
                return claimed if key & _CLAIMED else judged
        raise AssertionError("unreachable: the last rule matches everything")

    return judge_bits
