"""`python -m services.ledger.document [--check]`: writes `docs/metrics-ledger.md`, or says that it is old."""

import sys
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry

from policy.configuration import Configuration, load
from services.ledger.figures import Figures
from services.ledger.metrics import LedgerMetrics
from services.runtime.metrics import document
from services.runtime.pages import keep

PAGE: Final = Path("docs/metrics-ledger.md")
HEAD: Final = """# Metrics of the ledger

Generated from the code by `make docs`; do not edit. Every series with a known label exists, at zero, from the first
scrape. They are made of tallies that change in the transaction that changes an entry: no entry is read for a scrape.
Times are Unix timestamps: a rule computes the age. Desks with `reporting: none` are in `referral_entries_unreported`
and in none of the series of what waits: what they have is unknown, not untouched.

## Ledger (`:9465/metrics`)

"""


def page(configuration: Configuration) -> str:
    """The whole page."""
    desks = frozenset(configuration.desks.by_id)
    return HEAD + document([LedgerMetrics(configuration, desks, Figures(), lambda: 0, CollectorRegistry())])


def main(arguments: list[str]) -> int:
    """0 when written or up to date, 1 when `--check` finds it old."""
    return keep(PAGE, page(load(Path("deploy"))), arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
