"""Which desks a ledger is told to hold, and what is refused: one line that names the variable, and exit code 2."""

import sys

import pytest

from services.ledger import reconcile
from services.ledger.settings import LedgerSettings
from services.runtime.exits import USAGE, WrongUse, run_main
from services.runtime.settings import read

KNOWN = frozenset({"nl", "de"})


@pytest.mark.parametrize(
    ("text", "desks"), [("", KNOWN), ("all", KNOWN), (" all ,", KNOWN), ("nl", {"nl"}), (" nl, de,", {"nl", "de"})]
)
def test_the_desks_are_all_or_those_that_are_named(text: str, desks: frozenset[str]) -> None:
    assert read(LedgerSettings, {"REFERRAL_LEDGER_DESKS": text}).chosen(KNOWN) == desks


@pytest.mark.parametrize("text", [",", " ", " , ,"])
def test_a_list_without_a_desk_is_refused(text: str) -> None:
    with pytest.raises(WrongUse, match=r"^REFERRAL_LEDGER_DESKS: found .* it names no desk; expected `all`.*$"):
        read(LedgerSettings, {"REFERRAL_LEDGER_DESKS": text})


@pytest.mark.parametrize("variable", ["REFERRAL_LEDGER_DESKS", "REFERRAL_LEDGER_TRACK"])
def test_a_desk_that_the_table_does_not_have_is_named_with_its_variable(variable: str) -> None:
    settings = read(LedgerSettings, {variable: "nl,nll"})
    with pytest.raises(WrongUse, match=f"^{variable}: no desk 'nll' in desks.yaml$"):
        settings.chosen(KNOWN) and settings.tracked(KNOWN)


def test_reconcile_refuses_it_with_the_code_of_wrong_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REFERRAL_LEDGER_DESKS", "nll")
    monkeypatch.setattr(sys, "argv", ["reconcile"])
    assert run_main(reconcile.main) == USAGE
    assert capsys.readouterr().err == "wrong use: REFERRAL_LEDGER_DESKS: no desk 'nll' in desks.yaml\n"
