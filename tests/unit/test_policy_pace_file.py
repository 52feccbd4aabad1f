"""`pace.yaml`: the same desks at other times; each way to get it wrong is refused at its line."""

from dataclasses import replace
from pathlib import Path

import pytest

from policy.configuration import load
from policy.desks import Desk, Reporting
from schemas.codes import Lane
from tests.unit.test_policy_configuration import (
    DEPLOY,
    MARK,
    assert_one_problem,
    copy_deploy,
    edit,
    problems_of,
)

DEMO = DEPLOY / "demo"
MINUTE = 60
PLAIN = """like: ..
defaults:
  targets: {urgent: 5s, priority: 15s, routine: 45s}
  keep: 30m
desks:
  at: {silent_after: 10s}
"""
AUSTRIA = "  at: {silent_after: 10s}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A directory with nothing but a pace file, inside one with the three files."""
    copy_deploy(tmp_path)
    (tmp_path / "demo").mkdir()
    pace = tmp_path / "demo" / "pace.yaml"
    pace.write_text(PLAIN)
    return pace


def who_and_where(desk: Desk) -> Desk:
    """Without what a pace file may change."""
    bare = Desk("", "")
    return replace(
        desk,
        reporting=Reporting.STATUS,
        targets=bare.targets,
        silent_after_seconds=bare.silent_after_seconds,
        keep_seconds=bare.keep_seconds,
        evidence_seconds=bare.evidence_seconds,
        notify=bare.notify,
    )


def test_the_demonstration_has_the_desks_partners_and_triage_that_are_deployed() -> None:
    deployed, demo = load(DEPLOY), load(DEMO)
    assert (demo.partners, demo.triage) == (deployed.partners, deployed.triage)
    assert list(map(who_and_where, demo.desks.desks)) == list(map(who_and_where, deployed.desks.desks))


def test_the_demonstration_shows_everything_within_a_minute() -> None:
    for desk in load(DEMO).desks.desks:
        assert max(desk.targets.values()) < MINUTE, desk.id
        assert desk.silent_after_seconds <= 3 * MINUTE, desk.id
        assert desk.keep_seconds > 10 * MINUTE, desk.id


def test_the_desk_that_says_nothing_is_silent_within_a_minute_and_small_ones_are_not() -> None:
    """A small desk gets something once in a minute: it has nothing to say until then, and is not silent for that."""
    desks = load(DEMO).desks.by_id
    assert desks["fr"].silent_after_seconds < MINUTE
    assert desks["at"].silent_after_seconds > 2 * MINUTE


def test_the_demonstration_has_desks_that_do_not_report() -> None:
    silent = {desk.id for desk in load(DEMO).desks.desks if desk.reporting is Reporting.NONE}
    assert silent == {"in", "pk", "bd", "ph"}


def test_what_the_pace_file_says_counts_before_what_a_desk_says_of_itself(path: Path) -> None:
    """Else a desk with times of its own would keep them, and a demonstration of it would take hours."""
    desks = load(path.parent).desks.by_id
    assert load(path.parent.parent).desks.by_id["nl"].targets[Lane.URGENT] == 2 * 3600
    assert desks["nl"].targets == {Lane.URGENT: 5, Lane.PRIORITY: 15, Lane.ROUTINE: 45}
    assert desks["nl"].silent_after_seconds == 3 * 86_400


def test_a_desk_of_the_pace_file_counts_before_its_defaults(path: Path) -> None:
    edit(path, AUSTRIA, "  at: {targets: {priority: 20s}, reporting: none}\n")
    desk = load(path.parent).desks.by_id["at"]
    assert desk.targets == {Lane.URGENT: 5, Lane.PRIORITY: 20, Lane.ROUTINE: 45}
    assert desk.reporting is Reporting.NONE


def test_a_desk_that_does_not_report_can_be_made_to(path: Path) -> None:
    edit(path.parent.parent / "desks.yaml", "  at: {name: Austria}", "  at: {name: Austria, reporting: none}")
    edit(path, AUSTRIA, "  at: {reporting: status}\n")
    assert load(path.parent).desks.by_id["at"].reporting is Reporting.STATUS


def test_a_desk_that_does_not_report_still_does_not_where_nothing_is_said_of_it(path: Path) -> None:
    for desk in ("at: {name: Austria", "be: {name: Belgium"):
        edit(path.parent.parent / "desks.yaml", f"  {desk}}}", f"  {desk}, reporting: none}}")
    desks = load(path.parent).desks.by_id
    assert {desks["at"].reporting, desks["be"].reporting} == {Reporting.NONE}


def test_a_pace_file_that_changes_nothing_is_the_other_directory(path: Path) -> None:
    path.write_text("like: ..\n")
    assert load(path.parent) == load(path.parent.parent)


