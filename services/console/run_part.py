"""A service that a run starts: a process whose output goes to a file, and which must not end by itself."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from services.console import output
from services.runtime.child import Child

LAST_WORDS: Final = 400
ROUTER: Final = "router"
LEDGER: Final = "ledger"
NOTIFIER: Final = "notifier"
SINKS: Final = "sinks"
SIMULATOR: Final = "simulator"
DESKS: Final = "desks"
MODULES: Final = {
    ROUTER: "services.router",
    LEDGER: "services.ledger",
    NOTIFIER: "services.notifier",
    SINKS: "services.simulator.sinks",
    SIMULATOR: "services.simulator",
    DESKS: "services.simulator.desks",
}
NAMES: Final = {
    ROUTER: "the router",
    LEDGER: "the ledger",
    NOTIFIER: "the notifier",
    SINKS: "the desks' ends",
    SIMULATOR: "the simulator",
    DESKS: "the simulated desks",
}
_SEVERAL: Final = (SINKS, DESKS)


class Part:
    """A child that must not end by itself, its output in a file of its own."""

    def __init__(self, name: str, log: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = log
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".before.log"))
        with self.log.open("wb") as file:
            self._child = Child([sys.executable, "-m", MODULES[name]], output=file, environment=environment)
        self._ended = False

    @property
    def fault(self) -> str | None:
        """One line when it ended and nobody asked it to."""
        if self._ended or self._child.alive:
            return None
        return (
            f"{NAMES[self.name]} ended by {'themselves' if self.name in _SEVERAL else 'itself'}; why is in {self.log}"
        )

    def end(self, patience_s: float) -> bool:
        """Ask it to end and wait; killed after that. False when it had to be killed."""
        self._ended = True
        return self._child.end(patience_s)

    def last_words(self) -> str:
        """The last line it wrote."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return output.printable(next((line for line in reversed(lines) if line.strip()), "nothing"), LAST_WORDS)


@contextmanager
def started(name: str, log: Path, environment: Mapping[str, str], patience_s: float) -> Iterator[Part]:
    """The part while the block runs; asked to end after it, and killed after `patience_s`."""
    part = Part(name, log, environment)
    try:
        yield part
    finally:
        part.end(patience_s)
