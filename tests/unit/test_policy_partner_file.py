"""Each way to get `deploy/partners.yaml` wrong is refused at its line, with what would be right."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from policy.configuration import load
from policy.partners import DEFAULT_WINDOW_DAYS
from tests.unit.test_policy_configuration import (
    MARK,
    assert_one_problem,
    copy_deploy,
    edit,
    problems_of,
)

INHOPE = "  inhope-nl:\n"
INHOPE_NAME = "    name: INHOPE hotline of the Netherlands\n"
SHARED_SCOPE = "    scope: [ncmec, inhope-nl]\n"
RETIRED = "valid_until: 2026-02-01T00:00:00Z"
NEW_KEY = "\nkeys:\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return copy_deploy(tmp_path) / "partners.yaml"


def new_key(text: str) -> str:
    return f"\nkeys:\n  {text}\n"


@pytest.mark.parametrize(
    ("old", "new", "found", "expected"),
    [
        (INHOPE, f"  {MARK}reroute: {{name: R, ingress_partitions: 1}}\n{INHOPE}", "`reroute`", "another name"),
        (INHOPE, f"  {MARK}test: {{name: R, ingress_partitions: 1}}\n{INHOPE}", "`test`", "another name"),
        (INHOPE, f"  {MARK}In-Hope: {{name: R, ingress_partitions: 1}}\n{INHOPE}", "`In-Hope`", "a slug"),
        (INHOPE, f"  {MARK}in.hope: {{name: R, ingress_partitions: 1}}\n{INHOPE}", "`in.hope`", "a slug"),
        (INHOPE, f"  {MARK}ncmec: {{name: R, ingress_partitions: 1}}\n{INHOPE}", "a second time", "has it"),
        (INHOPE, f"  in: {MARK}{{name: R}}\n{INHOPE}", "without `ingress_partitions`", "a line"),
        (INHOPE, f"  in: {MARK}four\n{INHOPE}", "text", "with the fields name, ingress_partitions"),
        (INHOPE_NAME, f"    name:{MARK}\n", "nothing", "the name of partner `inhope-nl`"),
        ("ingress_partitions: 4", f"ingress_partitions: {MARK}0", "`0`", "from 1 to 256"),
        ("ingress_partitions: 4", f"ingress_partitions: {MARK}-4", "`-4`", "from 1 to 256"),
        ("ingress_partitions: 4", f"ingress_partitions: {MARK}257", "`257`", "from 1 to 256"),
        ("ingress_partitions: 4", f"ingress_partitions: {MARK}4.0", "`4.0`", "a whole number"),
        ("ingress_partitions: 4", f"ingress_partitions: {MARK}٤", "`٤`", "a whole number"),
        ("ingress_partitions: 4", f"ingress_partitions: {MARK}four", "`four`", "a whole number"),
        ("ingress_partitions: 4", f"ingress_partitions: {MARK}[4]", "a list", "a whole number"),
        (INHOPE_NAME, f"{INHOPE_NAME}    {MARK}window_day: 30\n", "unknown field `window_day`", "`window_days`"),
        (NEW_KEY, new_key(f"k1: {{scope: {MARK}[], valid_from: 2026-01-01T00:00:00Z}}"), "an empty list", "scope"),
        (NEW_KEY, new_key(f"k1: {MARK}{{valid_from: 2026-01-01T00:00:00Z}}"), "without `scope`", "a line"),
        (NEW_KEY, new_key(f"k1: {MARK}{{scope: [ncmec]}}"), "without `valid_from`", "a line"),
        (NEW_KEY, new_key(f"{MARK}K_1: {{scope: ncmec, valid_from: 2026-01-01T00:00:00Z}}"), "`K_1`", "a-z"),
        (NEW_KEY, new_key(f"k1: {{scope: ncmec, valid_from: {MARK}2026-01-01}}"), "`2026-01-01`", "a time such"),
        (
            NEW_KEY,
            new_key(f"k1: {{scope: ncmec, valid_from: {MARK}2026-01-01T00:00:00}}"),
            "`2026-01-01T00:00:00`",
            "a time such as",
        ),
        (
            NEW_KEY,
            new_key(f"k1: {{scope: ncmec, valid_from: {MARK}2026-02-30T00:00:00Z}}"),
            "`2026-02-30T00:00:00Z`",
            "a time such as",
        ),
        (
            NEW_KEY,
            new_key(f"k1: {{scope: ncmec, valid_from: {MARK}0001-01-01T00:00:00+23:59}}"),
            "`0001-01-01",
            "a time such as",
        ),
        (SHARED_SCOPE, f"    scope: [ncmec, {MARK}inhope]\n", "the unknown partner `inhope`", "`inhope-nl`"),
        (SHARED_SCOPE, f"    scope: [ncmec, {MARK}ncmec]\n", "`ncmec` a second time", "it once"),
        (SHARED_SCOPE, f"    scope: {MARK}{{ncmec: yes}}\n", "entries", "a list of at least one"),
        (RETIRED, f"valid_until: {MARK}2024-02-01T00:00:00Z", "`2024-02-01T00:00:00Z`", "after `valid_from` `2025"),
        (RETIRED, f"valid_until: {MARK}2025-01-01T00:00:00Z", "`2025-01-01T00:00:00Z`", "after `valid_from`"),
        (RETIRED, f"valid_until: {MARK}2025-01-01T01:00:00+02:00", "`2025-01-01T01:00:00+02:00`", "after"),
        ("  ncmec-2026a:\n", f"  {MARK}ncmec-2025a:\n", "`ncmec-2025a` a second time", "has it already"),
    ],
)
def test_a_mistake_is_told_at_its_line(path: Path, old: str, new: str, found: str, expected: str) -> None:
    assert_one_problem(path, old, new, found, expected)


@pytest.mark.parametrize("text", ["k1: {scope: ncmec, valid_from: 2026-01-01T00:00:00Z, secret: %s}", "k1: %s"])
def test_a_secret_put_here_is_refused_and_not_repeated(path: Path, text: str) -> None:
    secret = "9f2c1de07b"
    edit(path, NEW_KEY, new_key(text % secret))
    assert secret not in "".join(map(str, problems_of(path.parent)))


def test_a_file_without_partners_is_refused(path: Path) -> None:
    path.write_text("partners: {}\nkeys: {}\n")
    (problem,) = problems_of(path.parent)
    assert (problem.line, problem.found) == (1, "no partner")


def test_a_file_without_keys_must_say_so(path: Path) -> None:
    path.write_text("partners:\n  ncmec: {name: N, ingress_partitions: 2}\nkeys:\n")
    (problem,) = problems_of(path.parent)
    assert (problem.line, problem.found) == (3, "nothing")
    path.write_text("partners:\n  ncmec: {name: N, ingress_partitions: 2}\nkeys: {}\n")
    (partner,) = load(path.parent).partners.partners
    assert (partner.ingress_partitions, partner.window_days, partner.keys) == (2, DEFAULT_WINDOW_DAYS, {})


def test_times_with_an_offset_are_kept_in_utc(path: Path) -> None:
    edit(path, RETIRED, "valid_until: 2026-02-01T00:00:00+02:00")
    key = load(path.parent).partners.by_id["ncmec"].keys["ncmec-2025a"]
    assert key.valid_until == datetime(2026, 1, 31, 22, tzinfo=UTC)
    assert not key.valid_at(int(datetime(2026, 1, 31, 22, tzinfo=UTC).timestamp() * 1000))
