"""`python -m services.router.document [--check]`: writes `docs/metrics.md` from the code, or says that it is old."""

import sys
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry

from policy.configuration import Configuration, load
from services.router.metrics import RouterMetrics
from services.runtime.metrics import document
from services.runtime.pages import keep

PAGE: Final = Path("docs/metrics.md")
HEAD: Final = """# Metrics

Generated from the code by `make docs`; do not edit. Every series with a known label exists, at zero, from the first
scrape; what a transaction caused is counted when it is committed. Times are Unix timestamps: a rule computes the age.

## Router (`:9464/metrics`)

"""


def page(configuration: Configuration) -> str:
    """The whole page."""
    registry = CollectorRegistry()
    RouterMetrics(configuration, registry)
    return HEAD + document(list(registry._collector_to_names))


def main(arguments: list[str]) -> int:
    """0 when written or up to date, 1 when `--check` finds it old."""
    return keep(PAGE, page(load(Path("deploy"))), arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
