"""Pages that are generated from the code: written, or held against what the code says."""

import sys
from collections.abc import Sequence
from pathlib import Path

from services.runtime.exits import DONE, FOUND


def keep(page: Path, text: str, arguments: Sequence[str]) -> int:
    """Write the page, or with `--check` nothing. 0: it is up to date; 1: `--check` finds it old."""
    if "--check" not in arguments:
        page.write_text(text)
        return DONE
    if page.exists() and page.read_text() == text:
        return DONE
    print(f"{page} is not what the code says: run `make docs`", file=sys.stderr)  # noqa: T201 - a command's answer
    return FOUND
