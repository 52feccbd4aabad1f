"""Metrics rendered beforehand: with tens of thousands of series a scrape would otherwise wait for them to be made."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry

from services.runtime.exposition import Exposition
from services.runtime.log import Event, logger, places

LOOK_S: Final = 0.1
"""Pauses for at least so long, and for as long as the last rendering took of a processor where the process has nothing
else to do; the busier it is, the longer, since what reads and stores shares the interpreter."""
LONGEST_S: Final = 5.0
"""But never longer."""
STALE_S: Final = 5.0
"""What depends on the clock alone is rendered anew after so long, though nothing changed."""
TOO_OLD_S: Final = 60.0
"""A text that has stood for so long is of a time gone by: there is none then, and a scrape fails."""

log = logger()


class Rendered:
    """The exposition of a registry as it last was, in the text format that every Prometheus reads."""

    content_type: Final = CONTENT_TYPE_LATEST

    def __init__(self, registry: CollectorRegistry, version: Callable[[], int]) -> None:
        self._exposition = Exposition(registry)
        self._version = version
        self._rendered_version = -1
        self._rendered_at = 0.0
        self._used_s = time.process_time()
        self._written_at = 0.0
        self.pause_s = LOOK_S
        self.text = b""
        self.render()

    def render(self) -> None:
        """Now."""
        since_s, self._rendered_at = time.monotonic() - self._rendered_at, time.monotonic()
        worked_s = time.process_time() - self._used_s
        self._rendered_version = self._version()
        before_s = time.thread_time()
        self.text = self._exposition.write()
        self._written_at = time.monotonic()
        cost_s = time.thread_time() - before_s
        self._used_s = time.process_time()
        self.pause_s = pause_s(cost_s, worked_s / since_s)

    @property
    def too_old(self) -> bool:
        """Whether the text must not be served any more, whatever keeps a new one from being made."""
        return time.monotonic() - self._written_at > TOO_OLD_S

    async def keep(self) -> None:
        """Render whenever something changed, and now and then; until cancelled. What failed is tried again."""
        while True:
            await asyncio.sleep(self.pause_s)
            if self._version() != self._rendered_version or time.monotonic() - self._rendered_at > STALE_S:
                try:
                    await asyncio.to_thread(self.render)
                except Exception as error:  # noqa: BLE001 - or nothing would be rendered ever again, and nobody know
                    log.error(Event.RENDERING_FAILED, error=error, places=places(error.__traceback__))
                    self.pause_s = LONGEST_S


def pause_s(cost_s: float, busy: float) -> float:
    """How long not to look, in seconds, after a rendering that took `cost_s` of a processor.

    `busy`: the share of a processor that the process used for other things.
    """
    idle = max(0.05, 1.0 - busy)
    return min(LONGEST_S, max(LOOK_S, cost_s / idle))
