"""How a process ends: four codes, and the two exceptions whose text is the one line a person reads."""

import sys
from collections.abc import Callable
from typing import Final

DONE: Final = 0
FOUND: Final = 1
"""Ran, and found something wrong: a tally that does not add up, an invalid file."""
USAGE: Final = 2
"""Wrong usage or configuration."""
CANNOT_RUN: Final = 3
"""Cannot run here: a port is taken, a broker is out of reach, a prerequisite is missing."""


class CannotRun(Exception):  # noqa: N818 - said as it reads
    """The text is one clear line: what is missing, why it is needed, what to do."""


class WrongUse(Exception):  # noqa: N818 - said as it reads
    """The text names each wrong setting or argument on a line of its own, and what would be right."""


def run_main(main: Callable[[], int]) -> int:
    """The exit code of `main`; the two exceptions above become their text on stderr and their code."""
    try:
        return main()
    except CannotRun as refusal:
        print(f"cannot run: {refusal}", file=sys.stderr)  # noqa: T201 - the last word of a process
        return CANNOT_RUN
    except WrongUse as refusal:
        print(f"wrong use: {refusal}", file=sys.stderr)  # noqa: T201 - the last word of a process
        return USAGE
