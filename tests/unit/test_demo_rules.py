"""The demo's rules are the real ones, with weeks in seconds: each shows within a minute."""

import re
from dataclasses import replace

import pytest
import yaml

from services.console.demo_rules import pages, rewritten
from tests.alerting import DEMO, DEPLOY, ROOT, Rule, rules

NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:ms|[smhdwy])?\b")
COMMENT = re.compile(r"#[^\n]*")
CONFIGURATIONS = ("prometheus/prometheus.yml", "demo/prometheus/prometheus.yml")
RANGE = re.compile(r"(?:\[(\d+)s\])?\s*(?:offset (\d+)s)?")


def without_numbers(rule: Rule) -> Rule:
    """What must be the same in both."""
    bare = " ".join(NUMBER.sub("N", COMMENT.sub("", rule.expression)).split())
    return replace(rule, expression=bare, held="" if rule.held == "0s" else "N")


def test_the_demos_rules_are_written_from_the_real_ones() -> None:
    found = {path: path.read_text("utf-8") for path in DEMO.iterdir()}
    assert found == pages(ROOT), "run `make docs`"


def test_both_say_the_same_but_for_numbers() -> None:
    assert [without_numbers(rule) for rule in rules(DEMO)] == [without_numbers(rule) for rule in rules()]


def test_everything_that_takes_time_shows_within_a_minute() -> None:
    for path in DEMO.iterdir():
        assert not re.search(r"(?:\[|offset |for: |interval: )\d+(?!\d*s\b)", path.read_text("utf-8")), path.name
    for rule in rules(DEMO):
        looked_back = [int(span or 0) + int(ago or 0) for span, ago in RANGE.findall(rule.expression)]
        assert max(looked_back) + int(rule.held.removesuffix("s")) <= 60, rule.name


def test_both_configurations_scrape_the_same_jobs_and_load_their_own_rules() -> None:
    real, demo = (yaml.safe_load((DEPLOY / place).read_text()) for place in CONFIGURATIONS)
    assert real["rule_files"] == demo["rule_files"] == ["rules/*.rules.yml"]
    jobs = {job["job_name"] for job in real["scrape_configs"]}
    assert jobs - {job["job_name"] for job in demo["scrape_configs"]} == {"prometheus"}


def test_the_last_number_of_a_marked_line_is_replaced_and_comments_go() -> None:
    text = "# of weeks\na: 7\nexpr: x[2h] * 1.5 > y[28d]) # demo: 40s\nfor: 15m # demo: 2s\nb: 3 # why\n"
    assert rewritten(text) == "a: 7\nexpr: x[2h] * 1.5 > y[40s])\nfor: 2s\nb: 3 # why\n"


@pytest.mark.parametrize("line", ["expr: vector # demo: 2s", "for: 15m # demo:", "for: 15m # demo 2s"])
def test_a_mark_that_fits_nothing_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="line 1: a number"):
        rewritten(line)
