"""The three files together: what is in `deploy/` loads, and whatever is wrong is told all at once, with its line."""

import shutil
from pathlib import Path

import pytest

from policy.configuration import ConfigurationError, Problem, load
from policy.problems import one_of, quote
from schemas.codes import Role
from schemas.countries import ASSIGNED

DEPLOY = Path(__file__).parents[2] / "deploy"
MARK = "¶"
"""Stands in an edit where the problem is expected; it is taken out before the file is read."""


def copy_deploy(directory: Path) -> Path:
    for name in ("desks", "partners", "triage"):
        shutil.copyfile(DEPLOY / f"{name}.yaml", directory / f"{name}.yaml")
    return directory


def edit(path: Path, old: str, new: str) -> int | None:
    """Replace a text that is in the file once; the line of the mark in the new text."""
    text = path.read_text("utf-8")
    assert text.count(old) == 1, old
    text = text.replace(old, new)
    line = text[: text.index(MARK)].count("\n") + 1 if MARK in text else None
    path.write_text(text.replace(MARK, ""), "utf-8")
    return line


def problems_of(directory: Path) -> tuple[Problem, ...]:
    with pytest.raises(ConfigurationError) as raised:
        load(directory)
    assert str(raised.value) == "\n".join(str(problem) for problem in raised.value.problems)
    return raised.value.problems


def assert_one_problem(path: Path, old: str, new: str, found: str, expected: str) -> None:
    line = edit(path, old, new)
    (problem,) = problems_of(path.parent)
    assert (problem.file, problem.line) == (str(path), line)
    assert found in problem.found
    assert expected in problem.expected


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return copy_deploy(tmp_path)


def test_what_is_deployed_loads() -> None:
    configuration = load(DEPLOY)
    assert 140 <= len(configuration.desks.desks) <= 143
    assert [(p.id, p.ingress_partitions) for p in configuration.partners.partners] == [
        ("ncmec", 4),
        ("inhope-nl", 1),
    ]
    assert configuration.triage.version == "2026-11-01"


def test_what_is_deployed_has_the_cases_the_design_names() -> None:
    desks = load(DEPLOY).desks
    assert desks.desk_for("NL", Role.HOSTING) == "nl-hosting"
    assert {desks.desk_for("NL", role) for role in Role if role is not Role.HOSTING} == {"nl"}
    assert desks.by_id["nl-oost"].forwarded_by == "nl"
    assert not desks.by_id["nl-oost"].takes
    assert desks.by_id["zz"].owner
    assert {desks.desk_for(country, Role.UPLOAD) for country in ("GG", "JE", "IM")} == {"gb"}
    assert desks.desk_for("PR", Role.VICTIM) == "pr"
    assert all(desks.desk_for("ZZ", role) is None for role in Role)


def test_only_the_unknown_country_has_no_desk() -> None:
    desks = load(DEPLOY).desks
    nowhere = {country for country in ASSIGNED for role in Role if desks.desk_for(country, role) is None}
    assert nowhere == {"ZZ"}


def test_a_key_is_given_to_each_partner_of_its_scope_and_to_no_other() -> None:
    partners = load(DEPLOY).partners.by_id
    assert "shared-2026a" in partners["ncmec"].keys
    assert "shared-2026a" in partners["inhope-nl"].keys
    assert "ncmec-2026a" not in partners["inhope-nl"].keys


def test_a_retired_key_is_known_and_not_valid() -> None:
    key = load(DEPLOY).partners.by_id["ncmec"].keys["ncmec-2025a"]
    assert key.valid_until is not None
    end_ms = int(key.valid_until.timestamp()) * 1000
    assert key.valid_at(end_ms - 1)
    assert not key.valid_at(end_ms)
    assert not key.valid_at(key.from_ms - 1)
    assert key.valid_at(key.from_ms)


