"""The dashboards are such as Grafana provisions: complete, explained, and asking nothing outside."""

import re
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.alerting import DASHBOARDS, DEPLOY, dashboards, panels

PROVISIONING: Final = DEPLOY / "grafana" / "provisioning"
DATASOURCE: Final = {"type": "prometheus", "uid": "prometheus"}


@pytest.fixture(params=["operator.json", "desk.json"])
def dashboard(request: pytest.FixtureRequest) -> Any:
    return dashboards()[request.param]


def test_there_is_one_for_the_operator_and_one_for_a_desk() -> None:
    found = dashboards()
    assert found.keys() == {"operator.json", "desk.json"}
    assert len({dashboard["uid"] for dashboard in found.values()}) == 2
    assert [variable["name"] for variable in found["desk.json"]["templating"]["list"]] == ["desk"]


def test_every_panel_says_what_it_shows_and_asks_our_prometheus(dashboard: Any) -> None:
    for panel in panels(dashboard):
        assert panel["title"], panel["id"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["targets"], panel["title"]
        assert [panel["datasource"], *(t["datasource"] for t in panel["targets"])] == [DATASOURCE] * (
            1 + len(panel["targets"])
        )


def test_panels_have_ids_of_their_own_and_do_not_overlap(dashboard: Any) -> None:
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in dashboard["panels"]):
        columns = range(place["x"], place["x"] + place["w"])
        assert columns.stop <= 24
        cells = set(product(columns, range(place["y"], place["y"] + place["h"])))
        assert not taken & cells
        taken |= cells


def test_every_panel_of_the_desks_board_is_about_the_chosen_desk_unless_it_says_all() -> None:
    for panel in panels(dashboards()["desk.json"]):
        about_all = panel["title"] in ("Time to look and to close", "Age of the evidence")
        assert all(("$desk" in target["expr"]) is not about_all for target in panel["targets"]), panel["title"]


@pytest.mark.parametrize("path", sorted(DASHBOARDS.glob("*.json")), ids=lambda path: path.stem)
def test_no_dashboard_leads_out_of_the_house(path: Path) -> None:
    assert not re.search(r"https?://", path.read_text("utf-8"))


def test_what_is_provisioned_is_what_the_dashboards_ask() -> None:
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert {key: source[key] for key in DATASOURCE} == DATASOURCE
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "referrals.yml").read_text())["providers"]
    assert (provider["type"], provider["options"]) == ("file", {"path": "/etc/grafana/dashboards"})
