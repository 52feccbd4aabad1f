"""The alert rules: what promtool says of them, and that each has its tests, its page and its line in the list."""

import copy
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.alerting import (
    DEPLOY,
    ROOT,
    RULE_TESTS,
    RULES,
    alerts,
    names_in,
    needs_promtool,
    page_expressions,
    panel_expressions,
    rule_tests,
    rules_of,
)

ALWAYS: Final = "Watchdog"
"""There is no way for it not to fire."""
FOR_DESKS: Final = {"backlog", "status"}
SILENCED: Final = {
    "the ledger catches up": "referral_ledger_caught_up{",
    "the desk does not report": "referral_desk_reporting{",
    "the ledger is a standby": "referral_ledger_active{",
}


def promtool(*words: str) -> str:
    """What it printed; fails with that when it found something wrong."""
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def expectations() -> Iterator[tuple[Path, Any, Any]]:
    """File, test, and what it expects of one alert at one time."""
    for path, test in rule_tests():
        for expected in test.get("alert_rule_test", ()):
            yield path, test, expected


@needs_promtool
@pytest.mark.parametrize("place", ["prometheus", "demo/prometheus"])
def test_prometheus_takes_the_configuration_and_its_rules(place: str) -> None:
    assert "SUCCESS" in promtool("check", "config", str(DEPLOY / place / "prometheus.yml"))


@needs_promtool
@pytest.mark.parametrize("path", sorted(RULE_TESTS.glob("*.test.yml")), ids=lambda path: path.stem)
def test_alerts_and_measures_do_as_their_tests_say(path: Path) -> None:
    promtool("test", "rules", str(path))


@needs_promtool
@pytest.mark.parametrize("cause", SILENCED)
def test_no_alert_of_a_desk_fires_while(cause: str, tmp_path: Path) -> None:
    """Every test in which one fires, again, with the one thing changed."""
    for path in sorted(RULE_TESTS.glob("desks*.test.yml")):
        document = yaml.safe_load(path.read_text("utf-8"))
        document["rule_files"] = [str(RULES / file.name) for file in rule_files(path)]
        document["tests"] = [silenced(test, SILENCED[cause]) for test in document["tests"] if fires(test)]
        assert document["tests"]
        changed = tmp_path / path.name
        changed.write_text(json.dumps(document))
        promtool("test", "rules", str(changed))


def fires(test: Any) -> bool:
    return any(expected.get("exp_alerts") for expected in test["alert_rule_test"])


def silenced(test: Any, series: str) -> Any:
    changed = copy.deepcopy(test)
    for each in changed["input_series"]:
        if each["series"].startswith(series):
            each["values"], number = re.subn("^1x", "0x", each["values"])
            assert number == 1
    for expected in changed["alert_rule_test"]:
        expected["exp_alerts"] = []
    return changed


@needs_promtool
def test_what_panels_and_pages_ask_is_promql(tmp_path: Path) -> None:
    expressions = [*panel_expressions(), *page_expressions()]
    asked = [{"record": f"asked:{number}", "expr": expr} for number, expr in enumerate(expressions)]
    path = tmp_path / "asked.yml"
    path.write_text(json.dumps({"groups": [{"name": "asked", "rules": asked}]}))
    promtool("check", "rules", str(path))


def test_every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    firing = {expected["alertname"] for _, _, expected in expectations() if expected.get("exp_alerts")}
    quiet = {expected["alertname"] for _, _, expected in expectations() if not expected.get("exp_alerts")}
    names = {alert.name for alert in alerts()}
    assert firing == names
    assert quiet == names - {ALWAYS}


def rule_files(path: Path) -> list[Path]:
    """Those that a file of tests loads."""
    return [path.parent / name for name in yaml.safe_load(path.read_text("utf-8"))["rule_files"]]


def test_a_file_of_tests_loads_what_its_alerts_are_made_of() -> None:
    """And no more: promtool works out all of it at each step. With a rule less a near miss would prove nothing."""
    places = {rule.name: (path.name, rule.expression) for path in RULES.glob("*.rules.yml") for rule in rules_of(path)}
    for path in sorted(RULE_TESTS.glob("*.test.yml")):
        loaded = {file.name for file in rule_files(path)}
        asked = {expected["alertname"] for at, _, expected in expectations() if at == path}
        while asked:
            file, expression = places[asked.pop()]
            assert file in loaded, path.name
            asked |= names_in(expression) & places.keys()


def test_tests_record_before_they_alert() -> None:
    """Without an order promtool takes any, and an alert would read what was recorded one step before."""
    for path in sorted(RULE_TESTS.glob("*.test.yml")):
        groups = yaml.safe_load(path.read_text("utf-8"))["group_eval_order"]
        assert groups[:3] == ["routing", "backlog", "turnover"], path.name


def test_an_alert_has_one_name_a_severity_and_a_page() -> None:
    names = [alert.name for alert in alerts()]
    assert len(set(names)) == len(names)
    for alert in alerts():
        assert alert.labels.keys() == {"severity", "about"}, alert.name
        assert alert.labels["severity"] in ({"none"} if alert.name == ALWAYS else {"page", "ticket"}), alert.name
        assert alert.annotations.keys() == {"summary", "runbook"}, alert.name
        assert alert.annotations["runbook"] == f"docs/runbook/{alert.name}.md"


def test_a_desks_backlog_is_a_ticket_for_that_desk_and_pages_nobody() -> None:
    of_desks = {alert.name for alert in alerts() if alert.labels["about"] in FOR_DESKS}
    assert {alert.labels["severity"] for alert in alerts() if alert.name in of_desks} == {"ticket"}
    for path, test, expected in expectations():
        for fired in expected.get("exp_alerts", ()):
            if expected["alertname"] in of_desks:
                assert "desk" in fired["exp_labels"], f"{path.name}: {test['name']}"


def test_every_page_of_the_runbook_is_an_alerts_and_answers_the_same_questions() -> None:
    pages = {path.stem: path.read_text("utf-8") for path in (ROOT / "docs" / "runbook").glob("*.md")}
    assert pages.keys() == {alert.name for alert in alerts()}
    for name, text in pages.items():
        headings = re.findall(r"^(#+ .+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
        assert headings == [f"# {name}", "## If ignored", "## Check", "## Do", "## Not real when"], name


def test_every_command_that_the_runbook_names_exists() -> None:
    known = set(re.findall(r"^## referrals (\S+)$", (ROOT / "docs" / "commands.md").read_text("utf-8"), re.MULTILINE))
    for path in (ROOT / "docs" / "runbook").glob("*.md"):
        named = set(re.findall(r"(?:^|`)referrals ([a-z-]+)", path.read_text("utf-8"), re.MULTILINE))
        assert named - known == set(), path.name


def test_the_list_of_alerts_says_what_the_rules_say() -> None:
    text = (ROOT / "docs" / "alerts.md").read_text("utf-8")
    listed = re.findall(r"^\| \[(\w+)\]\(runbook/(\w+)\.md\) \| (\w+) \|", text, re.MULTILINE)
    assert sorted(listed) == sorted((alert.name, alert.name, alert.labels["severity"]) for alert in alerts())
