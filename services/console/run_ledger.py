"""The ledger as the run sees it: its page, its figures, and the database that is its own."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.console.cluster import METADATA_SECONDS, admin, broker_errors
from services.console.run_backlog import Backlog, read_backlog
from services.console.run_port import ServicePort, reachable
from services.console.run_settings import RunSettings
from services.console.token_file import token_of
from services.runtime.kafka import KafkaSettings

SLOT_SECONDS: Final = 5
"""Of a simulated run, whose targets are seconds: an hour would be one span."""
SLOT: Final = "REFERRAL_LEDGER_SLOT_SECONDS"
DATABASE: Final = "DATABASE_URL"


@dataclass(frozen=True, slots=True)
class LedgerPort(ServicePort):
    """Where the ledger answers, and the token that it asks for."""

    token: str | None = None

    @property
    def page(self) -> str:
        """For a browser."""
        return f"http://{self.host}:{self.port}/"

    def backlog(self) -> Backlog | None:
        """What it counts now; None when it does not answer."""
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        content = self.get("/api/backlog", headers)
        return None if content is None else read_backlog(json.loads(content))


def ledger_port(settings: RunSettings, port: int) -> LedgerPort:
    """Of these settings. WrongUse where the file with the token cannot be read: the ledger would refuse it too."""
    token = token_of(settings.ledger_token_file, "REFERRAL_LEDGER_TOKEN_FILE")
    return LedgerPort(reachable(settings.ledger_host), port, token)


def ledger_environment(environment: Mapping[str, str], cluster_id: str, directory: Path) -> dict[str, str]:
    """For the ledger of a simulated run: spans of seconds, and a database that can only be this cluster's.

    A database is bound for life to its cluster and its width of span. So both are in its name: whatever another run
    has left in the directory, of other data or other settings, stays as it is and is never in the way.
    """
    width = environment.get(SLOT) or str(SLOT_SECONDS)
    database = directory / f"ledger-{cluster_id}-{width}s.db"
    own = {SLOT: width, DATABASE: environment.get(DATABASE) or f"sqlite:///{database}"}
    return {**environment, **own}


def cluster_id(kafka: KafkaSettings) -> str:
    """Of the cluster that these settings lead to."""
    client = admin(kafka)
    with broker_errors("asking the cluster who it is"):
        return str(client.list_topics(timeout=METADATA_SECONDS).cluster_id)


def settle(port: LedgerPort, deadline_s: float, meanwhile: Callable[[Backlog | None], bool]) -> bool:
    """Wait until the ledger has read all there is twice over: what was there when asked, and what it looked at later.

    It looks for the ends of its topics every few seconds, so that a lag of 0 may be an old one: time must pass, and
    numbers stand still. False after `deadline_s`, or when `meanwhile` gave up.
    """
    began, still_since, before = time.monotonic(), time.monotonic(), None
    while time.monotonic() - began < deadline_s:
        found = port.backlog()
        if found is None or found.lag or not found.current or found.counted != before:
            before, still_since = found.counted if found is not None else None, time.monotonic()
        elif time.monotonic() - still_since > STILL_SECONDS:
            return True
        if not meanwhile(found):
            return False
    return False


STILL_SECONDS: Final = 6.0
"""More than the ledger takes from one look at the ends of its topics to the next."""
