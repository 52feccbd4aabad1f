"""Notifier processes, and what one of them shows."""

import sys
from typing import Final

from tests.faults.ledger.processes import LedgerProcess

PROGRAM: Final = (sys.executable, "-m", "services.notifier")


class NotifierProcess(LedgerProcess):
    """A notifier where a ledger would run: the same life, the same way to ask for figures."""

    @property
    def listens(self) -> bool:
        """Whether it is about to work: its port answers."""
        return self.running and self._port() is not None
