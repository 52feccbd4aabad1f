"""The ledger with one precaution taken out: the campaign must fail with each, or it proves nothing.

`python -m tests.faults.ledger.breakages NAME` starts it, by the same means as the router's.
"""

import runpy
import sys
from typing import Final

from tests.faults.breakages import Breakage
from tests.faults.breakages.__main__ import Finder

_POSITIONS: Final = "            store.save(connection, batch, self._streams, found.positions)\n"

BREAKAGES: Final = (
    Breakage(
        "positions-apart",
        "how far it has read is stored in a transaction after the one with the effects, half a second later",
        "services.ledger.session",
        (
            (
                _POSITIONS,
                "            store.save(connection, batch, self._streams, {})\n"
                "        time.sleep(0.5)\n"
                "        with writing(self._engine, self._epoch, now_ms) as connection:\n"
                "            store.set_rows(connection, store.tables.positions, [\n"
                "                {'topic': topic, 'partition': partition, 'next_offset': offset}\n"
                "                for (topic, partition), offset in found.positions.items()])\n",
            ),
        ),
        ("kill the active ledger",),
    ),
    Breakage(
        "fence-unchecked",
        "a transaction is written whoever holds the lease",
        "services.runtime.database",
        (("    if not renewed.rowcount:\n        raise Deposed\n", ""),),
        ("pause the active ledger",),
    ),
    Breakage(
        "repeats-counted",
        "a status event that comes twice counts twice",
        "services.ledger.batch",
        (
            (
                "        if reported.identity in said:\n",
                "        if any(present.place == placed.place for present in events):\n",
            ),
        ),
        (),
    ),
    Breakage(
        "outbox-forgotten",
        "what is to be published is deleted before it is sent",
        "services.ledger.outgoing",
        (
            (
                "            self._common.send(rows, PAUSE_S)\n",
                "            with writing(self._engine, self._epoch, int(time.time() * 1000)) as connection:\n"
                "                queries.sent(connection, [number for number, _ in rows])\n"
                "            time.sleep(0.5)\n"
                "            self._common.send(rows, PAUSE_S)\n",
            ),
        ),
        ("kill the active ledger",),
    ),
)
BY_NAME: Final = {breakage.name: breakage for breakage in BREAKAGES}


def program(name: str) -> tuple[str, ...]:
    """The command that starts a ledger broken in this way."""
    return (sys.executable, "-m", "tests.faults.ledger.breakages", BY_NAME[name].name)


def main() -> None:
    """Break, then be the ledger."""
    sys.meta_path.insert(0, Finder(BY_NAME[sys.argv.pop(1)]))
    runpy.run_module("services.ledger", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