def test_every_mistake_of_every_file_is_told_at_once(directory: Path) -> None:
    desks, partners, triage = (directory / f"{name}.yaml" for name in ("desks", "partners", "triage"))
    unknown = edit(desks, "  AX: fi ", f"  AX: {MARK}fii ")
    lower = edit(desks, "  BQ: nl ", f"  {MARK}EU: nl\n  BQ: nl ")
    partitions = edit(partners, "ingress_partitions: 4", f"ingress_partitions: {MARK}0")
    code = edit(triage, "recent_abuse}\n    lane", f"{MARK}recent_abus}}\n    lane")
    lane = edit(triage, "lane: routine\n\n  - name: informational_only", f"lane: {MARK}slow\n\n  - name: inf")
    found = [(problem.file, problem.line) for problem in problems_of(directory)]
    assert found == [
        (str(desks), unknown),
        (str(desks), lower),
        (str(partners), partitions),
        (str(triage), code),
        (str(triage), lane),
    ]


def test_a_problem_reads_as_one_line_with_file_and_line() -> None:
    problem = Problem("deploy/desks.yaml", 41, "the unknown desk `nll`", "a desk of this file: `nl`")
    expected = "deploy/desks.yaml:41: found the unknown desk `nll`; expected a desk of this file: `nl`"
    assert str(problem) == expected
    assert str(Problem("deploy/desks.yaml", None, "no such file", "it")).startswith("deploy/desks.yaml: found")


@pytest.mark.parametrize("name", ["desks", "partners", "triage"])
@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("", 1, "an empty file"),
        ("# only this\n\n", 1, "an empty file"),
        ("\na: 1\n\tb: 2\n", 3, "a tab in the indentation"),
        ("a:\tb\n", 1, "a tab"),
        ("\na: [1,\n", 3, "broken YAML"),
        ("a: &x 1\n", 1, "anchor"),
        ("a: 1\nb: *x\n", 2, "anchor or alias"),
        ("a: !!bool no\n", 1, "a tag"),
        ("a: 1\n---\nb: 2\n", 2, "another document"),
        ("a: 1\nb: \x07\n", 2, "U+0007"),
        ("a: " + "[" * 5000, None, "nested"),
    ],
)
def test_a_file_that_is_not_plain_yaml_is_one_problem(
    directory: Path, name: str, text: str, line: int | None, found: str
) -> None:
    path = directory / f"{name}.yaml"
    path.write_text(text, "utf-8")
    (problem,) = problems_of(directory)
    assert (problem.file, problem.line) == (str(path), line)
    assert found in problem.found


def test_text_that_is_not_utf_8_is_told_with_its_line(directory: Path) -> None:
    (directory / "triage.yaml").write_bytes(b"version: 1\nrules: \xff\n")
    (problem,) = problems_of(directory)
    assert (problem.line, problem.found) == (2, "bytes that are not UTF-8")


def test_a_byte_order_mark_is_no_mistake(directory: Path) -> None:
    path = directory / "triage.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load(directory).triage == load(DEPLOY).triage


def test_files_that_are_not_there_are_named_each(tmp_path: Path) -> None:
    problems = problems_of(tmp_path)
    assert [Path(problem.file).name for problem in problems] == ["desks.yaml", "partners.yaml", "triage.yaml"]
    assert {problem.found for problem in problems} == {"no such file"}
    assert {problem.line for problem in problems} == {None}


def test_a_folder_in_the_place_of_a_file_is_told(directory: Path) -> None:
    (directory / "desks.yaml").unlink()
    (directory / "desks.yaml").mkdir()
    (problem,) = problems_of(directory)
    assert "cannot be read" in problem.found


@pytest.mark.parametrize("name", ["desks", "partners", "triage"])
@pytest.mark.parametrize("text", ["- a\n- b\n", "just text\n"])
def test_a_file_of_the_wrong_shape_is_told_with_the_fields_it_needs(directory: Path, name: str, text: str) -> None:
    (directory / f"{name}.yaml").write_text(text)
    (problem,) = problems_of(directory)
    assert problem.line == 1
    assert "with the fields" in problem.expected


def test_the_nearest_known_name_is_offered() -> None:
    assert one_of(["priority", "routine", "urgent"], "prioriti") == "`priority`"
    assert one_of(["NL", "BE"], "nl") == "`NL`"
    assert one_of(["urgent", "routine"], "xyz") == "one of urgent, routine"
    assert one_of([f"desk-{n}" for n in range(30)], "xyz") == "one of the 30 known names"


def test_what_was_found_is_quoted_on_one_line_and_cut() -> None:
    assert quote("a\nb") == "`a\\nb`"
    assert len(quote("x" * 200)) == 42
