"""What the commands of all campaigns have in common: a place for logs, a file of the result, and how they end."""

import json
import shutil
import signal
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from rich.console import Console

from services.runtime.exits import DONE, FOUND, run_main


@contextmanager
def logs(prefix: str) -> Iterator[Path]:
    """A directory, which is gone where the campaign is ended; else it is for `end` to keep or remove."""
    directory = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield directory
    except (KeyboardInterrupt, SystemExit):
        shutil.rmtree(directory, ignore_errors=True)
        raise


def end(arguments: Namespace, console: Console, directory: Path, *, clean: bool, written: Mapping[str, Any]) -> int:
    """Write `arguments.json`; keep the logs where something was wrong. DONE or FOUND."""
    found = {"seed": arguments.seed, "broken": arguments.broken, "clean": clean, **written}
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(found, indent=1, default=str) + "\n")
    if clean:
        shutil.rmtree(directory, ignore_errors=True)
        return DONE
    console.print(f"The logs are in {directory}.")
    return FOUND


def run_as_program(main: Callable[[], int]) -> NoReturn:
    """With the exit codes of contract.md; SIGTERM as Ctrl-C: it unwinds, so that no process stays."""
    signal.signal(signal.SIGTERM, _leave)
    try:
        sys.exit(run_main(main))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
