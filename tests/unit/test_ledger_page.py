"""The page and the API as a browser and a program get them."""

import csv
import io
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient

from policy.configuration import Configuration
from policy.desks import Desk
from schemas.codes import EntryState, Lane
from services.ledger.figures import Figures
from services.ledger.page.api import openapi
from services.ledger.page.definitions import DEFINITIONS
from services.ledger.page.routes import routes
from services.ledger.settings import LedgerSettings
from services.runtime.exits import WrongUse
from services.runtime.http import application
from services.runtime.page.access import Access, access, is_loopback
from services.runtime.page.frame import STYLESHEET
from services.runtime.settings import read
from tests.ledger_world import NOW_MS, UNREPORTING, Counted, configured, with_unreporting, world, world_figures
from tests.samples import DEPLOY

TOKEN = "a-token-of-some-length"
PAGES = ("/", "/definitions", "/desks/nl", "/desks/in", "/desks/fr")
ALL = (*PAGES, "/api/backlog", "/api/backlog.csv", "/api/openapi.json", "/page.css")
VOID = {"meta", "link"}
CSS = STYLESHEET.read_text(encoding="utf-8")


def client(
    shown: Figures | None = None,
    token: str | None = None,
    configuration: Configuration | None = None,
    base_url: str = "http://127.0.0.1:9465",
) -> TestClient:
    chosen = configuration or with_unreporting()
    held = frozenset(chosen.desks.by_id)
    pages = routes(shown or world_figures(), chosen, held, Access(token), lambda: NOW_MS)
    return TestClient(application(CollectorRegistry(), lambda: (True, {}), pages), base_url=base_url)


