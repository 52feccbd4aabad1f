"""Wires the `referrals` command: what it is called, which module does it, and what an exception exits with."""

import logging
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from inspect import cleandoc
from traceback import extract_tb
from typing import Any, Final

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

from services.runtime.exits import CANNOT_RUN, DONE, CannotRun, WrongUse, run_main

START: Final = "To start"
PARTNERS: Final = "For partners"
DESKS: Final = "For desks"
OPERATORS: Final = "For operators"


@dataclass(frozen=True, slots=True)
class Entry:
    """A sub-command: the function `command` of its module here, imported when it is called."""

    name: str
    panel: str
    summary: str

    @property
    def module(self) -> str:
        """The module's last name."""
        return self.name.replace("-", "_")


ENTRIES: Final = (
    Entry("run", START, "Start everything here, and show what is routed and what nobody has looked at."),
    Entry("provision", START, "Create and align the topics that the configuration asks for."),
    Entry("check-config", START, "Check deploy/ and the settings, and print what each service would run with."),
    Entry("check", PARTNERS, "Check envelopes offline, as the router would."),
    Entry("publish", PARTNERS, "Publish envelopes, and wait for the broker's acknowledgements."),
    Entry("receipts", PARTNERS, "Read what became of a partner's records."),
    Entry("desk", DESKS, "See what waits at your desk, and say what you did with it."),
    Entry("backlog", OPERATORS, "Show what nobody has looked at, by desk and lane."),
    Entry("notices", OPERATORS, "Show what nobody has answered, and which channels do not take what they are sent."),
    Entry("acknowledge", OPERATORS, "Say that somebody has it in hand, so that nobody else is told."),
    Entry("notify", OPERATORS, "Test the channels of a desk, or enable an endpoint that was disabled."),
    Entry("lag", OPERATORS, "Show how far the router is behind, in records and in time."),
    Entry("quarantine", OPERATORS, "List the records that were refused: reason and place, never content."),
    Entry("tally", OPERATORS, "Add up, from the topics themselves, that nothing is lost or doubled."),
    Entry("reconcile", OPERATORS, "Make the ledger's counts again from its entries, and name what is missing."),
)


def present() -> tuple[Entry, ...]:
    """The entries whose module is installed."""
    return tuple(entry for entry in ENTRIES if find_spec(f"{__package__}.{entry.module}"))


def load(entry: Entry) -> Any:
    """The command itself, its module imported."""
    module = import_module(f"{__package__}.{entry.module}")
    single = typer.Typer(add_completion=False)
    single.command(entry.name, help=flowing(module.command.__doc__))(module.command)
    return typer.main.get_command(single)


def flowing(text: str) -> str:
    """A docstring as help: paragraphs flow, what is indented stays as it is, brackets are no markup."""
    paragraphs = escape(cleandoc(text)).split("\n\n")
    return "\n\n".join(part if part.startswith(" ") else part.replace("\n", " ") for part in paragraphs)


class Commands(TyperGroup):
    """Lists its commands without importing them, so that `--help` does not wait for Kafka's client."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        for entry in present():
            self.add_command(TyperCommand(entry.name, help=entry.summary, rich_help_panel=entry.panel))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The named command, loaded now."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load(next(entry for entry in present() if entry.name == name)), rest


app = typer.Typer(
    cls=Commands, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip


ABOUT: Final = """
Route every referral to the right desk exactly once, and keep the count until a human has looked.

The broker is KAFKA_BOOTSTRAP_SERVERS (127.0.0.1:9092 when not set), the configuration is in REFERRAL_CONFIG_DIR
(deploy when not set). Results go to stdout, all else to stderr.

Exit codes: 0 done; 1 ran, and something is wrong; 2 wrong use or configuration; 3 cannot run here.
"""


@app.callback(help=flowing(ABOUT))
def referrals() -> None:
    """What is before the sub-command: nothing so far."""


def main() -> None:
    """The entry point: no exception that could be foreseen leaves as a traceback."""
    # What the client libraries log is for services; without a handler, Python prints it. `run` sets its own.
    logging.getLogger().addHandler(logging.NullHandler())
    sys.exit(run_main(_run))


def _run() -> int:
    try:
        app(prog_name="referrals")
    except (CannotRun, WrongUse):
        raise
    except Exception as error:  # noqa: BLE001 - its text may hold what a partner sent: only its place is shown
        print(_place_of(error), file=sys.stderr)
        return CANNOT_RUN
    return DONE


def _place_of(error: Exception) -> str:
    """Type and places of a fault of ours, innermost last; never its text."""
    frames = extract_tb(error.__traceback__)
    places = "\n".join(f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)
    return f"a fault in this program, please report it: {type(error).__name__} at\n{places}"


if __name__ == "__main__":
    main()
