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

from services.router.document import page
from tests.samples import configuration

ROOT: Final = Path(__file__).parent.parent
DEPLOY: Final = ROOT / "deploy"
RULES: Final = DEPLOY / "prometheus" / "rules"
DEMO: Final = DEPLOY / "demo" / "prometheus" / "rules"
RULE_TESTS: Final = ROOT / "tests" / "rules"
DASHBOARDS: Final = DEPLOY / "grafana" / "dashboards"

DESK: Final = ("desk",)
DESK_LANE: Final = ("desk", "lane")
PLANNED: Final = (
    ("referral_entries_waiting", "gauge", DESK_LANE),
    ("referral_entries_shelved", "gauge", DESK_LANE),
    ("referral_entries_in_hand", "gauge", DESK_LANE),
    ("referral_entries_overdue", "gauge", DESK_LANE),
    ("referral_entries_expiring", "gauge", DESK_LANE),
    ("referral_entries_unreported", "gauge", DESK),
    ("referral_waiting_age_seconds", "gaugehistogram", DESK_LANE),
    ("referral_oldest_waiting_timestamp_seconds", "gauge", DESK_LANE),
    ("referral_target_seconds", "gauge", DESK_LANE),
    ("referral_target_missed_total", "counter", DESK_LANE),
    ("referral_opened_total", "counter", DESK_LANE),
    ("referral_looked_total", "counter", DESK_LANE),
    ("referral_forwarded_total", "counter", DESK_LANE),
    ("referral_withdrawn_total", "counter", DESK_LANE),
    ("referral_expired_total", "counter", DESK_LANE),
    ("referral_closed_total", "counter", ("desk", "disposition")),
    ("referral_closed_unlooked_total", "counter", DESK),
    ("referral_time_to_look_seconds", "histogram", ("lane",)),
    ("referral_time_to_close_seconds", "histogram", ("lane",)),
    ("referral_evidence_age_seconds", "gaugehistogram", ("lane",)),
    ("referral_evidence_expiring", "gauge", DESK_LANE),
    ("referral_desk_reporting", "gauge", DESK),
    ("referral_desk_silent_after_seconds", "gauge", DESK),
    ("referral_desk_last_status_timestamp_seconds", "gauge", DESK),
    ("referral_status_events_total", "counter", ("desk", "result")),
    ("referral_orphaned_events", "gauge", DESK),
    ("referral_conservation_residue", "gauge", DESK_LANE),
    ("referral_rejected_not_resent", "gauge", ("partner",)),
    ("referral_ledger_active", "gauge", ()),
    ("referral_ledger_caught_up", "gauge", ()),
    ("referral_ledger_lag_records", "gauge", ()),
    ("referral_ledger_last_commit_timestamp_seconds", "gauge", ()),
)
"""The ledger's metrics: name, type, labels. To go when docs/metrics.md, which is made from the code, has them."""

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
        for path in sorted(directory.glob("*.rules.yml"))
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
    written = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    rows = [(name, kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in _rows(written)]
    if not any(name == "referral_entries_waiting" for name, _, _ in rows):
        rows += PLANNED
    return {
        name + suffix: (*labels, "le") if suffix == "_bucket" else labels
        for name, kind, labels in rows
        for suffix in _SUFFIXES.get(kind, ("",))
    }


def _rows(written: str) -> list[tuple[str, str, str]]:
    """The router's as its code has them now, all others as the page of metrics says."""
    found = _ROW.findall(page(configuration()))
    known = {name for name, _, _ in found}
    return found + [row for row in _ROW.findall(written) if row[0] not in known and "_router_" not in row[0]]


def names_in(expression: str) -> set[str]:
    """The metrics and recorded series that a PromQL expression reads."""
    return set(_NAME.findall(_NO_NAMES.sub(" ", expression))) - _WORDS


def selections_in(expression: str) -> list[tuple[str, dict[str, str]]]:
    """Of each selector with matchers: the metric, and label → what it is compared with."""
    return [
        (name, {label: value for label, _, value in _MATCHER.findall(matchers)})
        for name, matchers in _SELECTOR.findall(expression)
    ]