@pytest.mark.parametrize(
    ("old", "new", "found", "expected"),
    [
        ("like: ..\n", f"like: {MARK}\n", "nothing", "`like`: the directory that has the desks"),
        ("like: ..\n", f"like: {MARK}[..]\n", "a list", "`like`"),
        ("like: ..\n", f"like: {MARK}../nowhere\n", "`../nowhere`, which is no directory", "the directory"),
        ("like: ..\n", f"like: {MARK}../desks.yaml\n", "`../desks.yaml`, which is no directory", "the directory"),
        ("like: ..\n", f"like: {MARK}{'x' * 300}\n", "which is no directory", "the directory"),
        ("like: ..\n", f"like: {MARK}.\n", "`.`, which has a `pace.yaml` itself", "the directory"),
        ("like: ..\ndefaults", f"{MARK}defaults", "the pace file without `like`", "a line `like: …`"),
        ("desks:\n", f"{MARK}desk:\n", "unknown field `desk` in the pace file", "`desks`"),
        (
            "desks:\n",
            f"{MARK}countries: {{AT: be}}\ndesks:\n",
            "unknown field `countries`",
            "like, defaults, operator, desks",
        ),
        ("  keep: 30m\n", f"  keep: {MARK}30\n", "`30`", "`keep`: a whole number with s, m, h or d"),
        ("  keep: 30m\n", f"  {MARK}reporting: none\n", "unknown field `reporting` in `defaults`", "one of targets"),
        ("  keep: 30m\n", f"  keep: {MARK}&a 30m\n", "anchor", "without anchors"),
        (AUSTRIA, f"  {MARK}nl-ost: {{keep: 10m}}\n", "the unknown desk `nl-ost`", "desks.yaml: `nl-oost`"),
        (AUSTRIA, f"{AUSTRIA}  {MARK}at: {{}}\n", "`at` a second time", "has it already"),
        (AUSTRIA, f"  at: {{{MARK}name: A}}\n", "unknown field `name` in desk `at`", "one of reporting"),
        (AUSTRIA, f"  at: {{reporting: {MARK}nnone}}\n", "unknown code `nnone`", "`none`"),
        (AUSTRIA, f"  at: {{silent_after: {MARK}10}}\n", "`10`", "`silent_after`: a whole number"),
        (AUSTRIA, f"  at: {{targets: {{urgent: {MARK}16s}}}}\n", "more than `priority` 15s (line 3)", "15s or less"),
        (AUSTRIA, f"  at: {{keep: {MARK}45s}}\n", "not more than `routine` 45s (line 3)", "more than 45s"),
    ],
)
def test_a_mistake_is_told_at_its_line(path: Path, old: str, new: str, found: str, expected: str) -> None:
    assert_one_problem(path, old, new, found, expected)


def test_a_contradiction_with_the_other_file_names_the_desk_and_the_file_and_is_told_once(path: Path) -> None:
    path.write_text("like: ..\ndefaults:\n  targets: {urgent: 14d}\n")
    (problem,) = problems_of(path.parent)
    file = path.parent / ".." / "desks.yaml"
    assert (problem.file, problem.line) == (str(path), 3)
    assert problem.found == f"`urgent` 14d, more than `priority` 2d (desk `zz` in {file})"


def test_a_pace_file_beside_the_files_it_stands_for_is_refused(path: Path) -> None:
    """A times file that has strayed into the directory of real desks must not change what is late there."""
    copy_deploy(path.parent)
    found = [problem.found for problem in problems_of(path.parent)]
    assert found == [f"`{name}.yaml` beside it" for name in ("desks", "partners", "triage")]


def test_mistakes_of_the_other_directory_and_of_the_pace_file_are_told_at_once(path: Path) -> None:
    home = path.parent / ".."
    unknown = edit(home / "desks.yaml", "  AX: fi ", f"  AX: {MARK}fii ")
    lane = edit(
        home / "triage.yaml", "lane: routine\n\n  - name: informational_only", f"lane: {MARK}slow\n\n  - name: inf"
    )
    keep = edit(path, "  keep: 30m\n", f"  keep: {MARK}half an hour\n")
    found = [(problem.file, problem.line) for problem in problems_of(path.parent)]
    assert found == [
        (str(home / "desks.yaml"), unknown),
        (str(home / "triage.yaml"), lane),
        (str(path), keep),
    ]


def test_a_directory_that_has_no_files_is_told_file_by_file(path: Path) -> None:
    (path.parent / "empty").mkdir()
    edit(path, "like: ..\n", "like: empty\n")
    assert [problem.found for problem in problems_of(path.parent)] == ["no such file"] * 3


def test_a_pace_file_that_cannot_be_read_is_not_taken_for_none(path: Path) -> None:
    path.unlink()
    path.symlink_to("gone.yaml")
    (problem,) = problems_of(path.parent)
    assert (problem.file, problem.found) == (str(path), "no such file")


@pytest.mark.parametrize("text", ["", "- a\n", "just text\n", "like: ..\n\tdesks: {}\n", "like: \x07\n"])
def test_a_file_of_the_wrong_shape_is_one_problem(path: Path, text: str) -> None:
    path.write_text(text)
    (problem,) = problems_of(path.parent)
    assert problem.file == str(path)
