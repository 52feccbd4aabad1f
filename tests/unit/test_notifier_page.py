"""The notifier's page and API: a GET changes nothing, and an answer needs the message's token or the operator's."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from policy.notify import Rung
from schemas.codes import Lane, NoticeType
from services.notifier import claims, store
from services.notifier.answering import Tokens
from services.notifier.claims import Settled
from services.notifier.database import SERVICE, Database
from services.notifier.figures import Figures
from services.notifier.ladders import Ladders
from services.notifier.page import view
from services.notifier.page.office import Office
from services.notifier.page.pages import told_page
from services.notifier.page.routes import routes
from services.notifier.page.view import look
from services.notifier.retry import Again, Decision, Done, GivenUp
from services.notifier.whom import Endpoint
from services.runtime.database import connect, migrate
from services.runtime.page.access import Access
from tests.notifier_world import NOW_MS, TOKENS, notice, notify, whom

GROUP = "nl/routine/target_missed"
TOKEN = "an-operators-token-of-some-length"
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    engine = connect(f"sqlite:///{tmp_path}/notifier.db")
    migrate(engine, SERVICE)
    made = Database(engine)
    with made.transaction() as connection:
        Ladders(whom(nl=notify()), TOKENS).take(connection, [notice(7)], NOW_MS)
    yield made
    engine.dispose()


@pytest.fixture
def woken() -> list[Endpoint]:
    return []


@pytest.fixture
def client(database: Database, woken: list[Endpoint]) -> TestClient:
    office = Office(database, Ladders(whom(nl=notify()), TOKENS), Figures(), woken.extend, lambda: None)
    return TestClient(Starlette(routes=list(routes(office, TOKENS, Access(TOKEN)))))


def answered(database: Database) -> int:
    with database.transaction() as connection:
        return store.load_groups(connection, [GROUP])[GROUP].group.answered


def asked(token: str | None = None, covers: int | None = 7) -> dict[str, object]:
    return {"group": GROUP, "covers": covers, "token": token or TOKENS.token(GROUP, 7)}


def test_a_messages_token_answers_it_from_anywhere_and_as_often_as_one_likes(
    client: TestClient, database: Database
) -> None:
    assert client.post("/acknowledge", json=asked()).json()["result"] == "taken"
    assert answered(database) == 7
    again = client.post("/acknowledge", json=asked())
    assert (again.status_code, again.json()["result"]) == (200, "before")


@pytest.mark.parametrize(
    "document",
    [
        asked("x" * 43),
        asked(TOKENS.token(GROUP, 8)),
        asked(TOKENS.token("be/routine/target_missed", 7)),
        asked(covers=8),
        asked(covers=None),
        {"group": GROUP},
        {"group": GROUP, "covers": 7},
    ],
)
def test_nothing_else_answers(client: TestClient, database: Database, document: dict[str, object]) -> None:
    assert client.post("/acknowledge", json=document).status_code == 401
    assert answered(database) == 0


def test_following_the_link_of_a_mail_changes_nothing_and_the_button_does(
    client: TestClient, database: Database
) -> None:
    link = TOKENS.invite(GROUP, 7).page.removeprefix(TOKENS.public_url)
    shown = client.get(link)
    assert shown.status_code == 200
    assert "form-action 'self'" in shown.headers["content-security-policy"]
    assert client.head(link).status_code == 200
    assert answered(database) == 0
    pressed = client.post("/acknowledge", data={"group": GROUP, "covers": "7", "token": TOKENS.token(GROUP, 7)})
    assert pressed.status_code == 200
    assert answered(database) == 7
    assert client.get(link.replace("token=", "token=x")).status_code == 401
    assert client.get("/acknowledge").status_code == 400


def test_behind_a_path_of_a_proxys_every_page_finds_its_button_its_style_sheet_and_its_links(
    database: Database,
) -> None:
    tokens = Tokens(TOKENS.key, "http://desk.example/referrals")
    office = Office(database, Ladders(whom(nl=notify()), tokens), Figures(), lambda _: None, lambda: None)
    pages = list(routes(office, tokens, Access(TOKEN)))
    client = TestClient(Starlette(routes=[Mount("/referrals", routes=pages)]), "http://desk.example", headers=BEARER)
    invitation = tokens.invite(GROUP, 7)
    shown = client.get(invitation.page)
    (action,) = re.findall(r'action="([^"]*)"', shown.text)
    assert urljoin(invitation.page, action) == invitation.url
    form = {"group": GROUP, "covers": "7", "token": invitation.token}
    for answer in (shown, client.post(invitation.url, data=form), client.get("/referrals/")):
        found = [target for target in re.findall(r'href="([^"]*)"', answer.text) if target != "#content"]
        assert found
        assert {client.get(urljoin(str(answer.url), target)).status_code for target in found} == {200}


def test_the_operator_answers_in_json_alone(client: TestClient, database: Database) -> None:
    form = client.post("/acknowledge", data={"group": GROUP, "covers": "7"}, headers=BEARER)
    assert form.status_code == 401
    text = client.post("/acknowledge", content=b'{"group": "%s"}' % GROUP.encode(), headers=BEARER)
    assert text.status_code == 415
    assert answered(database) == 0
    assert client.post("/acknowledge", json={"group": GROUP}, headers=BEARER).json()["covers"] == 7
    assert client.post("/acknowledge", json={"group": "nl/urgent/target_missed"}, headers=BEARER).status_code == 404
    assert client.post("/acknowledge", json={"group": GROUP, "covers": 9}, headers=BEARER).status_code == 409
    with database.transaction() as connection:
        Ladders(whom(nl=notify()), TOKENS).take(connection, [notice(8, NoticeType.LOOKED)], NOW_MS)
    assert client.post("/acknowledge", json=asked()).status_code == 410


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"group": 1}', b'{"group": "x", "more": 1}', b"x" * 5_000])
def test_what_is_no_answer_is_refused(client: TestClient, body: bytes) -> None:
    headers = {"content-type": "application/json", **BEARER}
    assert client.post("/acknowledge", content=body, headers=headers).status_code == 400
    assert client.post("/api/test", content=body, headers=headers).status_code == 400
    assert client.post("/api/enable", content=body, headers=headers).status_code == 400


@pytest.mark.parametrize("path", ["/", "/api/notices", "/api/test/nl"])
def test_reading_asks_for_the_token(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 401
    assert client.get(path, headers=BEARER).status_code == 200


def test_doing_asks_for_the_token(client: TestClient) -> None:
    assert client.post("/api/test", json={"desk": "nl"}).status_code == 401
    assert client.post("/api/enable", json={"desk": "nl", "channel": "duty"}).status_code == 401


def test_page_and_api_show_what_nobody_has_answered(client: TestClient) -> None:
    document = client.get("/api/notices", headers=BEARER).json()
    (group,) = document["groups"]
    assert (group["group"], group["covers"], group["steps"], group["of"]) == (GROUP, 7, 1, 2)
    assert {channel["channel"]: channel["pending"] for channel in document["channels"]} == {"duty": 1, "chief": 0}
    page = client.get("/", headers=BEARER).text
    assert "target missed" in page
    assert "1 of 2" in page


@pytest.mark.parametrize("desk", ["nll", ""])
def test_a_desk_that_nobody_knows_is_not_one_of_which_nothing_is_open(client: TestClient, desk: str) -> None:
    found = client.get(f"/api/notices?desk={desk}", headers=BEARER)
    assert (found.status_code, found.json()) == (404, {"desk": desk, "message": "No such desk."})
    assert client.get(f"/?desk={desk}", headers=BEARER).status_code == 404
    answered = client.post("/acknowledge", json={"group": f"{desk}/routine/target_missed"}, headers=BEARER)
    assert (answered.status_code, answered.json()["message"]) == (404, "No such desk.")


def test_a_desk_that_was_taken_out_of_the_configuration_is_reached_while_something_of_it_is_kept(
    database: Database, client: TestClient
) -> None:
    with database.transaction() as connection:
        Ladders(whom(), TOKENS).take(connection, [notice(9, desk="be")], NOW_MS)
    (group,) = client.get("/api/notices?desk=be", headers=BEARER).json()["groups"]
    assert client.post("/acknowledge", json={"group": group["group"]}, headers=BEARER).status_code == 200
    assert client.get("/api/notices?desk=be", headers=BEARER).json()["groups"] == []
    assert client.get("/?desk=be", headers=BEARER).status_code == 200
    tested = client.post("/api/test", json={"desk": "be"}, headers=BEARER)
    assert (tested.status_code, tested.json()["message"]) == (404, "No channel is configured for be: nobody is told.")


def test_told_is_who_took_their_newest_message_and_who_did_not_is_said(client: TestClient, database: Database) -> None:
    told = whom(nl=notify(Rung(0, ("duty", "chief", "bus")), channels=("duty", "chief", "bus")))
    came: dict[str, Decision] = {"duty": Done(), "chief": GivenUp("http_4xx"), "bus": Again(NOW_MS, "timeout")}
    with database.transaction() as connection:
        Ladders(told, TOKENS).take(connection, [notice(9, NoticeType.URGENT_ARRIVED, lane=Lane.URGENT)], NOW_MS)
        for channel, decision in came.items():
            claimed = claims.claim(connection, {Endpoint("nl", channel): 2}, "one", NOW_MS)
            claims.settle(connection, [Settled(each, decision) for each in claimed], "one", NOW_MS)
    groups = {each["group"]: each for each in client.get("/api/notices", headers=BEARER).json()["groups"]}
    urgent = groups["nl/urgent/urgent_arrived"]
    assert (urgent["told"], urgent["waiting"], urgent["given_up"]) == (["duty"], ["bus"], ["chief"])
    assert "duty, bus (not taken yet), chief (given up)" in client.get("/", headers=BEARER).text
    with database.transaction() as connection:
        Ladders(told, TOKENS).tick(connection, 10, NOW_MS + 86_400_000)
    groups = {each["group"]: each for each in client.get("/api/notices", headers=BEARER).json()["groups"]}
    assert groups["nl/urgent/urgent_arrived"]["told"] == []


def test_each_desk_of_which_nobody_is_told_is_counted_whole_however_many_groups_there_are(database: Database) -> None:
    desks = [f"d{n}" for n in range(300)]
    kinds = (NoticeType.TARGET_MISSED, NoticeType.OLDEST_WAITING, NoticeType.EXPIRING_SOON, NoticeType.DESK_SILENT)
    with database.transaction() as connection:
        Ladders(whom(), TOKENS).take(connection, [notice(9, kind, desk) for desk in desks for kind in kinds], NOW_MS)
    told = look(database, whom(nl=notify()), Figures(), NOW_MS)
    assert len(told.groups) < told.untold == 1_200
    assert told.untold_of == dict.fromkeys(desks, 4)
    assert ">300 desks<" in told_page(told)


def test_what_one_desk_gave_up_is_not_hidden_by_what_others_did(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "MOST", 1)
    told = whom(nl=notify(), fr=notify())
    for later, desk in enumerate(("nl", "fr")):
        with database.transaction() as connection:
            Ladders(told, TOKENS).take(connection, [notice(9, desk=desk)], NOW_MS)
            claimed = claims.claim(connection, {Endpoint(desk, "duty"): 2}, "one", NOW_MS)
            settled = [Settled(each, GivenUp("timeout")) for each in claimed]
            claims.settle(connection, settled, "one", NOW_MS + later)
    (failed,) = client.get("/api/notices?desk=nl", headers=BEARER).json()["failed"]
    assert failed["desk"] == "nl"


def test_a_test_is_put_into_the_outbox_and_wakes_the_deliverer(client: TestClient, woken: list[Endpoint]) -> None:
    found = client.post("/api/test", json={"desk": "nl"}, headers=BEARER).json()
    assert {each["channel"]: each["state"] for each in found["channels"]} == {"duty": "pending", "chief": "pending"}
    assert set(woken) == {Endpoint("nl", "duty"), Endpoint("nl", "chief")}
    assert client.post("/api/test", json={"desk": "be"}, headers=BEARER).status_code == 404


@pytest.mark.parametrize(
    ("desk", "channel", "words"),
    [
        ("nl", "dutty", "nl has no channel of that name. There is duty, chief."),
        ("xx", "duty", "No such desk."),
        ("nl", "duty", "That endpoint is not disabled."),
    ],
)
def test_what_cannot_be_enabled_is_said_for_what_it_is(client: TestClient, desk: str, channel: str, words: str) -> None:
    answer = client.post("/api/enable", json={"desk": desk, "channel": channel}, headers=BEARER)
    assert (answer.status_code, answer.json()["message"]) == (404, words)


def test_only_what_is_disabled_is_enabled(client: TestClient, database: Database) -> None:
    document = {"desk": "nl", "channel": "duty"}
    assert client.post("/api/enable", json=document, headers=BEARER).status_code == 404
    with database.transaction() as connection:
        store.disable(connection, Endpoint("nl", "duty"), "address", NOW_MS)
    assert client.post("/api/enable", json=document, headers=BEARER).status_code == 200
