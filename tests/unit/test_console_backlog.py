"""`referrals backlog`, asked of a ledger's page that a test filled."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from services.ledger.page.routes import routes
from services.runtime.http import serve
from services.runtime.page.access import Access
from tests.console_command import referrals
from tests.ledger_world import NOW_MS, with_unreporting, world_figures

TOKEN = "an-operators-token-of-some-length"


@asynccontextmanager
async def served(token: str | None) -> AsyncIterator[str]:
    configuration, shown_to = with_unreporting(), Access(token)
    pages = routes(world_figures(), configuration, frozenset(configuration.desks.by_id), shown_to, lambda: NOW_MS)
    async with serve(CollectorRegistry(), lambda: (True, {}), "127.0.0.1", 0, pages) as server:
        yield server.url


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with served(None) as found:
        yield found


async def asked(*arguments: str) -> tuple[int, str, str]:
    done = await asyncio.to_thread(referrals, "backlog", *arguments)
    return done.code, done.out, done.err


async def test_it_shows_what_waits_by_desk_and_lane(url: str) -> None:
    code, out, _ = await asked("--url", url)
    assert code in (0, 1)
    assert "waiting" in out
    assert "nl" in out


async def test_a_desk_alone_as_json_is_the_ledgers_own_document(url: str) -> None:
    _, out, _ = await asked("nl", "--json", "--url", url)
    assert [desk["desk"] for desk in json.loads(out)["desks"]] == ["nl"]


async def test_an_unknown_desk_is_wrong_use(url: str) -> None:
    code, _, error = await asked("atlantis", "--url", url)
    assert code == 2
    assert "atlantis" in error


async def test_the_token_is_the_first_line_of_its_file_as_the_ledger_reads_its_own(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\na note beside it\n")
    async with served(TOKEN) as url:
        assert (await asked("--url", url))[0] == 2
        assert (await asked("--url", url, "--token-file", str(file)))[0] in (0, 1)
    file.write_text(f"\n{TOKEN}\n")
    code, _, error = await asked("--url", url, "--token-file", str(file))
    assert (code, "is empty; expected a file whose first line is the token" in error) == (2, True)


async def test_where_no_ledger_answers_it_says_what_to_do(tmp_path: Path) -> None:
    code, _, error = await asked("--url", "http://127.0.0.1:1")
    assert code == 3
    assert "start it" in error
