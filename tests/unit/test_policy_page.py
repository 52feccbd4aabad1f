"""`docs/policy.md` says what the code does."""

import re
from pathlib import Path

import pytest

from policy.configuration import load
from policy.desk_file import NAME as DESKS
from policy.desk_times import times_of
from policy.desks import DEFAULT_TARGETS, Desk
from policy.durations import write_duration
from policy.facets import CODES, Facet
from policy.topics import payload_gone_after, topic_plan
from policy.triage_file import read_triage
from schemas.codes import Lane
from tests.unit.test_policy_configuration import DEPLOY, copy_deploy, edit, problems_of

PAGE = (DEPLOY.parent / "docs" / "policy.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def without_lines(text: str) -> str:
    """Line numbers move with every edit of `deploy/`; the rest is the page's to keep right."""
    return re.sub(r"(?<=\.yaml):\d+", "", text)


def test_the_mistakes_it_shows_are_what_an_operator_sees(tmp_path: Path) -> None:
    directory = copy_deploy(tmp_path)
    edit(directory / "desks.yaml", "  AX: fi ", "  AX: fii ")
    edit(directory / "partners.yaml", "ingress_partitions: 4", "ingress_partitions: 0")
    edit(directory / "triage.yaml", "recent_abuse}", "recent_abus}")
    shown = [str(problem).replace(str(directory), "deploy") for problem in problems_of(directory)]
    (page,) = blocks("text")
    assert without_lines(page) == without_lines("\n".join(shown) + "\n")


def test_its_triage_file_is_one(tmp_path: Path) -> None:
    (shown,) = (block for block in blocks("yaml") if block.startswith("version:"))
    (tmp_path / "triage.yaml").write_text(shown)
    policy, problems = read_triage(tmp_path / "triage.yaml")
    assert problems == []
    assert [rule.name for rule in policy.rules] == ["repeat_with_access", "by_default"]


def test_a_desk_added_as_it_shows_gets_its_country(tmp_path: Path) -> None:
    directory = copy_deploy(tmp_path)
    assert "desks:\n  lu: {name: Luxembourg}\ncountries:\n  LU: lu\n" in blocks("yaml")
    edit(directory / DESKS, "\ndesks:\n", "\ndesks:\n  lu: {name: Luxembourg}\n")
    edit(directory / DESKS, "  LU: liaison-europe  # Luxembourg\n", "  LU: lu\n")
    assert {desk for desk, _ in load(directory).desks.by_id["lu"].takes} == {"LU"}


def test_the_times_it_shows_are_those_of_a_file(tmp_path: Path) -> None:
    directory = copy_deploy(tmp_path)
    (shown,) = (block for block in blocks("yaml") if block.startswith("defaults:"))
    defaults, desk = shown.split("desks:\n")
    text = (directory / DESKS).read_text("utf-8")
    start = text.index("\ndefaults:\n")
    text = text[:start] + "\n" + defaults + text[text.index("\ndesks:\n") :]
    (directory / DESKS).write_text(text.replace("  at: {name: Austria}\n", desk), "utf-8")
    austria = load(directory).desks.by_id["at"]
    assert (austria.targets, austria.silent_after_seconds) == ({**DEFAULT_TARGETS, Lane.URGENT: 7200}, 3 * 86_400)


def test_the_pace_file_it_shows_is_one(tmp_path: Path) -> None:
    directory = copy_deploy(tmp_path) / "demo"
    directory.mkdir()
    (shown,) = (block for block in blocks("yaml") if block.startswith("like:"))
    (directory / "pace.yaml").write_text(shown)
    austria = load(directory).desks.by_id["at"]
    assert (austria.targets[Lane.ROUTINE], austria.silent_after_seconds, austria.reporting) == (45, 10, "none")


def test_it_states_the_times_that_are_built_in() -> None:
    rows = re.findall(r"^\| `(targets|silent_after|keep|evidence)` \| (`.*?`) \|", PAGE, re.MULTILINE)
    stated = {name: re.findall(r"`([^`]+)`", cell) for name, cell in rows}
    built_in = {name: write_duration(seconds) for name, seconds in times_of(Desk("at", "Austria")).items()}
    lanes = [f"{lane}: {built_in.pop(lane)}" for lane in Lane]
    assert stated == {"targets": lanes, **{name: [duration] for name, duration in built_in.items()}}


@pytest.mark.parametrize("facet", Facet)
def test_it_lists_everything_a_rule_can_ask_about(facet: Facet) -> None:
    assert f"\n| `{facet}` |" in PAGE


def test_it_lists_the_codes_of_material() -> None:
    (row,) = re.findall(r"^\| `material` \| (.*) \|$", PAGE, re.MULTILINE)
    assert set(re.findall(r"none|all_known|some_new", row)) == set(CODES[Facet.MATERIAL])


def test_it_states_when_a_rejected_payload_is_gone() -> None:
    plan = {spec.name: spec for spec in topic_plan(load(DEPLOY))}
    stated = re.findall(r"\*\*(\d+ days?, [\d:]+)\*\*", PAGE)
    assert stated == [
        str(payload_gone_after(plan["referral.ingress.ncmec.v1"])),
        str(payload_gone_after(plan["referral.ingress.ncmec.test.v1"])),
    ]


def test_the_notify_it_shows_is_one(tmp_path: Path) -> None:
    directory = copy_deploy(tmp_path)
    (shown,) = (block for block in blocks("yaml") if block.startswith("operator:"))
    operator, desk = shown.split("desks:\n")
    edit(directory / DESKS, "\ndesks:\n", f"\n{operator}desks:\n")
    edit(directory / DESKS, "  at: {name: Austria}\n", desk)
    table = load(directory).desks
    assert table.by_id["at"].notify.repeat_seconds == 4 * 3600
    assert table.operator.channels.keys() == {"mail"}
    assert Desk("", "").notify.repeat_seconds == 24 * 3600
