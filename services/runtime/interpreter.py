"""Python's interpreter, told what a service's threads are like."""

import gc
import sys
from typing import Final

TURN_S: Final = 0.0005
"""A thread that computes gives way after this, where another waits. One that asks a database fifty small things gives
way fifty times, and would wait for five milliseconds each time (Python's own `sys.getswitchinterval`)."""


def spare_the_collector() -> None:
    """A transaction makes thousands of short-lived objects and no cycles: look for those less often."""
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


def take_short_turns() -> None:
    """Of a process whose threads both compute and wait: rendering metrics must not hold up what is stored."""
    sys.setswitchinterval(TURN_S)
