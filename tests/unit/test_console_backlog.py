"""`referrals backlog`, asked of a ledger's page that a test filled."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from services.ledger.page.routes import routes
from services.runtime.http import serve
from services.runtime.page.access import Access
from tests.console_command import referrals
from tests.ledger_world import NOW_MS, with_unreporting, world_figures


@pytest.fixture
async def url() -> AsyncIterator[str]:
    configuration = with_unreporting()
    pages = routes(world_figures(), configuration, frozenset(configuration.desks.by_id), Access(None), lambda: NOW_MS)
    async with serve(CollectorRegistry(), lambda: (True, {}), "127.0.0.1", 0, pages) as server:
        yield server.url


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


async def test_where_no_ledger_answers_it_says_what_to_do(tmp_path: Path) -> None:
    code, _, error = await asked("--url", "http://127.0.0.1:1")
    assert code == 3
    assert "start it" in error
