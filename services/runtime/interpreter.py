"""Python's interpreter, told what a service's threads are like."""

import ctypes
import gc
import sys
from typing import Final

HEAPS: Final = 2
_M_ARENA_MAX: Final = -8
TURN_S: Final = 0.0005
"""A thread that computes gives way after this, where another waits. One that asks a database fifty small things gives
way fifty times, and would wait for five milliseconds each time (Python's own `sys.getswitchinterval`)."""


def spare_the_collector() -> None:
    """A transaction makes thousands of short-lived objects and no cycles: look for those less often."""
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


def share_the_heap() -> None:
    """Of a process with many threads that allocate and free as much: two heaps instead of eight for each processor.

    What a thread frees stays in its heap, and nobody else's can use it (glibc's mallopt(3); others have no such heaps).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, HEAPS)


def take_short_turns() -> None:
    """Of a process whose threads both compute and wait: rendering metrics must not hold up what is stored."""
    sys.setswitchinterval(TURN_S)
