"""`referrals run` with simulated desks: within a minute or two each shows for what it is. One run for all of it."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.countries import ASSIGNED, UNKNOWN
from tests.integration.run_process import Run, environment, running
from tests.samples import DEPLOY

COUNTRIES = {"nl": ("NL", "ID"), "de": ("DE", "TR"), "fr": ("FR", "SA"), "it": ("IT", "DZ"), "us": ("US",),
             "gb": ("GB",), "in": ("IN",), "pk": ("PK",), "bd": ("BD",), "ph": ("PH",)}  # fmt: skip
"""Few desks and much for each: the shares of the world give some of them little in a minute."""
OTHERS = "liaison-europe"
PATIENCE_S = 300.0
"""On a busy machine the ledger takes several seconds for what it else takes in one."""


def configure(directory: Path, webhooks: str) -> Path:
    """Few desks, and over them the pace of the demonstration as it is. `webhooks`: where their ends listen."""
    for name in ("base", "pace"):
        (directory / name).mkdir()
    countries = dict.fromkeys(sorted(ASSIGNED - {UNKNOWN}), OTHERS)
    countries |= {code: desk for desk, codes in COUNTRIES.items() for code in codes}
    desks: dict[str, Any] = {name: {"name": name} for name in (*COUNTRIES, OTHERS)}
    desks |= {"zz": {"name": "none", "owner": "operator"}, "nl-oost": {"name": "region", "forwarded_by": "nl"}}
    (directory / "base" / "desks.yaml").write_text(yaml.safe_dump({"desks": desks, "countries": countries}))
    for name in ("partners.yaml", "triage.yaml"):
        (directory / "base" / name).write_bytes((DEPLOY / name).read_bytes())
    pace = (DEPLOY / "demo" / "pace.yaml").read_text()
    for there, here in (("like: ..", "like: ../base"), (":9467/", f":{webhooks}/"), ("../../var/", "../var/")):
        assert there in pace
        pace = pace.replace(there, here)
    (directory / "pace" / "pace.yaml").write_text(pace)
    return directory / "pace"


@dataclass
class Seen:
    """A run and what its ledger and its notifier said of it, newest last."""

    run: Run
    port: int
    notifier: int
    facts: set[str] = field(default_factory=set)

    def get(self, path: str, port: int | None = None) -> str | None:
        connection = HTTPConnection("127.0.0.1", port or self.port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            content = answer.read().decode()
            return content if answer.status == 200 else None
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()

    def look(self, wanted: set[str]) -> bool:
        """Note what is true now; True once everything that is wanted was true at some moment."""
        text = self.get("/api/backlog")
        if text is not None:
            document = json.loads(text)
            self.facts |= facts({desk["desk"]: desk for desk in document["desks"]})
            if document["in_doubt"]:  # None while it is behind
                self.facts.add("something is in doubt")
        if (told := self.get("/api/notices", self.notifier)) is not None:
            self.facts |= ladders(json.loads(told))
        return wanted <= self.facts

    def command(self, *words: str) -> str:
        """What a command of the notifier's says on stdout; it found nothing wrong, or said so (1)."""
        program = [sys.executable, "-m", "services.console", *words, "--url", f"http://127.0.0.1:{self.notifier}"]
        done = subprocess.run(program, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    def metric(self, name: str, desk: str) -> float:
        """Over all other labels."""
        found = re.findall(rf'^{name}\{{[^}}]*desk="{desk}"[^}}]*\}} (\S+)$', self.get("/metrics") or "", re.MULTILINE)
        return sum(map(float, found))


WANTED = {
    "nl keeps up",
    "nl forwards to its region",
    "de falls behind",
    "fr is silent",
    "it closes without a look",
    "us leaves the bulk",
    "us works the grave",
    "zz flushes 700",
    "gb has got 700",
    "in is unknown",
    "fr's silence is at the first step",
    "fr's silence is at the last step",
    "fr's ladder is gone through",
    "nl is told of something that ends",
}


def facts(desks: dict[str, Any]) -> set[str]:
    """What the document says of each."""

    def total(desk: str, name: str) -> int:
        return sum(lane[name] or 0 for lane in desks[desk]["lanes"])

    def gets_to(desk: str, lane: str | None = None) -> bool:
        """Most of what came is looked at: on a slow machine the ledger's clock runs on while it reads."""
        held = [one for one in desks[desk]["lanes"] if lane in (None, one["lane"])]
        arrived, looked = (sum(one[name] for one in held) for name in ("arrived", "looked"))
        return bool(arrived) and looked > 0.5 * arrived

    us = {lane["lane"]: lane for lane in desks["us"]["lanes"]}
    nl, it, unknown = desks["nl"], desks["it"], desks["in"]
    found = {
        "nl keeps up": total("nl", "looked") > 100 and gets_to("nl") and "silent" not in nl["signs"],
        "nl forwards to its region": nl["forwarded"] > 0 and total("nl-oost", "arrived") > 0,
        "de falls behind": total("de", "looked") > 0 and total("de", "overdue") > total("de", "looked"),
        "fr is silent": "silent" in desks["fr"]["signs"] and desks["fr"]["last_status_at"] is None,
        "it closes without a look": it["closed_unlooked"] > 20 and not total("it", "looked"),
        "us leaves the bulk": us["routine"]["overdue"] > 0 and us["routine"]["shelved"] > 0,
        "us works the grave": gets_to("us", "priority"),
        "zz flushes 700": desks["zz"]["forwarded"] >= 700,
        "gb has got 700": total("gb", "arrived") >= 700,
        "in is unknown": total("in", "unreported") > 0 and unknown["lanes"][0]["waiting"] is None,
    }
    return {fact for fact, true in found.items() if true}


def ladders(document: dict[str, Any]) -> set[str]:
    """What the notifier says of who was told and has not answered."""
    groups = {group["group"]: group for group in document["groups"]}
    nl = {channel["channel"]: channel for channel in document["channels"] if channel["desk"] == "nl"}
    silence = groups.get("fr/all/desk_silent", {"steps": 0, "of": 3, "exhausted": False})
    found = {
        "fr's silence is at the first step": silence["steps"] >= 1,
        "fr's silence is at the last step": silence["steps"] >= silence["of"] == 3,
        "fr's ladder is gone through": silence["exhausted"],
        "nl is told of something that ends": nl["duty"]["delivered"] > 0 and not nl["duty"]["disabled"],
    }
    return {fact for fact, true in found.items() if true}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """A run until everything that is wanted was seen; it goes on while the tests ask."""
    directory = tmp_path_factory.mktemp("desks")
    env = environment(directory, RATE="300")
    env["REFERRAL_CONFIG_DIR"] = str(configure(directory, env["REFERRAL_SINK_WEBHOOK_PORT"]))
    with running(directory, env) as run:
        run.until_routing()
        found = Seen(run, int(env["REFERRAL_LEDGER_PORT"]), int(env["REFERRAL_NOTIFIER_PORT"]))
        try:
            run.until(lambda: found.look(WANTED), PATIENCE_S)
        except AssertionError as error:
            raise AssertionError(f"never seen: {sorted(WANTED - found.facts)}") from error
        yield found


def test_each_desk_shows_for_what_it_is(seen: Seen) -> None:
    assert seen.facts == WANTED


def test_the_metrics_say_the_same(seen: Seen) -> None:
    assert seen.metric("referral_closed_unlooked_total", "it") > 20
    assert seen.metric("referral_looked_total", "it") == 0
    assert seen.metric("referral_desk_last_status_timestamp_seconds", "fr") == 0
    assert seen.metric("referral_entries_overdue", "de") > 0
    assert seen.metric("referral_forwarded_total", "zz") % 700 == 0
    assert seen.metric("referral_entries_unreported", "in") > 0
    assert "referral_entries_waiting" in (seen.get("/metrics") or "")
    assert seen.metric("referral_entries_waiting", "in") == 0


def test_the_notifiers_page_and_command_show_the_ladder_and_an_answer_takes_it_off(seen: Seen) -> None:
    assert "Ladder gone through" in (seen.get("/", seen.notifier) or "")
    (line,) = [line for line in seen.command("notices").splitlines() if line.startswith("fr/all/desk_silent")]
    assert "gone through" in line
    assert "duty, mail, supervisor" in line
    assert "supervision" not in line
    assert "fr/all/desk_silent" in seen.command("acknowledge", "fr/all/desk_silent")
    assert '"state": "delivered"' in seen.command("notify", "--test", "nl", "--json")


def test_what_desks_forwarded_adds_up_at_the_end_too(seen: Seen) -> None:
    assert seen.run.end(signal.SIGINT) == 0
    assert "It adds up" in seen.run.out
    assert "not all of it" not in seen.run.out
    tally = seen.run.tally()
    assert tally["adds_up"]
    assert (tally["waiting"], tally["unchecked"]) == (0, 0)
    assert re.search(r"silent [0-9]+ \(.*fr", seen.run.out)


def test_the_run_says_each_step_as_it_is_taken_and_at_the_end_what_was_told(seen: Seen) -> None:
    """After the end: nothing is asked for here."""
    out = seen.run.out
    steps = [out.index(f"fr says nothing: step {step} of 3") for step in (1, 2, 3)]
    assert steps == sorted(steps)
    assert out.count("fr says nothing: step 3 of 3") == 1
    told = re.search(
        r"Told: ([0-9,]+) messages delivered, 0 not yet; ([0-9,]+) webhooks \(\2 verified\), ([0-9,]+) mails", out
    )
    assert told is not None
    taken, webhooks, mails = (int(number.replace(",", "")) for number in told.groups())
    assert min(taken, webhooks, mails) > 0  # what arrived may be more: a message whose answer was late comes again
    assert re.search(r"^Unanswered: fr, .* step [123] of 3", out, re.MULTILINE)
    assert re.search(
        r"^Unanswered: [0-9]+ groups more; the whole ladder was gone through for [1-9][0-9]* of them", out, re.MULTILINE
    )
    assert (seen.run.directory / "var" / "demo.keys").stat().st_mode & 0o777 == 0o600
