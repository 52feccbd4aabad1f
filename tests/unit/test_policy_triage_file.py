"""Each way to get `deploy/triage.yaml` wrong is refused at its line, with what would be right."""

from pathlib import Path

import pytest

from policy.configuration import load
from policy.facets import Facet
from schemas.codes import Lane
from tests.unit.test_policy_configuration import MARK, assert_one_problem, copy_deploy, edit, problems_of

BEFORE = "  # --- urgent"
DEFAULT = "  - name: by_default\n    lane: routine\n"
AT_THE_END = "  # Required: a last rule"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return copy_deploy(tmp_path) / "triage.yaml"


def rule(text: str, before: str = BEFORE) -> tuple[str, str]:
    """An edit that puts one more rule before a place."""
    return before, f"  - {text}\n{before}"


@pytest.mark.parametrize(
    ("edited", "found", "expected"),
    [
        (
            rule(f"{{name: r, when: {{indicators: {MARK}recent_abus}}, lane: urgent}}"),
            "`recent_abus`",
            "`recent_abuse`",
        ),
        (rule(f"{{name: r, when: {{incident: [{MARK}sextorsion]}}, lane: urgent}}"), "`sextorsion`", "`sextortion`"),
        (rule(f"{{name: r, when: {{classification: {MARK}C1}}, lane: urgent}}"), "`C1`", "one of A1, A2, B1, B2"),
        (rule(f"{{name: r, when: {{roles: {MARK}uplod}}, lane: urgent}}"), "`uplod`", "`upload`"),
        (rule(f"{{name: r, when: {{action: {MARK}nwe}}, lane: urgent}}"), "`nwe`", "`new`"),
        (rule(f"{{name: r, when: {{material: {MARK}known}}, lane: urgent}}"), "`known`", "`all_known`"),
        (rule(f"{{name: r, when: {{partner_class: {MARK}none}}, lane: urgent}}"), "`none`", "one of referral"),
        (rule(f"{{name: r, when: {{{MARK}indicator: viral}}, lane: urgent}}"), "`indicator`", "`indicators`"),
        (rule(f"{{name: r, when: {{{MARK}country: NL}}, lane: urgent}}"), "`country`", "one of urgency, incident"),
        (rule(f"{{name: r, when: {{urgency: {MARK}urgent}}, lane: routine}}"), "`urgency: urgent`", "honoured"),
        (rule(f"{{name: r, unless: {{urgency: [{MARK}urgent]}}, lane: routine}}"), "`urgency: urgent`", "honoured"),
        (rule(f"{{name: r, when: {{indicators: [viral, {MARK}viral]}}, lane: routine}}"), "a second time", "it once"),
        (rule(f"{{name: r, when: {{indicators: {MARK}[]}}, lane: routine}}"), "an empty list", "at least one"),
        (rule(f"{{name: r, when: {{indicators:{MARK}}}, lane: routine}}"), "nothing", "at least one"),
        (rule(f"{{name: r, when: {{indicators: [{MARK}[viral]]}}, lane: routine}}"), "a list", "`indicators`"),
        (rule(f"{{name: r, when: {MARK}{{}}, lane: routine}}"), "an empty `when`", "a condition"),
        (rule(f"{{name: r, when: {MARK}viral, lane: routine}}"), "text", "`when` with the fields urgency"),
        (rule(f"{{name: r, when: {MARK}[], lane: routine}}"), "an empty list", "`when` with the fields"),
        (rule(f"{{name: r, when: {{indicators: viral}}, lane: {MARK}slow}}"), "`slow`", "one of urgent, priority"),
        (rule(f"{{name: r, when: {{indicators: viral}}, lane: {MARK}urgnt}}"), "`urgnt`", "`urgent`"),
        (rule(f"{MARK}{{name: r, when: {{indicators: viral}}}}"), "a rule without `lane`", "a line `lane"),
        (rule(f"{MARK}{{when: {{indicators: viral}}, lane: urgent}}"), "a rule without `name`", "a line `name"),
        (rule(f"{{name: r, {MARK}then: urgent, lane: urgent}}"), "unknown field `then`", "`when`"),
        (rule(f"{{name: {MARK}No-Good, when: {{indicators: viral}}, lane: urgent}}"), "`No-Good`", "a-z"),
        (rule(f"{{name: {MARK}partner_claims_urgent, lane: routine}}"), "partner_claims_urgent", "built in"),
        (rule(f"{MARK}just text"), "text", "a rule with the fields name"),
        (
            rule(f"{{name: {MARK}viral_known, when: {{indicators: self_generated}}, lane: urgent}}", AT_THE_END),
            "a second rule `viral_known`",
            "line ",
        ),
        (("version: 2026-11-01", f"version: {MARK}first version"), "`first version`", "1 to 32"),
        (("version: 2026-11-01", f"version:{MARK}"), "nothing", "`version`"),
        ((DEFAULT, f"  - {MARK}name: last\n    when: {{action: new}}\n    lane: routine\n"), "no default", "a last"),
        (
            (DEFAULT, f"  - {MARK}name: last\n    unless: {{indicators: viral}}\n    lane: routine\n"),
            "no default",
            "a last rule without `when`",
        ),
        (
            rule(f"{MARK}{{name: r, when: {{indicators: recent_abuse, roles: victim}}, lane: urgent}}", AT_THE_END),
            "`r`, which can never decide: `recent_abuse` takes all",
            "it before that one",
        ),
        (
            rule(f"{MARK}{{name: r, when: {{indicators: viral}}, unless: {{indicators: viral}}, lane: urgent}}"),
            "its conditions exclude each other",
            "one envelope can meet",
        ),
        (
            rule(
                f"{MARK}{{name: r, when: [{{action: new}}, {{action: amend}}], lane: urgent}}",
            ),
            "its conditions exclude each other",
            "one envelope can meet",
        ),
        (
            rule(
                "{name: a, when: {incident: other, action: [new, amend]}, lane: priority}\n"
                "  - {name: b, when: {incident: other, action: withdraw}, lane: routine}\n"
                f"  - {MARK}{{name: c, when: {{incident: other, roles: victim}}, lane: urgent}}"
            ),
            "`c`, which can never decide: the rules before it together",
            "it further up",
        ),
        (
            rule(
                f"{MARK}{{name: r, unless: {{urgency: [priority, routine, unspecified]}}, lane: routine}}",
            ),
            "`partner_claims_urgent` takes all",
            "other conditions",
        ),
    ],
)
def test_a_mistake_is_told_at_its_line(path: Path, edited: tuple[str, str], found: str, expected: str) -> None:
    assert_one_problem(path, *edited, found, expected)


