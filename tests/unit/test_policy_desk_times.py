"""The times in `deploy/desks.yaml`: a desk's own before the file's before those built in; each mistake at its line."""

from pathlib import Path

import pytest

from policy.configuration import load
from policy.desks import DEFAULT_TARGETS, Desk
from schemas.codes import Lane
from tests.unit.test_policy_configuration import (
    DEPLOY,
    MARK,
    assert_one_problem,
    copy_deploy,
    edit,
    problems_of,
)

DAY = 86_400
URGENT = "    urgent: 4h "
PRIORITY = "    priority: 7d "
ROUTINE = "    routine: 90d "
SILENT = "  silent_after: 7d\n"
KEEP = "  keep: 730d\n"
EVIDENCE = "  evidence: 180d\n"
AUSTRIA = "  at: {name: Austria}\n"
DURATION = "a whole number with s, m, h or d, from 1s to 3650d"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return copy_deploy(tmp_path) / "desks.yaml"


def without_defaults(path: Path) -> None:
    text = path.read_text("utf-8")
    start = text.index("\ndefaults:\n")
    path.write_text(text[:start] + text[text.index("\ndesks:\n") :], "utf-8")


def times(desk: Desk) -> tuple[dict[Lane, int], int, int, int]:
    return dict(desk.targets), desk.silent_after_seconds, desk.keep_seconds, desk.evidence_seconds


def austria(fields: str) -> str:
    return f"  at: {{name: Austria, {fields}}}\n"


@pytest.mark.parametrize(
    ("old", "new", "found", "expected"),
    [
        ("\ndefaults:\n", f"\n{MARK}default:\n", "unknown field `default` in the desk file", "`defaults`"),
        (SILENT, f"  {MARK}silent: 7d\n", "unknown field `silent` in `defaults`", "`silent_after`"),
        (SILENT, f"{SILENT}  {MARK}reporting: none\n", "unknown field `reporting` in `defaults`", "one of targets"),
        (SILENT, f"{SILENT}  {MARK}{SILENT.strip()}\n", "`silent_after` a second time", "has it already"),
        (SILENT, f"  silent_after: {MARK}7\n", "`7`", f"`silent_after`: {DURATION}"),
        (SILENT, f"  silent_after: {MARK}1w\n", "`1w`", DURATION),
        (SILENT, f"  silent_after: {MARK}1 d\n", "`1 d`", DURATION),
        (SILENT, f"  silent_after: {MARK}1.5h\n", "`1.5h`", DURATION),
        (SILENT, f"  silent_after: {MARK}0s\n", "`0s`", DURATION),
        (SILENT, f"  silent_after: {MARK}-7d\n", "`-7d`", DURATION),
        (SILENT, f"  silent_after: {MARK}P7D\n", "`P7D`", DURATION),
        (SILENT, f"  silent_after: {MARK}\u0667d\n", "`\u0667d`", DURATION),
        (SILENT, f"  silent_after: {MARK}never\n", "`never`", DURATION),
        (SILENT, f"  silent_after: {MARK}\n", "nothing", DURATION),
        (SILENT, f"  silent_after: {MARK}[7d]\n", "a list", DURATION),
        (SILENT, f"  silent_after: {MARK}{{urgent: 7d}}\n", "`key: value` entries", DURATION),
        (KEEP, f"  keep: {MARK}3651d\n", "`3651d`", DURATION),
        (KEEP, f"  keep: {MARK}87601h\n", "`87601h`", DURATION),
        (KEEP, f"  keep: {MARK}forever\n", "`forever`", f"`keep`: {DURATION}"),
        (EVIDENCE, f"  evidence: {MARK}180\n", "`180`", f"`evidence`: {DURATION}"),
        (URGENT, f"    urgent: {MARK}4 ", "`4`", f"the target of `urgent`: {DURATION}"),
        (URGENT, f"    {MARK}urgnt: 4h ", "unknown field `urgnt` in `targets` of `defaults`", "`urgent`"),
        (
            AUSTRIA,
            austria(f"targets: {MARK}4h"),
            "text",
            "`targets` of desk `at` with the fields urgent, priority, routine",
        ),
        (AUSTRIA, austria(f"targets: {{urgent: {MARK}soon}}"), "`soon`", f"the target of `urgent`: {DURATION}"),
        (AUSTRIA, austria(f"targets: {{{MARK}slow: 7d}}"), "unknown field `slow`", "one of urgent"),
        (AUSTRIA, austria(f"{MARK}silent-after: 7d"), "unknown field `silent-after`", "`silent_after`"),
        (AUSTRIA, austria(f"keep: {MARK}&a 7d"), "anchor", "without anchors"),
    ],
)
def test_a_mistake_is_told_at_its_line(path: Path, old: str, new: str, found: str, expected: str) -> None:
    assert_one_problem(path, old, new, found, expected)


