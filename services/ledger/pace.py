"""How many records one transaction takes: as many as are stored in some two seconds, whatever the machine. Pure.

Many cost less each. But a server ends a transaction in which nothing is said for as long as a lease holds, and a ledger
that always took as many would begin the same work anew for ever, on a machine that is busy enough.
"""

from typing import Final

from services.runtime.topic_reader import BATCH

FEWEST: Final = 1_000
"""Records: where every session begins."""
LONG_S: Final = 3.0
SHORT_S: Final = 1.5


def at_once(now: int, taken: int, took_s: float) -> int:
    """How many next, after a transaction of `taken` records that took so long while at most `now` were wanted."""
    if took_s > LONG_S:
        return max(FEWEST, now // 2)
    if took_s < SHORT_S and taken > now // 2:  # ends of partitions come among the records
        return min(BATCH, now * 2)
    return now
