"""The names of the notifier's rows, and their bars."""

from typing import Final

NOTICE_P50: Final = "notice-latency-p50"
NOTICE_P99: Final = "notice-latency-p99"
PROBES: Final = (NOTICE_P50, NOTICE_P99)
RATE: Final = "notices-rate"
RSS: Final = "notices-rss"
COVERED: Final = "notices-covered"
VOLUME: Final = (RATE, RSS, COVERED)
"""Of one load."""
P99: Final = "notices-p99"
P99_DEAD: Final = "notices-p99-dead"
PACED: Final = (P99, P99_DEAD)
NAMES: Final = (*PROBES, *VOLUME, *PACED)
"""What `--only` takes."""

BARS: Final = {
    NOTICE_P50: "at most 300",
    NOTICE_P99: "at most 1,000",
    RATE: "at least 1,000",
    RSS: "flat",
    COVERED: "all",
}


def barred(row: str, what: str) -> str:
    """What a row is of, and its bar where it has one."""
    return f"{what}; bar: {BARS[row]}" if row in BARS else what