class Read(HTMLParser):
    """Elements with their attributes, ids and text; fails on an element that is not closed where it belongs."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    def of(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == name]


def without_history() -> Figures:
    counted = world()
    counted.history.clear()
    return counted.figures()


def test_every_page_of_every_desk_is_there() -> None:
    asking = client()
    for desk in with_unreporting().desks.desks:
        assert asking.get(f"/desks/{desk.id}").status_code == 200
    assert [asking.get(path).status_code for path in ALL] == [200] * len(ALL)


@pytest.mark.parametrize("path", [*ALL, "/desks/nowhere"])
def test_every_answer_has_the_headers(path: str) -> None:
    headers = client().get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("history", [False, True])
def test_pages_need_no_script_and_no_style_of_their_own(path: str, history: bool) -> None:
    found = Read(client(None if history else without_history()).get(path).text)
    names = {tag for tag, _ in found.elements}
    assert not names & {"script", "style", "iframe", "form", "img", "object", "base"}
    attributes = {key for _, given in found.elements for key in given}
    assert not {key for key in attributes if key == "style" or key.startswith("on")}


@pytest.mark.parametrize("path", PAGES)
def test_pages_can_be_found_through_by_ear_and_by_keyboard(path: str) -> None:
    text = client().get(path).text
    found = Read(text)
    ids = [given["id"] for _, given in found.elements if "id" in given]
    assert len(ids) == len(set(ids))
    assert found.of("html") == [{"lang": "en"}]
    assert len(found.of("h1")) == len(found.of("main")) == len(found.of("title")) == 1
    assert all(given.get("scope") in ("col", "row") for given in found.of("th"))
    assert len(found.of("caption")) == len(found.of("table"))
    assert all((given.get("role") == "img" and given.get("aria-label")) or given.get("aria-hidden") == "true"
               for given in found.of("svg"))  # fmt: skip
    assert "viewport" in [given.get("name") for given in found.of("meta")]
    assert all(given.get("aria-labelledby", given.get("id")) in ids for given in found.of("section"))
    assert not re.search(r"<(td|th)[^>]*></\1>", text)


@pytest.mark.parametrize("path", PAGES)
def test_every_link_leads_somewhere(path: str) -> None:
    asking = client()
    for given in Read(asking.get(path).text).of("a"):
        target, _, anchor = str(given["href"]).partition("#")
        if target == "/definitions":
            assert not anchor or anchor in DEFINITIONS
        elif not target:
            assert anchor == "content"
        else:
            assert target in ALL or target.startswith("/desks/")


def test_every_definition_is_used_and_has_its_paragraph() -> None:
    asking = client()
    used = {match for path in PAGES for match in re.findall(r"/definitions#([a-z-]+)", asking.get(path).text)}
    assert used == set(DEFINITIONS)
    assert set(DEFINITIONS) <= {given.get("id") for given in Read(asking.get("/definitions").text).of("section")}


def test_the_name_of_a_desk_is_escaped() -> None:
    asking = client(configuration=configured(Desk("aa", '<script>"&', "<b>owner</b>")))
    for path in ("/", "/desks/aa"):
        text = asking.get(path).text
        assert "<script" not in text
        assert "<b>" not in text
        assert "&lt;script&gt;&quot;&amp;" in text


def test_the_name_in_the_address_is_not_repeated() -> None:
    answer = client().get("/desks/%3Cscript%3Ehunter2")
    assert answer.status_code == 404
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    ("active", "caught_up", "words"),
    [(False, False, "does not keep the count now"), (True, False, "The count is not up to date")],
)
def test_a_ledger_that_is_not_up_to_date_says_so_first_and_everywhere(
    active: bool, caught_up: bool, words: str
) -> None:
    asking = client(world().figures(active=active, caught_up=caught_up))
    for path in ("/", "/desks/nl", "/desks/in", "/desks/ae"):
        text = asking.get(path).text
        assert "<title>Not up to date: " in text
        assert text.index(words) < text.index("<h1>")
        assert 'role="alert"' in text
        assert "Nothing waits" not in text
        assert "Adds up" not in text
    found = asking.get("/api/backlog").json()
    assert (found["current"], found["active"], found["caught_up"], found["in_doubt"]) == (
        False, active, caught_up, None,
    )  # fmt: skip
    assert {row["current"] for row in rows(asking)} == {"false"}


def test_a_ledger_that_is_up_to_date_raises_no_alarm() -> None:
    text = client().get("/").text
    assert 'role="alert"' not in text
    assert "Adds up" in text


def test_a_residue_is_on_the_badge_and_names_the_queue() -> None:
    figures = world().figures()
    figures.residue = {("fr", "routine"): 1_203}
    text = client(figures).get("/").text
    assert "In doubt: 1,203" in text
    assert re.search(r'href="/desks/fr">[^<]*</a>, routine</th><td>1,203</td>', text)


def test_without_history_the_chart_says_so() -> None:
    assert "No history yet" in client(without_history()).get("/").text
    assert "No history yet" not in client().get("/").text


def test_the_chart_is_of_the_desks_that_report_and_so_is_the_json() -> None:
    counted = Counted()
    counted.turn_over("nl", Lane.ROUTINE, [(5, 1, 0)] * 6)
    counted.turn_over("in", Lane.ROUTINE, [(7, 0, 0)] * 6)
    asking = client(counted.figures())
    assert "All desks that report: 30 arrived and 6 looked at" in asking.get("/").text
    found = asking.get("/api/backlog").json()
    assert [(span["arrived"], span["looked"], span["closed"]) for span in found["history"]] == [(5, 1, 0)] * 6
    assert found["history_since"] == found["history"][0]["start"]
    lanes = {desk["desk"]: desk["lanes"] for desk in found["desks"]}
    (routine,) = [lane for lane in lanes["in"] if lane["lane"] == "routine"]
    assert (routine["arrived_lately"], routine["looked_lately"], routine["drain_known"]) == (7 * 6, None, False)


def test_the_running_span_is_in_the_table_and_not_in_the_line() -> None:
    counted = Counted()
    counted.turn_over("nl", Lane.ROUTINE, [(5, 1, 0)] * 5 + [(0, 0, 0)])
    text = client(counted.figures()).get("/desks/nl").text
    assert 'd="M0 0 L250 0 L500 0 L750 0 L1000 0"' in text
    assert text.count('<th scope="row"><time') == 6


def test_a_desk_says_when_it_drains_by_lane_and_at_the_pace_of_what_is_known() -> None:
    counted = Counted()
    counted.add(EntryState.WAITING, "nl", Lane.ROUTINE, 100, 9)
    counted.add(EntryState.WAITING, "nl", Lane.URGENT, 1, 9)
    counted.turn_over("nl", Lane.ROUTINE, [(5, 15, 0)] * 9)
    counted.turn_over("nl", Lane.URGENT, [(5, 1, 0)] * 9)
    text = client(counted.figures()).get("/desks/nl").text
    assert "at the pace of the last 2 days" in text
    assert re.search(r"Routine</th><td>45</td><td>135</td><td[^>]*>0</td><td>2 days</td>", text)
    assert re.search(r"Urgent</th><td>45</td><td>9</td><td[^>]*>0</td><td>never at this pace</td>", text)


def test_a_desk_that_never_drains_is_told_so_in_words() -> None:
    assert "never at this pace" in client().get("/desks/nl").text
    assert "not known yet" in client(without_history()).get("/desks/nl").text


@pytest.mark.parametrize("desk", UNREPORTING)
def test_a_desk_that_does_not_report_has_no_number_of_looks(desk: str) -> None:
    text = client().get(f"/desks/{desk}").text
    assert "Unknown: does not report" in text
    for words in ("Waiting", "Past target", "Looked at", "Within target", "Nothing waits"):
        assert f">{words}<" not in text
    (found,) = [view for view in client().get("/api/backlog").json()["desks"] if view["desk"] == desk]
    assert found["reporting"] == "none"
    assert found["closed"] is None
    for lane in found["lanes"]:
        assert lane["waiting"] is lane["looked"] is lane["overdue"] is None
        assert lane["unreported"] > 0


def schema() -> dict[str, Any]:
    described = openapi()
    return {"$ref": "#/components/schemas/Backlog", "components": described["components"]}


@pytest.mark.parametrize(
    "figures", [Figures(), world_figures(), without_history()], ids=["empty", "world", "no history"]
)
def test_the_json_is_what_its_description_says(figures: Figures) -> None:
    checker = jsonschema.Draft202012Validator(schema(), format_checker=jsonschema.FormatChecker())
    found = client(figures).get("/api/backlog").json()
    checker.validate(found)
    assert not checker.is_valid({**found, "surplus": 1})
    assert len(found["desks"]) == 143


def test_the_description_is_served_and_names_the_paths() -> None:
    described = client().get("/api/openapi.json").json()
    assert described == openapi()
    assert described["openapi"].startswith("3.1")
    assert set(described["paths"]) <= set(ALL)


def rows(asking: TestClient) -> list[dict[str, str]]:
    answer = asking.get("/api/backlog.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_csv_json_and_page_have_the_same_sums() -> None:
    asking = client()
    found, table = asking.get("/api/backlog").json(), rows(asking)
    assert len(table) == 3 * 143
    for column in ("waiting", "unreported", "overdue", "shelved", "in_hand", "expiring", "arrived", "looked"):
        of_json = sum(lane[column] or 0 for desk in found["desks"] for lane in desk["lanes"])
        assert sum(int(row[column] or 0) for row in table) == of_json
        if column in ("waiting", "overdue", "unreported"):
            assert f'<span class="number">{of_json:,}</span>' in asking.get("/").text
    assert {row["waiting"] for row in table if row["desk"] in UNREPORTING} == {""}


def test_a_program_may_ask_for_csv_by_name_or_by_type() -> None:
    asking = client()
    table = asking.get("/api/backlog.csv").text
    assert asking.get("/api/backlog?format=csv").text == table
    assert asking.get("/api/backlog", headers={"accept": "text/csv"}).text == table
    assert asking.get("/api/backlog?format=json", headers={"accept": "text/csv"}).json()["current"] is True


def test_a_name_that_begins_like_a_formula_is_text_in_a_spreadsheet() -> None:
    asking = client(configuration=configured(Desk("aa", "=1+1")))
    assert {row["name"] for row in rows(asking)} == {"'=1+1"}


@pytest.mark.parametrize("path", ALL)
def test_page_and_api_are_shut_without_the_token(path: str) -> None:
    asking = client(token=TOKEN, base_url="http://ledger.example:9465")
    for given in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic !"}, {"authorization": "Bearer "}):
        answer = asking.get(path, headers=given)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert answer.headers["cache-control"] == "no-store"
        assert "nl" not in answer.text.split()
    assert asking.get(path, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert asking.get(path, auth=("anyone", TOKEN)).status_code == 200
    assert asking.get(path, auth=(TOKEN, "")).status_code == 401


@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz"])
def test_metrics_and_health_ask_for_no_token(path: str) -> None:
    assert client(token=TOKEN).get(path).status_code == 200


def test_without_a_token_no_foreign_name_is_answered() -> None:
    for host in ("127.0.0.1:9465", "localhost:9465", "[::1]:9465", "localhost"):
        assert client().get("/", headers={"host": host}).status_code == 200
    answer = client().get("/", headers={"host": "rebound.example:9465"})
    assert answer.status_code == 421


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ALL)
def test_nothing_can_be_changed(method: str, path: str) -> None:
    assert client().request(method, path).status_code == 405


def test_an_address_others_can_reach_needs_a_token(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.7", "ledger.example"):
        with pytest.raises(WrongUse, match=r"^REFERRAL_LEDGER_TOKEN_FILE: missing; REFERRAL_LEDGER_HOST="):
            access(host, None, "REFERRAL_LEDGER_")
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\nsecond line\n", encoding="utf-8")
    assert access("0.0.0.0", file, "REFERRAL_LEDGER_") == Access(TOKEN)
    for loopback in ("127.0.0.1", "::1"):
        assert access(loopback, None, "REFERRAL_LEDGER_") == Access(None)
    assert is_loopback("127.8.9.1")


def test_a_ledger_does_not_start_on_an_address_others_can_reach_without_a_token() -> None:
    environment = {**os.environ, "REFERRAL_LEDGER_HOST": "0.0.0.0", "REFERRAL_CONFIG_DIR": str(DEPLOY)}
    ran = subprocess.run([sys.executable, "-m", "services.ledger"], env=environment, capture_output=True, text=True)
    assert ran.returncode == 2
    assert "wrong use: REFERRAL_LEDGER_TOKEN_FILE: missing; REFERRAL_LEDGER_HOST=0.0.0.0" in ran.stderr


def test_a_token_that_can_be_guessed_or_not_be_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    with pytest.raises(WrongUse, match="cannot be read"):
        access("0.0.0.0", file, "REFERRAL_LEDGER_")
    for text in ("", "\n", "short", f"\n{TOKEN}"):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(WrongUse, match="at least 16"):
            access("0.0.0.0", file, "REFERRAL_LEDGER_")


def test_the_token_file_is_a_setting() -> None:
    assert read(LedgerSettings, {"REFERRAL_LEDGER_TOKEN_FILE": "token"}).token_file == Path("token")


def themes() -> dict[str, dict[str, str]]:
    light, dark = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]
    return {name: dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", text)) for name, text in
            (("light", light), ("dark", dark))}  # fmt: skip


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance and contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_can_be_read_on_its_ground(theme: str) -> None:
    colours = themes()[theme]
    pairs = [(name, name.removeprefix("on-")) for name in colours if name.startswith("on-")]
    pairs += [(text, ground) for text in ("text", "soft", "link", "bad") for ground in ("ground", "raised")]
    assert len(pairs) == 19
    assert {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in pairs
            if contrast(colours[pair[0]], colours[pair[1]]) < 4.5} == {}  # fmt: skip
    lines = [(name, "ground") for name in ("urgent", "routine", "arrived", "looked")]
    assert [pair for pair in lines if contrast(colours[pair[0]], colours[pair[1]]) < 3] == []
