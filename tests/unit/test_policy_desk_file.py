"""Each way to get `deploy/desks.yaml` wrong is refused at its line, with what would be right."""

from pathlib import Path

import pytest

from policy.configuration import load
from policy.desks import Reporting
from schemas.codes import Role
from tests.unit.test_policy_configuration import (
    MARK,
    assert_one_problem,
    copy_deploy,
    edit,
    problems_of,
)

AUSTRIA = "  at: {name: Austria}\n"
UNROUTABLE_OWNER = "    owner: duty officer of the operator\n"
NETHERLANDS = "  NL: {hosting: nl-hosting, otherwise: nl}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return copy_deploy(tmp_path) / "desks.yaml"


@pytest.mark.parametrize(
    ("old", "new", "found", "expected"),
    [
        ("  AX: fi ", f"  AX: {MARK}fii ", "the unknown desk `fii`", "`fi`"),
        ("  AX: fi ", f"  AX: {MARK}FI ", "the unknown desk `FI`", "`fi`"),
        ("  AX: fi ", f"  AX: {MARK}qqqq ", "the unknown desk `qqqq`", "one of the 142 known names"),
        ("  AX: fi ", f"  AX: {MARK}zz ", "`zz` as the desk of AX", "a desk that knows the country"),
        ("  AX: fi ", f"  AX:{MARK} # ", "nothing", "the desk of AX"),
        ("  AX: fi ", f"  AX: {MARK}[fi] ", "a list", "country AX with the fields upload"),
        ("  AX: fi ", f"  AX: {MARK}{{}} ", "no desk for upload, download", "otherwise"),
        ("  AX: fi ", f"  AX: fi\n  {MARK}AX: se ", "`AX` a second time", "has it already"),
        ("  AX: fi ", f"  AX: fi\n  {MARK}EU: be ", "the country `EU`", "an assigned ISO 3166-1"),
        ("  AX: fi ", f"  AX: fi\n  {MARK}AN: nl ", "the country `AN`", "an assigned ISO 3166-1"),
        ("  AX: fi ", f"  AX: fi\n  {MARK}UK: gb ", "the country `UK`", "`GB`"),
        ("  AX: fi ", f"  AX: fi\n  {MARK}ZZ: nl ", "the country ZZ", "it always goes to `zz`"),
        ("  AX: fi ", f"  AX: fi\n  {MARK}[SE]: se ", "a list as a key", "text"),
        ("{hosting: nl-hosting,", f"{{hosting: {MARK}nl-hostin,", "`nl-hostin`", "`nl-hosting`"),
        ("{hosting: nl-hosting,", f"{{{MARK}hostin: nl-hosting,", "unknown field `hostin`", "`hosting`"),
        ("{hosting: nl-hosting,", f"{{hosting: {MARK}[nl-hosting],", "a list", "the desk of NL"),
        (", otherwise: nl}", f", otherwise: nl, {MARK}otherwise: nl}}", "`otherwise` a second time", "it once"),
        ("  at: {", f"  {MARK}At: {{name: X, forwarded_by: nl}}\n  at: {{", "the desk `At`", "a slug"),
        ("  at: {", f"  {MARK}a--t: {{name: X, forwarded_by: nl}}\n  at: {{", "`a--t`", "a slug"),
        ("  at: {", f"  {MARK}{'a' * 33}: {{name: X, forwarded_by: nl}}\n  at: {{", "`aaa", "at most 32"),
        ("  at: {", f"  at: {{name: A}}\n  {MARK}at: {{", "`at` a second time", "has it already"),
        ("  at: {", f"  {MARK}xx: {{name: Idle}}\n  at: {{", "takes no country", "`forwarded_by: <desk>`"),
        (AUSTRIA, f"  at: {MARK}Austria\n", "text", "desk `at` with the fields name"),
        (AUSTRIA, f"  at: {MARK}{{owner: x}}\n", "without `name`", "a line `name: …`"),
        (AUSTRIA, f"  at: {{name: {MARK}''}}\n", "nothing", "the name of desk `at`"),
        (AUSTRIA, f"  at: {{name: {MARK}[A]}}\n", "a list", "the name of desk `at`"),
        (AUSTRIA, f'  at: {{name: {MARK}"A\\nB"}}\n', "several lines", "on one line"),
        (AUSTRIA, f"  at: {{name: A, {MARK}nmae: B}}\n", "unknown field `nmae`", "`name`"),
        (AUSTRIA, f"  at: {{name: A, track: {MARK}yes}}\n", "`yes`", "`true` or `false`"),
        (AUSTRIA, f"  at: {{name: A, reporting: {MARK}nnone}}\n", "unknown code `nnone`", "`none`"),
        (AUSTRIA, f"  at: {{name: A, reporting: {MARK}}}\n", "nothing", "one of status, none"),
        ("forwarded_by: nl}", f"forwarded_by: {MARK}nll}}", "`nll` as `forwarded_by`", "`nl`"),
        ("forwarded_by: nl}", f"forwarded_by: {MARK}nl-oost}}", "of desk `nl-oost`", "another desk"),
        ("forwarded_by: nl}", f"forwarded_by: {MARK}zz}}", "`zz` as `forwarded_by`", "another desk"),
        (
            UNROUTABLE_OWNER,
            f"{UNROUTABLE_OWNER}    forwarded_by: {MARK}nl\n",
            "of desk `zz`",
            "none",
        ),
        (
            f"  zz:\n    name: No country known\n{UNROUTABLE_OWNER}",
            f"  {MARK}zz:\n    name: No country known\n",
            "desk `zz` without `owner`",
            "who answers",
        ),
        (
            NETHERLANDS,
            f"  NL: {MARK}{{hosting: nl-hosting, upload: nl}}\n",
            "no desk for download, unspecified, victim in NL",
            "`otherwise: <desk>`",
        ),
        (
            NETHERLANDS,
            "  NL: {hosting: nl-hosting, upload: nl, download: nl, unspecified: nl, victim: nl,"
            f" otherwise: {MARK}nl}}\n",
            "`otherwise` in NL",
            "every role has its own line",
        ),
    ],
)
def test_a_mistake_is_told_at_its_line(path: Path, old: str, new: str, found: str, expected: str) -> None:
    assert_one_problem(path, old, new, found, expected)


