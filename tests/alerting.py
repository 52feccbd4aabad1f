"""Alert rules, their tests and the dashboards as values, and what the code exposes, for the tests that compare them."""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from services.ledger import document as ledger
from services.notifier import document as notifier
from services.router import document as router
from tests.samples import configuration

ROOT: Final = Path(__file__).parent.parent
DEPLOY: Final = ROOT / "deploy"
RULES: Final = DEPLOY / "prometheus" / "rules"
DEMO: Final = DEPLOY / "demo" / "prometheus" / "rules"
RULE_TESTS: Final = ROOT / "tests" / "rules"
DASHBOARDS: Final = DEPLOY / "grafana" / "dashboards"

_SUFFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "histogram": ("_bucket", "_sum", "_count"),
    "gaugehistogram": ("_bucket", "_gsum", "_gcount"),
}
_ROW: Final = re.compile(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \|", re.MULTILINE)
_PROMQL: Final = re.compile(r"```promql\n(.*?)```|promtool query instant \S+ '([^']+)'", re.DOTALL)
_NO_NAMES: Final = re.compile(
    r"#[^\n]*|\"[^\"]*\"|\[[^\]]*\]|\{[^}]*\}|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)"
)
_NAME: Final = re.compile(r"(?<![\w:.$])[a-zA-Z_:][\w:]*(?![\w:]|\s*\()")
_WORDS: Final = {"and", "or", "unless", "offset", "bool", "by", "without"}
_SELECTOR: Final = re.compile(r"([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}")
_MATCHER: Final = re.compile(r"(\w+)\s*(=~|!~|!=|=)\s*[\"']([^\"']*)[\"']")


@dataclass(frozen=True, slots=True)
class Rule:
    """One recording or alerting rule, as its file has it."""

    group: str
    name: str
    alerting: bool
    expression: str
    held: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def tool(name: str, package: str, purpose: str) -> pytest.MarkDecorator:
    """Skips, with a line that says what is missing, where the program is not there."""
    return pytest.mark.skipif(
        shutil.which(name) is None,
        reason=f"{name} is not installed: it {purpose}; install it (Debian: apt-get install {package})",
    )


needs_promtool: Final = tool("promtool", "prometheus", "checks and tests the alert rules")
needs_amtool: Final = tool("amtool", "prometheus-alertmanager", "checks whom Alertmanager tells")


@cache
def rules(directory: Path = RULES) -> tuple[Rule, ...]:
    """Those of every file, in their order."""
    return tuple(rule for path in sorted(directory.glob("*.rules.yml")) for rule in rules_of(path))


def rules_of(path: Path) -> tuple[Rule, ...]:
    """Those of one file."""
    return tuple(
        Rule(
            group["name"],
            rule.get("alert") or rule["record"],
            "alert" in rule,
            rule["expr"],
            rule.get("for", "0s"),
            rule.get("labels", {}),
            rule.get("annotations", {}),
        )
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
        for rule in group["rules"]
    )


def alerts() -> list[Rule]:
    """Only those that alert."""
    return [rule for rule in rules() if rule.alerting]


@cache
def rule_tests() -> tuple[tuple[Path, Any], ...]:
    """File and test, of each test of the rules."""
    paths = sorted(RULE_TESTS.glob("*.test.yml"))
    return tuple((path, test) for path in paths for test in yaml.safe_load(path.read_text("utf-8"))["tests"])


def panels(dashboard: Any) -> Iterator[Any]:
    """Every panel that shows something, those inside closed rows too."""
    for panel in dashboard["panels"]:
        yield from panels(panel) if panel["type"] == "row" and panel.get("panels") else ()
        if panel["type"] != "row":
            yield panel


def dashboards() -> dict[str, Any]:
    """By file name."""
    return {path.name: json.loads(path.read_text("utf-8")) for path in sorted(DASHBOARDS.glob("*.json"))}


def panel_expressions() -> list[str]:
    """What the panels ask, with Grafana's variables replaced by something that Prometheus reads."""
    return [
        target["expr"].replace("$__rate_interval", "5m").replace("$desk", "nl")
        for dashboard in dashboards().values()
        for panel in panels(dashboard)
        for target in panel["targets"]
    ]


def page_expressions() -> list[str]:
    """What the list of alerts and the runbook tell to ask Prometheus."""
    pages = [ROOT / "docs" / "alerts.md", *sorted((ROOT / "docs" / "runbook").glob("*.md"))]
    blocks = [block for path in pages for block in _PROMQL.findall(path.read_text("utf-8"))]
    return [in_fence or quoted for in_fence, quoted in blocks]


@cache
def exposed() -> Mapping[str, tuple[str, ...]]:
    """Every series that the code exposes: name → labels."""
    pages = router.page(configuration()), ledger.page(configuration()), notifier.page()
    return {
        name + suffix: (*labels, "le") if suffix == "_bucket" else labels
        for written in pages
        for name, kind, listed in _ROW.findall(written)
        for labels in [tuple(re.findall(r"`(\w+)`", listed))]
        for suffix in _SUFFIXES.get(kind, ("",))
    }


def names_in(expression: str) -> set[str]:
    """The metrics and recorded series that a PromQL expression reads."""
    return set(_NAME.findall(_NO_NAMES.sub(" ", expression))) - _WORDS


def selections_in(expression: str) -> list[tuple[str, dict[str, str]]]:
    """Of each selector with matchers: the metric, and label → what it is compared with."""
    return [
        (name, {label: value for label, _, value in _MATCHER.findall(matchers)})
        for name, matchers in _SELECTOR.findall(expression)
    ]
