"""Python's garbage collector, told what a service's loop is like."""

import gc


def spare_the_collector() -> None:
    """A transaction makes thousands of short-lived objects and no cycles: look for those less often."""
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
