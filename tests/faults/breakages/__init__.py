"""The router with one precaution taken out: the campaign must fail with each, or it proves nothing.

The product has no switch for this. `python -m tests.faults.breakages NAME` starts the router with one module's
text changed as it is loaded; a change that finds its place no more is an error (`Misplaced`), and a test says so
long before a campaign does.
"""

import sys
from dataclasses import dataclass
from typing import Final


class Misplaced(Exception):  # noqa: N818 - said as it reads
    """The text a breakage takes out does not stand in the module exactly once: the code has moved on."""


@dataclass(frozen=True, slots=True)
class Breakage:
    """What is taken out of which module, and the faults that must show it."""

    name: str
    says: str
    module: str
    changes: tuple[tuple[str, str], ...]
    shown_by: tuple[str, ...]

    def apply(self, source: str) -> str:
        """The broken module's text. Raises Misplaced."""
        for before, after in self.changes:
            if source.count(before) != 1:
                raise Misplaced(f"{self.name}: {source.count(before)} places in {self.module} for {before!r}")
            source = source.replace(before, after)
        return source


PARTITION: Final = "services.router.partition"
_AGREE: Final = "            window, next_offset = await self._agree(producer, reader, commit_decided)\n"

BREAKAGES: Final = (
    Breakage(
        "fence-late",
        "the committed offset and the seen-log are read before the predecessor is fenced, 3 s before",
        PARTITION,
        (
            ("            await reader.start()\n", ""),
            (
                "            await producer.start()\n",
                "            await reader.start()\n"
                "            early = await self._committed(self._place) or 0\n"
                "            from services.router.restoring import restore\n"
                "            ground = self._ground\n"
                "            remembered, _ = await restore(reader, ground.seen_place, ground.horizon_seconds)\n"
                "            await asyncio.sleep(3)\n"
                "            await producer.start()\n",
            ),
            (_AGREE, "            window, next_offset = remembered, early\n"),
        ),
        ("commit-delayed",),
    ),
    Breakage(
        "futures-unawaited",
        "a transaction is committed without waiting for each of its sends",
        "services.router.transaction",
        (
            (
                "            await every(sent)\n            await producer.commit_transaction()\n",
                "            await producer.commit_transaction()\n",
            ),
        ),
        ("queues-refuse",),
    ),
    Breakage(
        "window-kept",
        "what a partition remembers survives a failed transaction instead of being read again",
        PARTITION,
        (
            (
                _AGREE,
                "            if kept := getattr(self, '_kept', None):\n"
                "                window, next_offset = kept, await self._committed(self._place) or 0\n"
                "            else:\n"
                "                window, next_offset = await self._agree(producer, reader, commit_decided)\n"
                "            self._kept = window\n",
            ),
        ),
        ("transactions-aborted",),
    ),
)
BY_NAME: Final = {breakage.name: breakage for breakage in BREAKAGES}


def program(name: str) -> tuple[str, ...]:
    """The command that starts a router broken in this way."""
    return (sys.executable, "-m", "tests.faults.breakages", BY_NAME[name].name)
