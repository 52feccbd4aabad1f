"""Metrics rendered beforehand: with tens of thousands of series a scrape would otherwise wait for them to be made."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

LOOK_S: Final = 0.25
STALE_S: Final = 5.0
"""What depends on the clock alone is rendered anew after so long, though nothing changed."""


class Rendered:
    """The exposition of a registry as it last was, in the text format that every Prometheus reads."""

    content_type: Final = CONTENT_TYPE_LATEST

    def __init__(self, registry: CollectorRegistry, version: Callable[[], int]) -> None:
        self._registry = registry
        self._version = version
        self._rendered_version = -1
        self._rendered_at = 0.0
        self.text = b""
        self.render()

    def render(self) -> None:
        """Now."""
        self._rendered_version, self._rendered_at = self._version(), time.monotonic()
        self.text = generate_latest(self._registry)

    async def keep(self) -> None:
        """Render whenever something changed, and now and then; until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self._version() != self._rendered_version or time.monotonic() - self._rendered_at > STALE_S:
                await asyncio.to_thread(self.render)
