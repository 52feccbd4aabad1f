"""The names of the ledger's rows, and what is divided by what."""

from typing import Final

INTAKE: Final = "ledger-intake"
BARE: Final = "ledger-bare"
STATUS: Final = "ledger-status"
BYTES: Final = "ledger-bytes"
SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
KINDS: Final = (SQLITE, POSTGRESQL)
INTAKE_RSS: Final = "ledger-intake-rss"
SCRAPE: Final = "ledger-scrape"
SCRAPE_BUSY: Final = "ledger-scrape-intake"
PAGE: Final = "ledger-page"
START: Final = "ledger-start"
RSS: Final = "ledger-rss"
SCALE: Final = (SCRAPE, SCRAPE_BUSY, PAGE, START, RSS)
FEW: Final = "-few"
"""Ends the name of a row of `SCALE` that was measured with few entries."""
FRESH_P50: Final = "ledger-fresh-p50"
FRESH_P99: Final = "ledger-fresh-p99"
FRESH: Final = (FRESH_P50, FRESH_P99)


def of_kind(row: str, kind: str) -> str:
    """A row that each database has: `ledger-intake-sqlite`."""
    return f"{row}-{kind}"


BY_KIND: Final = (INTAKE, BARE, STATUS, BYTES)
NAMES: Final = (*(of_kind(row, kind) for row in BY_KIND for kind in KINDS), INTAKE_RSS, *SCALE, *FRESH)
"""What `--only` takes."""

BARS: Final = {
    of_kind(INTAKE, SQLITE): "at least 15,000",
    of_kind(INTAKE, POSTGRESQL): "at least 8,000",
    of_kind(STATUS, SQLITE): "at least 15,000",
    of_kind(STATUS, POSTGRESQL): "at least 8,000",
    SCRAPE: "at most 100, and 1.2 times that with few",
    PAGE: "at most 200",
    FRESH_P99: "at most 1,000",
}
RATIO_BARS: Final = {SCRAPE: "at most 1.2", SCRAPE_BUSY: "none", PAGE: "none", RSS: "flat", START: "none"}
"""Of many entries to few."""


def barred(row: str, what: str) -> str:
    """What a row is of, and its bar where it has one."""
    return f"{what}; bar: {BARS[row]}" if row in BARS else what
