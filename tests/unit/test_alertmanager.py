"""Whom Alertmanager tells: the operator of faults, a desk of its backlog; and out of the box nobody by accident."""

import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.alerting import DEPLOY, ROOT, Rule, alerts, needs_amtool

FILE: Final = DEPLOY / "alertmanager" / "alertmanager.yml"
OF_DESKS: Final = {"backlog", "status"}


def amtool(*words: str) -> str:
    done = subprocess.run(["amtool", *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def receiver(**labels: str) -> str:
    """Who gets an alert with these labels."""
    words = [f"{name}={value}" for name, value in labels.items()]
    return amtool("config", "routes", "test", f"--config.file={FILE}", *words).strip()


@pytest.fixture(scope="module")
def configuration() -> Any:
    return yaml.safe_load(FILE.read_text("utf-8"))


@needs_amtool
def test_alertmanager_takes_the_configuration() -> None:
    assert "SUCCESS" in amtool("check-config", str(FILE))


@needs_amtool
@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_an_alert_goes_to_whom_it_concerns(alert: Rule) -> None:
    labels = {"alertname": alert.name, **alert.labels}
    if alert.name == "Watchdog":
        assert receiver(**labels) == "watchdog"
    elif alert.labels["severity"] == "page":
        assert receiver(**labels) == receiver(**labels, desk="nl") == "operator-page"
    elif alert.labels["about"] in OF_DESKS:
        assert receiver(**labels, desk="nl") == "desk-tickets"
        assert receiver(**labels, desk="zz") == "desk-zz"
    else:
        assert receiver(**labels, partner="ncmec") == "operator-tickets"


@needs_amtool
def test_an_alert_that_nobody_thought_of_reaches_the_operator() -> None:
    assert receiver(alertname="Unheard") == "operator-tickets"


def test_as_delivered_no_receiver_sends_anything_anywhere(configuration: Any) -> None:
    assert all(receiver.keys() == {"name"} for receiver in configuration["receivers"])


def test_everything_that_it_matches_is_in_the_rules(configuration: Any) -> None:
    words = re.findall(r"(alertname|severity|about)=\"(\w+)\"", FILE.read_text("utf-8"))
    labels = [{"alertname": alert.name, **alert.labels} for alert in alerts()]
    assert words
    assert [word for word in words if not any(each[word[0]] == word[1] for each in labels)] == []


@needs_amtool
def test_the_pages_examples_of_receivers_are_ones_that_alertmanager_takes(configuration: Any, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "alerts.md").read_text("utf-8")
    examples = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    given = {each["name"]: each for example in examples for each in example["receivers"]}
    names = {each["name"] for each in configuration["receivers"]}
    assert given
    configuration["receivers"] = list(given.values()) + [{"name": name} for name in sorted(names - given.keys())]
    path = tmp_path / "alertmanager.yml"
    path.write_text(yaml.safe_dump(configuration))
    amtool("check-config", str(path))
