"""Metrics rendered beforehand: with tens of thousands of series a scrape would otherwise wait for them to be made."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry

from services.runtime.exposition import Exposition

LOOK_S: Final = 0.1
PAUSE: Final = 9
"""Pauses for so many times the CPU time of the last rendering: what reads and stores shares the interpreter."""
LONGEST_S: Final = 0.5
"""But never longer: a change is to show within a second."""
STALE_S: Final = 5.0
"""What depends on the clock alone is rendered anew after so long, though nothing changed."""


class Rendered:
    """The exposition of a registry as it last was, in the text format that every Prometheus reads."""

    content_type: Final = CONTENT_TYPE_LATEST

    def __init__(self, registry: CollectorRegistry, version: Callable[[], int]) -> None:
        self._exposition = Exposition(registry)
        self._version = version
        self._rendered_version = -1
        self._rendered_at = 0.0
        self.pause_s = LOOK_S
        self.text = b""
        self.render()

    def render(self) -> None:
        """Now."""
        self._rendered_version, self._rendered_at = self._version(), time.monotonic()
        before_s = time.thread_time()
        self.text = self._exposition.write()
        self.pause_s = min(LONGEST_S, max(LOOK_S, PAUSE * (time.thread_time() - before_s)))

    async def keep(self) -> None:
        """Render whenever something changed, and now and then; until cancelled."""
        while True:
            await asyncio.sleep(self.pause_s)
            if self._version() != self._rendered_version or time.monotonic() - self._rendered_at > STALE_S:
                await asyncio.to_thread(self.render)
