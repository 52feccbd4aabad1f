"""A running Alertmanager with the project's configuration: which alerts hold back which."""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any, Final

import pytest

from services.runtime.child import Child
from services.runtime.ports import LOOPBACK, free_ports
from tests.alerting import DEPLOY, Rule, alerts

PROGRAM: Final = shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")
PATIENCE_S: Final = 60.0

pytestmark = pytest.mark.skipif(
    PROGRAM is None,
    reason="alertmanager is not installed: it shows which alerts hold back which; "
    "install it (Debian: apt-get install prometheus-alertmanager)",
)


class Alertmanager:
    """Its API, on a port of its own."""

    def __init__(self, port: int) -> None:
        self._api = f"http://{LOOPBACK}:{port}/api/v2/alerts"

    def ready(self) -> bool:
        try:
            self.held_back()
        except OSError:
            return False
        return True

    def fire(self, *fired: dict[str, str]) -> None:
        body = json.dumps([{"labels": labels} for labels in fired]).encode()
        request = urllib.request.Request(self._api, body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=10).close()

    def held_back(self) -> dict[tuple[str, str], bool]:
        """(alert, desk or partner) → whether another alert holds it back."""
        with urllib.request.urlopen(self._api, timeout=10) as answer:
            found: list[Any] = json.load(answer)
        return {
            (each["labels"]["alertname"], each["labels"].get("desk") or each["labels"].get("partner", "")): bool(
                each["status"]["inhibitedBy"]
            )
            for each in found
        }


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Alertmanager]:
    assert PROGRAM is not None
    (port,) = free_ports(1)
    words = [
        f"--config.file={DEPLOY / 'alertmanager' / 'alertmanager.yml'}",
        f"--storage.path={tmp_path}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--cluster.listen-address=",
    ]
    child = Child([PROGRAM, *words], output=subprocess.DEVNULL)
    try:
        running = Alertmanager(port)
        until(running.ready)
        yield running
    finally:
        child.kill()


def until(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + PATIENCE_S
    while not condition():
        assert monotonic() < deadline, f"not within {PATIENCE_S:g} s"


def of(alert: str, **labels: str) -> dict[str, str]:
    """The labels with which this alert fires."""
    (rule,) = [rule for rule in alerts() if rule.name == alert]
    return {"alertname": alert, **rule.labels, **labels}


def of_desks() -> list[Rule]:
    return [alert for alert in alerts() if alert.labels["about"] in ("backlog", "status")]


def test_a_silent_desk_holds_back_what_its_backlog_says_and_no_other_desks(alertmanager: Alertmanager) -> None:
    fired = [of(alert.name, desk=desk) for alert in of_desks() for desk in ("nl", "be")]
    # These two hold something back themselves.
    fired = [each for each in fired if each["alertname"] not in ("DeskSilent", "BacklogGrowing")]
    alertmanager.fire(*fired, of("DeskSilent", desk="nl"), of("ConservationBroken", desk="nl"))
    until(lambda: alertmanager.held_back().get(("UrgentWaiting", "nl"), False))
    held = alertmanager.held_back()
    assert {alert for alert, desk in held if held[alert, desk] and desk == "be"} == set()
    assert {alert for alert, desk in held if not held[alert, desk] and desk == "nl"} == {
        "DeskSilent",
        "StatusUnread",
        "ConservationBroken",
    }


def test_a_cause_holds_back_what_follows_from_it(alertmanager: Alertmanager) -> None:
    alertmanager.fire(
        of("RouterStalled"),
        of("PartitionStuck", partner="ncmec", partition="0"),
        of("RejectedShareHigh", partner="ncmec"),
        of("QuarantineSpike", partner="ncmec", reason="invalid_json"),
        of("QuarantineSpike", partner="inhope-nl", reason="invalid_json"),
        of("BacklogGrowing", desk="nl"),
        of("BacklogNeverDrains", desk="nl"),
        of("BacklogNeverDrains", desk="be"),
    )
    expected = {("PartitionStuck", "ncmec"), ("QuarantineSpike", "ncmec"), ("BacklogNeverDrains", "nl")}
    until(lambda: {alert for alert, held in alertmanager.held_back().items() if held} >= expected)
    held = alertmanager.held_back()
    assert len(held) == 8
    assert {alert for alert in held if held[alert]} == expected
