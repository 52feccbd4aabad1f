"""The ledger of a run: what it says, and a database that nothing else can be in the way of."""

from pathlib import Path
from typing import Any

import pytest

from services.console.run_backlog import Backlog, line_of_backlog, read_backlog
from services.console.run_ledger import LedgerPort, ledger_environment, ledger_port, settle
from services.console.run_settings import RunSettings
from services.ledger.page.api import backlog as document_of
from services.ledger.page.view import look
from services.runtime.exits import WrongUse
from tests.ledger_world import NOW_MS, with_unreporting, world_figures


def document() -> Any:
    configuration = with_unreporting()
    shown = look(world_figures(), configuration, frozenset(configuration.desks.by_id), NOW_MS)
    return document_of(shown).model_dump(mode="json")


def test_the_ledgers_own_document_is_added_up() -> None:
    said = document()
    found = read_backlog(said)
    lanes = [lane for desk in said["desks"] for lane in desk["lanes"]]
    assert found.waiting == sum(lane["waiting"] or 0 for lane in lanes) > 0
    assert found.unknown == sum(lane["unreported"] or 0 for lane in lanes) > 0
    assert found.closed == sum(sum((desk["closed"] or {}).values()) for desk in said["desks"])
    assert list(found.silent) == [desk["desk"] for desk in said["desks"] if "silent" in desk["signs"]]


def test_who_is_silent_is_named_and_of_many_only_some() -> None:
    few = Backlog(1, 0, 0, 0, 0, 0, 0, ("fr",), 0, 0, True)
    many = Backlog(1, 0, 0, 0, 0, 0, 0, tuple("abcdefgh"), None, 0, False)
    assert "silent 1 (fr)" in line_of_backlog(few)
    assert "silent 8 (a b c d e f …)" in line_of_backlog(many)
    assert "in doubt ?" in line_of_backlog(many)
    assert "no figures" in line_of_backlog(None)


def test_a_database_is_this_clusters_and_this_widths_alone() -> None:
    one, other, wide = (
        ledger_environment(given, cluster, Path("var"))["DATABASE_URL"]
        for given, cluster in (({}, "a"), ({}, "b"), ({"REFERRAL_LEDGER_SLOT_SECONDS": "60"}, "a"))
    )
    assert one == "sqlite:///var/ledger-a-5s.db"
    assert len({one, other, wide, "sqlite:///var/ledger.db"}) == 4


def test_a_database_that_is_set_is_taken() -> None:
    given = {"DATABASE_URL": "postgresql://ledger@db/ledger"}
    assert ledger_environment(given, "a", Path("var"))["DATABASE_URL"] == given["DATABASE_URL"]


def test_a_token_file_that_cannot_be_read_is_refused_before_anything_starts(tmp_path: Path) -> None:
    file = tmp_path / "token"
    settings = RunSettings.model_validate({"ledger_token_file": file})
    with pytest.raises(WrongUse, match="REFERRAL_LEDGER_TOKEN_FILE"):
        ledger_port(settings, 9465)
    file.write_text("secret\nmore\n")
    assert ledger_port(settings, 9465).token == "secret"


def test_waiting_for_a_ledger_that_does_not_answer_has_an_end() -> None:
    asked: list[Backlog | None] = []

    def meanwhile(found: Backlog | None) -> bool:
        asked.append(found)
        return len(asked) < 3

    assert not settle(LedgerPort("127.0.0.1", 1), 60.0, meanwhile)
    assert asked == [None, None, None]
