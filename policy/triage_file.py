"""`deploy/triage.yaml` as a `TriagePolicy`: ordered, named rules over an envelope's codes, and a version."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Final

import yaml

from policy.documents import Document, describe
from policy.facets import CODES, Facet
from policy.problems import Problem, quote
from policy.reachability import shadows
from policy.triage import CLAIM_RULE, Clause, Rule, TriagePolicy
from schemas.codes import Lane, Urgency

NAME: Final = "triage.yaml"
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,31}", re.ASCII)
_RULE_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,47}", re.ASCII)
_RULE_FIELDS: Final = {"name": True, "lane": True, "when": False, "unless": False}
_FACETS: Final = {str(facet): False for facet in Facet}
_NOTHING: Final = TriagePolicy("none", (Rule("none", Lane.URGENT),))


def read_triage(path: Path) -> tuple[TriagePolicy, list[Problem]]:
    """The policy, and every mistake in the file; the policy is of use only where there is none."""
    document = Document(str(path))
    top = document.open(path)
    if top is None:
        return _NOTHING, document.problems
    parts = document.fields(top, "the triage file", {"version": True, "rules": True})
    version = _read_version(document, parts["version"]) if "version" in parts else ""
    rules = _read_rules(document, parts["rules"]) if "rules" in parts else ()
    return (_NOTHING if document.problems else TriagePolicy(version, rules)), document.problems


def _read_version(document: Document, node: yaml.Node) -> str:
    version = document.text(node, "`version`")
    if version is not None and not _VERSION.fullmatch(version):
        document.note(node, f"the version {quote(version)}", "1 to 32 of letters, digits, `.` and `-`")
    return version or ""


def _read_rules(document: Document, node: yaml.Node) -> tuple[Rule, ...]:
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        document.note(node, describe(node), "`rules`: a list of rules, the default last")
        return ()
    before = len(document.problems)
    names: dict[str, int] = {}
    written = [(_read_rule(document, item, names), item) for item in node.value]
    rules = [(rule, item) for rule, item in written if rule is not None]
    if len(document.problems) == before:
        _check_reach(document, rules)
    _check_default(document, node.value[-1])
    return tuple(rule for rule, _ in rules)


def _read_rule(document: Document, node: yaml.Node, names: dict[str, int]) -> Rule | None:
    fields = document.fields(node, "a rule", _RULE_FIELDS)
    name = _read_name(document, fields["name"], names) if "name" in fields else None
    lane = document.code(fields["lane"], "a lane", Lane) if "lane" in fields else None
    when = _read_clauses(document, fields["when"], "when") if "when" in fields else ()
    unless = _read_clauses(document, fields["unless"], "unless") if "unless" in fields else ()
    return None if name is None or lane is None else Rule(name, lane, when, unless)


def _read_name(document: Document, node: yaml.Node, names: dict[str, int]) -> str | None:
    name = document.text(node, "the name of a rule")
    if name is None:
        return None
    if name == CLAIM_RULE:
        document.note(node, f"a rule named `{CLAIM_RULE}`", "another name: this one is built in")
    elif not _RULE_NAME.fullmatch(name):
        document.note(node, f"the rule name {quote(name)}", "1 to 48 of a-z, 0-9 and `_`, a letter first")
    elif name in names:
        document.note(node, f"a second rule {quote(name)}", f"another name: line {names[name]} has this one")
    names.setdefault(name, node.start_mark.line + 1)
    return name


def _read_clauses(document: Document, node: yaml.Node, what: str) -> tuple[Clause, ...]:
    """Entries of facet and codes; a list of such entries where one facet is asked about twice."""
    groups = node.value if isinstance(node, yaml.SequenceNode) and node.value else [node]
    clauses: list[Clause] = []
    for group in groups:
        if isinstance(group, yaml.MappingNode) and not group.value:
            document.note(group, f"an empty `{what}`", f"a condition, or no line `{what}`")
            continue
        for facet, codes in document.fields(group, f"`{what}`", _FACETS).items():
            clauses.append(_read_clause(document, codes, Facet(facet)))
    return tuple(clauses)


def _read_clause(document: Document, node: yaml.Node, facet: Facet) -> Clause:
    kind: type[StrEnum] = CODES[facet]
    codes: set[str] = set()
    for item in document.items(node, f"codes of `{facet}`"):
        code = document.code(item, f"a code of `{facet}`", kind)
        if code is None:
            continue
        if code is Urgency.URGENT:
            allowed = ", ".join(other for other in Urgency if other is not Urgency.URGENT)
            expected = f"{allowed}: `{CLAIM_RULE}` is always honoured"
            document.note(item, f"`urgency: {code}` in a rule", expected)
        elif code in codes:
            document.note(item, f"{quote(code)} a second time", "it once")
        codes.add(code)
    return Clause(facet, frozenset(codes))


def _check_default(document: Document, last: yaml.Node) -> None:
    """Asked of what is written, not of what could be read: one mistake must not hide another."""
    keys = {key.value for key, _ in last.value} if isinstance(last, yaml.MappingNode) else set()
    if keys & {"when", "unless"}:
        document.note(
            last,
            "conditions in the last rule, so no default",
            "a last rule without `when` and `unless`, for all that no other matches",
        )


def _check_reach(document: Document, written: list[tuple[Rule, yaml.Node]]) -> None:
    rules = [rule for rule, _ in written]
    for position, (rule, node) in enumerate(written):
        names = shadows(rules, position)
        if names is None:
            continue
        if not names:
            why, expected = "its conditions exclude each other", "conditions that one envelope can meet"
        elif len(names) == 1:
            why = f"{quote(names[0])} takes all it matches"
            expected = "it before that one, other conditions, or no such rule"
        elif rule.when or rule.unless:
            why = "the rules before it together take all it matches"
            expected = "it further up, other conditions, or no such rule"
        else:
            continue  # a default stays where the others happen to cover everything: it must be there
        document.note(node, f"the rule {quote(rule.name)}, which can never decide: {why}", expected)