@pytest.mark.parametrize(
    ("old", "new", "found", "expected"),
    [
        (
            AUSTRIA,
            austria(f"targets: {{urgent: 3d, priority: {MARK}2d}}"),
            "`priority` 2d, less than `urgent` 3d (line ",
            "3d or more: what is graver",
        ),
        (
            AUSTRIA,
            austria(f"targets: {{urgent: {MARK}8d}}"),
            "`urgent` 8d, more than `priority` 7d (line 14)",
            "7d or less: what is graver",
        ),
        (
            AUSTRIA,
            austria(f"targets: {{routine: {MARK}6d}}"),
            "`routine` 6d, less than `priority` 7d (line 14)",
            "7d or more: what is graver",
        ),
        (
            AUSTRIA,
            austria(f"keep: {MARK}90d"),
            "`keep` 90d, not more than `routine` 90d (line 15)",
            "more than 90d: nothing is erased before",
        ),
        (
            AUSTRIA,
            austria(f"targets: {{routine: {MARK}730d}}"),
            "`routine` 730d, not less than `keep` 730d (line 23)",
            "less than 730d: nothing is erased before",
        ),
        (
            AUSTRIA,
            austria(f"targets: {{routine: 9d}}, keep: {MARK}216h"),
            "`keep` 9d, not more than `routine` 9d (line ",
            "more than 9d",
        ),
        (KEEP, f"  keep: {MARK}7776000s\n", "`keep` 90d, not more than `routine` 90d (line 15)", "more than 90d"),
        (PRIORITY, f"    priority: {MARK}239m ", "`priority` 239m, less than `urgent` 4h (line 13)", "4h or more"),
    ],
)
def test_times_that_contradict_are_told_at_the_one_nearer_to_the_desk(
    path: Path, old: str, new: str, found: str, expected: str
) -> None:
    assert_one_problem(path, old, new, found, expected)


def test_a_contradiction_with_what_is_built_in_says_so(path: Path) -> None:
    without_defaults(path)
    assert_one_problem(path, AUSTRIA, austria(f"targets: {{urgent: {MARK}30d}}"), "7d (built in)", "7d or less")


def test_a_mistake_in_the_defaults_is_told_once_and_not_for_each_desk(path: Path) -> None:
    assert_one_problem(path, ROUTINE, f"    routine: {MARK}6d ", "`routine` 6d, less than `priority` 7d", "7d or more")


def test_a_time_of_the_file_that_contradicts_a_desks_own_is_told_at_the_desk(path: Path) -> None:
    edit(path, URGENT, "    urgent: 3d ")
    (problem,) = problems_of(path.parent)
    assert problem.found == "`priority` 2d, less than `urgent` 3d (line 13)"
    assert "nl-hosting" in path.read_text("utf-8").splitlines()[(problem.line or 0) - 1]


def test_a_time_that_cannot_be_read_is_held_against_nothing(path: Path) -> None:
    """Nor is the default taken in its place: 7d would be more than the routine of this desk."""
    line = edit(path, AUSTRIA, austria(f"targets: {{priority: {MARK}2w, routine: 3d}}"))
    (problem,) = problems_of(path.parent)
    assert (problem.line, problem.found) == (line, "`2w`")


def test_times_may_be_the_same_in_all_lanes(path: Path) -> None:
    edit(path, AUSTRIA, austria("targets: {urgent: 1d, priority: 24h, routine: 86400s}"))
    assert set(load(path.parent).desks.by_id["at"].targets.values()) == {DAY}


def test_a_file_without_times_has_those_built_in(path: Path) -> None:
    without_defaults(path)
    desks = load(path.parent).desks.by_id
    assert times(desks["at"]) == ({Lane.URGENT: 4 * 3600, Lane.PRIORITY: 7 * DAY, Lane.ROUTINE: 90 * DAY},
                                  7 * DAY, 730 * DAY, 180 * DAY)  # fmt: skip
    assert times(desks["at"]) == times(Desk("at", "Austria"))


def test_the_times_of_the_file_hold_for_a_desk_without_its_own(path: Path) -> None:
    edit(path, PRIORITY, "    priority: 5d ")
    edit(path, SILENT, "  silent_after: 36h\n")
    edit(path, KEEP, "  keep: 1000d\n")
    edit(path, EVIDENCE, "  evidence: 30d\n")
    assert times(load(path.parent).desks.by_id["at"]) == (
        {**DEFAULT_TARGETS, Lane.PRIORITY: 5 * DAY},
        36 * 3600,
        1000 * DAY,
        30 * DAY,
    )


def test_what_a_desk_leaves_out_is_as_in_the_file_field_by_field_and_lane_by_lane(path: Path) -> None:
    edit(path, URGENT, "    urgent: 3h ")
    edit(path, AUSTRIA, austria("targets: {priority: 2d}, evidence: 90s"))
    assert times(load(path.parent).desks.by_id["at"]) == (
        {Lane.URGENT: 3 * 3600, Lane.PRIORITY: 2 * DAY, Lane.ROUTINE: 90 * DAY},
        7 * DAY,
        730 * DAY,
        90,
    )
    assert times(load(path.parent).desks.by_id["be"])[0][Lane.PRIORITY] == 7 * DAY


def test_a_target_that_the_file_leaves_out_is_the_one_built_in(path: Path) -> None:
    edit(path, URGENT, "    #")
    edit(path, PRIORITY, "    priority: 8d ")
    assert load(path.parent).desks.by_id["at"].targets[Lane.URGENT] == DEFAULT_TARGETS[Lane.URGENT]
    assert load(path.parent).desks.by_id["at"].targets[Lane.PRIORITY] == 8 * DAY


def test_what_is_deployed_has_desks_with_times_of_their_own() -> None:
    desks = load(DEPLOY).desks.by_id
    usual = times(desks["at"])
    assert times(desks["zz"])[0][Lane.URGENT] < usual[0][Lane.URGENT]
    assert times(desks["nl"]) != usual
    assert {times(desk)[2] for desk in desks.values()} == {usual[2]}


def test_a_desk_can_be_a_key_and_its_targets_cannot_be_changed() -> None:
    desk = load(DEPLOY).desks.by_id["nl"]
    assert {desk: 1}[desk] == 1
    with pytest.raises(TypeError):
        desk.targets[Lane.URGENT] = 1  # type: ignore[index]
