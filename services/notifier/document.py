"""`python -m services.notifier.document [--check]`: writes `docs/metrics-notifier.md`, or says that it is old."""

import sys
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry

from policy.notify import Notify, Rung, Webhook
from services.notifier.figures import Figures
from services.notifier.metrics import NotifierMetrics
from services.notifier.whom import Whom
from services.runtime.metrics import document
from services.runtime.pages import keep

PAGE: Final = Path("docs/metrics-notifier.md")
HEAD: Final = """# Metrics of the notifier

Generated from the code by `make docs`; do not edit. Every series with a known label exists, at zero, from the first
scrape: for each desk and for `operator`, and for each channel that is configured. Counters are one process's own and
add up over notifiers. Gauges of the outbox and the ladders come from the notifier that holds the lease; the others
show 0. Times are Unix timestamps: a rule computes the age.

## Notifier (`:9466/metrics`)

"""
_SHOWN: Final = Whom({"nl": Notify({"duty": Webhook("duty", "https://desk.example", Path())}, (Rung(0, ("duty",)),))})


def page() -> str:
    """The whole page."""
    return HEAD + document([NotifierMetrics(_SHOWN, Figures(), CollectorRegistry())])


def main(arguments: list[str]) -> int:
    """0 when written or up to date, 1 when `--check` finds it old."""
    return keep(PAGE, page(), arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