@pytest.mark.parametrize("rules", ["", "[]", "{}", "none"])
def test_a_file_without_rules_is_refused(path: Path, rules: str) -> None:
    path.write_text(f"version: v1\nrules: {rules}\n")
    (problem,) = problems_of(path.parent)
    assert problem.line == 2
    assert "the default last" in problem.expected


def test_a_default_before_the_end_hides_every_rule_after_it(path: Path) -> None:
    edit(path, *rule("{name: everything, lane: routine}"))
    problems = problems_of(path.parent)
    assert len(problems) == path.read_text("utf-8").count("- name: ")
    assert all("`everything` takes all it matches" in problem.found for problem in problems)


def test_a_missing_default_does_not_hide_another_mistake(path: Path) -> None:
    edit(path, DEFAULT, "")
    edit(path, "version: 2026-11-01", "version: of today")
    assert len(problems_of(path.parent)) == 2


def test_a_default_stays_where_the_others_happen_to_cover_everything(path: Path) -> None:
    path.write_text(
        "version: v1\nrules:\n"
        "- {name: a, when: {action: [new, amend]}, lane: priority}\n"
        "- {name: b, when: {action: withdraw}, lane: routine}\n"
        "- {name: by_default, lane: urgent}\n"
    )
    assert [found.name for found in load(path.parent).triage.rules] == ["a", "b", "by_default"]


def test_one_code_needs_no_list_and_a_list_of_conditions_needs_all(path: Path) -> None:
    edit(path, *rule("{name: r, when: [{indicators: viral}, {indicators: [repeat, network]}], lane: urgent}"))
    found = load(path.parent).triage.rules[0]
    assert [(clause.facet, set(clause.codes)) for clause in found.when] == [
        (Facet.INDICATORS, {"viral"}),
        (Facet.INDICATORS, {"repeat", "network"}),
    ]
    assert found.lane is Lane.URGENT
