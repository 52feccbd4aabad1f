"""Python's interpreter, told what a service's threads are like."""

import ctypes
import gc
import sys
from typing import Final

HEAPS: Final = 2
KEPT_BYTES: Final = 256 * 1024 * 1024
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_LARGEST: Final = 32 * 1024 * 1024
"""What the allocator at most takes for a threshold."""
TURN_S: Final = 0.0005
"""A thread that computes gives way after this, where another waits. One that asks a database fifty small things gives
way fifty times, and would wait for five milliseconds each time (Python's own `sys.getswitchinterval`)."""


def spare_the_collector(objects: int = 50_000) -> None:
    """A transaction makes thousands of short-lived objects and no cycles: look for those after so many more."""
    gc.freeze()
    gc.set_threshold(objects, 50, 100)


def share_the_heap() -> None:
    """Of a process with many threads that allocate and free as much: two heaps instead of eight for each processor.

    What a thread frees stays in its heap, and nobody else's can use it. And what a batch freed is kept for the next
    one: to give it back and have it anew costs a tenth of storing it (glibc's mallopt(3); others have no such heaps).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, HEAPS)
        mallopt(_M_MMAP_THRESHOLD, _LARGEST)
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)


def take_short_turns() -> None:
    """Of a process whose threads both compute and wait: rendering metrics must not hold up what is stored."""
    sys.setswitchinterval(TURN_S)