def test_countries_that_are_missing_are_all_named(path: Path) -> None:
    edit(path, "  AX: fi  # Åland Islands\n", "")
    edit(path, "  NO: no\n", "")
    line = path.read_text("utf-8").split("\n").index("countries:") + 2
    (problem,) = problems_of(path.parent)
    assert problem.line == line
    assert problem.found == "no entry for AX (Åland Islands), NO (Norway)"


def test_a_table_without_the_unroutable_desk_is_refused(path: Path) -> None:
    text = path.read_text("utf-8")
    start = text.index("  zz:\n")
    path.write_text(text[:start] + text[text.index("  # Bodies that pass on") :], "utf-8")
    (problem,) = problems_of(path.parent)
    assert problem.found == "no desk `zz`"


@pytest.mark.parametrize("part", ["desks", "countries"])
def test_a_part_that_is_missing_is_one_problem(path: Path, part: str) -> None:
    edit(path, f"\n{part}:\n", f"\n{part}s:\n")
    found = [problem.found for problem in problems_of(path.parent)]
    assert sorted(found) == [f"the desk file without `{part}`", f"the unknown field `{part}s` in the desk file"]


def test_norway_is_a_country_and_not_false(path: Path) -> None:
    """Plain YAML 1.1 reads unquoted `NO` and `no` as false, `ON` as true."""
    assert "\n  NO: no\n" in path.read_text("utf-8")
    desks = load(path.parent).desks
    assert desks.desk_for("NO", Role.UPLOAD) == "no"
    assert desks.by_id["no"].name == "Norway"


def test_every_role_of_its_own_needs_no_otherwise(path: Path) -> None:
    edit(path, NETHERLANDS, "  NL: {hosting: nl-hosting, upload: nl, download: nl, unspecified: nl, victim: be}\n")
    desks = load(path.parent).desks
    assert desks.desk_for("NL", Role.VICTIM) == "be"
    assert desks.desk_for("NL", Role.HOSTING) == "nl-hosting"


def test_what_a_desk_says_of_itself_is_kept(path: Path) -> None:
    edit(path, AUSTRIA, "  at: {name: Austria, owner: BK, reporting: none, track: false}\n")
    desks = load(path.parent).desks.by_id
    assert (desks["at"].owner, desks["at"].reporting, desks["at"].track) == ("BK", Reporting.NONE, False)
    assert (desks["be"].owner, desks["be"].reporting, desks["be"].track) == (None, Reporting.STATUS, False)
    assert desks["nl"].track
