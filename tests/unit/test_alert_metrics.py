"""What rules, their tests and dashboards name is what the code exposes: metrics, labels, codes."""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import pytest

from schemas.codes import Disposition, Lane, Outcome, RejectReason
from tests.alerting import exposed, names_in, page_expressions, panel_expressions, rule_tests, rules, selections_in
from tests.samples import configuration

TARGET: Final = {"job", "instance"}
"""Labels that Prometheus adds."""
PROMETHEUS: Final = {"up": TARGET, "ALERTS": {"alertname", "alertstate", "severity", "about", "desk"}}
CODES: Final[Mapping[str, Iterable[StrEnum]]] = {
    "lane": Lane,
    "outcome": Outcome,
    "reason": RejectReason,
    "disposition": Disposition,
}
LEVELS: Final = {"desk", "lane", "partner", "reason", "result", "disposition", "instance", "kind"}


def recorded() -> set[str]:
    return {rule.name for rule in rules() if not rule.alerting}


def labels_of(name: str) -> set[str]:
    """Those that a series of this name can have."""
    if name in recorded():
        level = set(name.split(":")[0].split("_"))
        return level | TARGET if "instance" in level else level
    return PROMETHEUS.get(name) or {*exposed()[name], *TARGET}


def test_names_are_found_in_an_expression() -> None:
    expression = 'sum by (desk) (rate(a_total{lane="x"}[5m] offset 1h)) > 2 * b:c:d # e\nand on (job) up or f_bucket'
    assert names_in(expression) == {"a_total", "b:c:d", "up", "f_bucket"}


def test_every_metric_that_a_rule_a_panel_or_a_page_names_exists_in_the_code() -> None:
    expressions = [*(rule.expression for rule in rules()), *panel_expressions(), *page_expressions()]
    named = {name for expression in expressions for name in names_in(expression)}
    assert named - exposed().keys() - recorded() - PROMETHEUS.keys() == set()


def test_every_metric_that_a_test_of_the_rules_feeds_exists_with_just_these_labels() -> None:
    for path, test in rule_tests():
        for series in (each["series"] for each in test["input_series"]):
            ((name, labels),) = selections_in(series)
            if name != "up":
                assert labels.keys() - TARGET == set(exposed()[name]), f"{path.name}: {series}"


def test_labels_and_codes_that_are_compared_exist() -> None:
    texts = [*(rule.expression for rule in rules()), *panel_expressions()]
    texts += [each["series"] for _, test in rule_tests() for each in test["input_series"]]
    desks = configuration().desks.by_id
    for name, labels in (pair for text in texts for pair in selections_in(text)):
        assert labels.keys() <= labels_of(name), name
        for label, value in labels.items():
            if label in CODES:
                assert set(value.split("|")) <= set(CODES[label]), f"{name}: {label}={value}"
            if label == "desk" and re.fullmatch(r"[\w-]+", value):
                assert value in desks, name


def test_a_recorded_name_says_its_level_its_metric_and_what_was_done() -> None:
    for name in recorded():
        level, metric, done = name.split(":")
        assert set(level.split("_")) <= LEVELS, name
        assert metric.startswith("referral_"), name
        assert done, name


def test_every_recorded_series_is_read() -> None:
    read = {name for rule in rules() for name in names_in(rule.expression)}
    read |= {name for expression in panel_expressions() for name in names_in(expression)}
    assert recorded() - read == set()


@pytest.mark.parametrize("name", ["referral_router_received", "referral_router_route_latency_seconds"])
def test_a_name_without_its_ending_is_no_series(name: str) -> None:
    assert name not in exposed()
