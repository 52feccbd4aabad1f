"""README.md and the pages of docs/ say what the code does, as far as tables, names and figures can be compared."""

import csv
import re
from pathlib import Path
from typing import Final

import pytest

from policy.topics import payload_gone_after, topic_plan
from schemas.codes import Lane, Outcome, RejectReason
from services.console.run_plan import make_plan
from services.router.settings import RouterSettings
from services.runtime.log import Event
from services.runtime.settings import KafkaSettings, document
from tests.samples import DEPLOY, configuration

ROOT: Final = DEPLOY.parent
PAGES: Final = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "schemas/vectors/README.md"]
LINK: Final = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)", re.DOTALL)
FENCED: Final = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
DAY_MS: Final = 86_400_000


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def section(text: str, heading: str) -> str:
    """From a heading to the next of any level."""
    return re.split(r"^#+ ", text.split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def first_codes(text: str) -> list[str]:
    """What stands as code in the first column of the tables."""
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


def anchors(path: Path) -> set[str]:
    """GitHub's: lower case, words and hyphens, blanks as hyphens."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", path.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    broken = []
    for target in LINK.findall(FENCED.sub("", path.read_text("utf-8"))):
        name, _, anchor = target.partition("#")
        goal = path if not name else (path.parent / name).resolve()
        if not goal.exists() or (anchor and anchor not in anchors(goal)):
            broken.append(target)
    assert broken == []


def test_every_page_is_found_from_the_list_of_pages() -> None:
    listed = {(ROOT / "docs" / name).resolve() for name in LINK.findall(page("docs/README.md"))}
    assert {path for path in (ROOT / "docs").glob("*.md") if path.name != "README.md"} <= listed


def test_the_partners_page_lists_every_outcome_and_every_reason_in_order() -> None:
    codes = first_codes(section(page("docs/partner.md"), "Receipts"))
    assert codes == [*Outcome, *RejectReason]


def test_the_partners_page_says_when_bytes_are_gone() -> None:
    plan = {spec.name: spec for spec in topic_plan(configuration())}
    stated = re.findall(r"\*\*(\d+ days?, [\d:]+)\*\*", page("docs/partner.md"))
    assert stated == [
        str(payload_gone_after(plan[f"referral.ingress.ncmec.{kind}v1"])) for kind in ("", "test.")
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["docs/partner.md", "docs/desk.md"])
def test_a_topic_is_kept_as_long_as_its_page_says(name: str) -> None:
    plan = {spec.name: spec for spec in topic_plan(configuration())}
    stated = dict(re.findall(r"^\| `(referral\.[^`]+)` \|.*\| (\d+) days? \|$", page(name), re.MULTILINE))
    assert stated
    assert stated == {topic: str(int(plan[topic].config["retention.ms"]) // DAY_MS) for topic in stated}


def test_the_desks_page_lists_every_queue_of_a_desk() -> None:
    assert {f"referral.queue.nl.{lane}.v1" for lane in Lane} <= set(first_codes(page("docs/desk.md")))


def test_the_operators_page_lists_every_setting_of_a_router() -> None:
    assert document(RouterSettings, KafkaSettings) in page("docs/operator.md")


def test_the_operators_page_explains_every_event_a_router_logs() -> None:
    used = {
        Event[name].value
        for file in (ROOT / "services" / "router").glob("*.py")
        for name in re.findall(r"\bEvent\.([A-Z_]+)", file.read_text("utf-8"))
    }
    explained = first_codes(section(page("docs/operator.md"), "What the log says"))
    assert sorted(explained) == sorted(used | {Event.FOREIGN_LOG, Event.CRASHED})


def test_every_metric_that_a_page_names_exists() -> None:
    known = set(first_codes(page("docs/metrics.md")))
    named = {
        name
        for path in PAGES
        for name in re.findall(r"(?<![:\w])referral_router_[a-z_]+(?![:\w])", path.read_text("utf-8"))
    }
    assert named - known == set()


def test_the_developers_page_lists_every_target_of_make() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", page("Makefile"), re.MULTILINE)) - {"help"}
    assert {f"make {target}" for target in targets} == set(first_codes(section(page("docs/developer.md"), "Make")))


def test_the_readme_shows_what_a_run_says_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert "\n".join(make_plan({}).heading().lines()) in page("README.md")


def test_the_readmes_figures_are_those_of_the_table() -> None:
    table = page("services/simulator/data/ncmec_reports_by_country.csv")
    rows = list(csv.DictReader(line for line in table.splitlines() if not line.startswith("#")))
    netherlands = next(row for row in rows if row["code"] == "NL")
    world = sum(int(row["2023"]) for row in rows)
    stated = " ".join(page("README.md").split())
    assert f"there were {int(netherlands['2019']):,} in 2019 and {int(netherlands['2023']):,} in 2023" in stated
    assert f"for the world {world / 1e6:.1f} million" in stated
