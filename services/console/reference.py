"""Writes docs/commands.md from the commands themselves: `python -m services.console.reference`, or `--check`."""

import sys
from inspect import cleandoc
from pathlib import Path
from typing import Any, Final

from services.console.__main__ import ABOUT, Entry, load, present
from services.runtime.exits import DONE, FOUND

PAGE: Final = Path("docs/commands.md")
HEAD: Final = "# Commands\n\n<!-- Written by `python -m services.console.reference`; a test holds it to the code. -->\n"


def page() -> str:
    """The whole page, Markdown."""
    entries = present()
    table = "\n".join(f"| [`{e.name}`](#referrals-{e.name}) | {e.panel.lower()} | {e.summary} |" for e in entries)
    parts = [HEAD, cleandoc(ABOUT), f"| command | | |\n|---|---|---|\n{table}", *map(_section, entries)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _section(entry: Entry) -> str:
    command = load(entry)
    help_text = cleandoc(command.callback.__doc__)
    text, _, examples = help_text.partition("\n\nExamples:\n\n")
    shown = [f"## referrals {entry.name}", text]
    if command.params:
        shown.append(_parameters(command))
    if examples:
        shown.append(f"```sh\n{cleandoc(examples)}\n```")
    return "\n\n".join(shown)


def _parameters(command: Any) -> str:
    rows = [f"| `{_usage(param)}` | {_meaning(param)} |" for param in command.params]
    return "\n".join(["| | |", "|---|---|", *rows])


def _usage(param: Any) -> str:
    if param.param_type_name == "argument":
        return f"{param.metavar or param.name.upper()}{'...' if param.nargs == -1 else ''}"
    names = ", ".join((*param.opts, *param.secondary_opts))
    return names if param.is_flag else f"{names} {param.metavar or param.name.upper()}"


def _meaning(param: Any) -> str:
    stated = param.default not in (None, False, ()) and not callable(param.default)
    return f"{param.help}{f' Default: {param.default}.' if stated else ''}".replace("|", "\\|")


def main() -> int:
    """Write the page, or with `--check` say whether it is up to date."""
    if "--check" not in sys.argv[1:]:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page())
        return DONE
    if PAGE.is_file() and PAGE.read_text() == page():
        return DONE
    print(f"{PAGE} is not up to date: run `python -m services.console.reference`", file=sys.stderr)
    return FOUND


if __name__ == "__main__":
    sys.exit(main())
