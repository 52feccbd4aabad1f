"""The command as a whole: what it lists, how it ends, and what it never shows."""

import subprocess
import sys
from pathlib import Path

import pytest

from services.console import check, reference
from services.console.__main__ import Entry, flowing, load, present
from tests.console_command import referrals

DOCUMENTED = Path(__file__).parents[2] / reference.PAGE


def test_help_lists_every_installed_command() -> None:
    ran = referrals("--help")
    assert ran.code == 0
    assert all(entry.name in ran.out for entry in present())


def test_help_does_not_load_the_kafka_client() -> None:
    code = (
        "import sys; sys.argv = ['referrals', '--help']\n"
        "from services.console.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.exit('confluent_kafka' in sys.modules or 'pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0


@pytest.mark.parametrize("entry", present(), ids=lambda entry: entry.name)
def test_what_the_list_says_is_what_the_command_says(entry: Entry) -> None:
    assert load(entry).callback.__doc__.splitlines()[0] == entry.summary


@pytest.mark.parametrize("entry", present(), ids=lambda entry: entry.name)
def test_every_command_shows_examples_and_its_options(entry: Entry) -> None:
    ran = referrals(entry.name, "--help")
    assert ran.code == 0
    assert "Examples:" in ran.out
    assert f"referrals {entry.name}" in ran.out
    assert ran.err == ""


@pytest.mark.parametrize("entry", [e for e in present() if e.name != "run"], ids=lambda entry: entry.name)
def test_every_command_but_run_has_json(entry: Entry) -> None:
    assert "--json" in {name for parameter in load(entry).params for name in parameter.opts}


def test_a_mistyped_command_is_wrong_use_and_names_the_nearest() -> None:
    ran = referrals("recipts", "ncmec")
    assert ran.code == 2
    assert "receipts" in ran.err
    assert ran.out == ""


@pytest.mark.parametrize("arguments", [["check"], ["check", "--colour", "x"], ["publish", "--timeout", "0", "x"]])
def test_wrong_arguments_exit_with_2(arguments: list[str]) -> None:
    assert referrals(*arguments).code == 2


def test_an_unforeseen_fault_shows_its_place_and_never_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(names: list[str]) -> list[str]:
        raise ValueError(f"could not make sense of {names}")

    monkeypatch.setattr(check, "files", fail)
    ran = referrals("check", "payload-in-an-exception")
    assert ran.code == 3
    assert "ValueError" in ran.err
    assert "test_console_main.py" in ran.err
    assert "payload-in-an-exception" not in ran.err + ran.out


def test_a_broker_out_of_reach_is_one_line_and_3() -> None:
    ran = referrals("lag", environment={"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    assert ran.code == 3
    assert len(ran.err.splitlines()) == 1
    assert "127.0.0.1:1" in ran.err


def test_an_unknown_partner_is_wrong_use_and_the_nearest_is_named() -> None:
    ran = referrals("receipts", "ncmek")
    assert ran.code == 2
    assert "ncmec" in ran.err


def test_an_unknown_setting_is_wrong_use_and_the_nearest_is_named() -> None:
    ran = referrals("lag", environment={"KAFKA_BOOTSTRAP_SERVER": "127.0.0.1:1"})
    assert ran.code == 2
    assert "KAFKA_BOOTSTRAP_SERVERS" in ran.err


def test_help_keeps_examples_line_by_line_and_lets_paragraphs_flow() -> None:
    assert (
        flowing("One.\n\n    Two\n    lines.\n\n      a [b]\n      c\n    ") == "One.\n\nTwo lines.\n\n  a \\[b]\n  c"
    )


def test_the_page_of_commands_is_up_to_date() -> None:
    assert DOCUMENTED.read_text() == reference.page(), "run `python -m services.console.reference`"
