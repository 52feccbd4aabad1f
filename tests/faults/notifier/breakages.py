"""The notifier with one precaution taken out: the campaign must fail with each, or it proves nothing.

`python -m tests.faults.notifier.breakages NAME` starts it, by the same means as the router's.
"""

import runpy
import sys
from typing import Final

from tests.faults.breakages import Breakage
from tests.faults.breakages.__main__ import Finder

BREAKAGES: Final = (
    Breakage(
        "positions-first",
        "how far it has read is stored in a transaction before the one with the effects, two seconds earlier",
        "services.notifier.keeper",
        (
            (
                "        with self._database.writing(self._epoch, now_ms) as connection:\n"
                "            effects = self._ladders.take(connection, found, now_ms)\n"
                "            store.save_positions(connection, positions)\n",
                "        with self._database.writing(self._epoch, now_ms) as connection:\n"
                "            store.save_positions(connection, positions)\n"
                "        time.sleep(2)\n"
                "        with self._database.writing(self._epoch, now_ms) as connection:\n"
                "            effects = self._ladders.take(connection, found, now_ms)\n",
            ),
        ),
        ("uncovered",),
    ),
    Breakage(
        "delivered-when-claimed",
        "a message counts as delivered from the moment that its try begins",
        "services.notifier.claims",
        (
            (
                "reached = TRUE WHERE",
                "reached = TRUE, state = '{DELIVERED}' WHERE",
            ),
        ),
        ("uncovered", "unfinished"),
    ),
    Breakage(
        "body-made-at-each-try",
        "a message says when it was sent, each time",
        "services.notifier.deliverer",
        (
            (
                "Outgoing(identity, claimed.endpoint.desk, channel, claimed.body, _now_ms())",
                "Outgoing(identity, claimed.endpoint.desk, channel,\n"
                "                            claimed.body[:-1] + b',\"sent\":%d}' % _now_ms(), _now_ms())",
            ),
        ),
        ("two_bodies",),
    ),
    Breakage(
        "id-made-at-each-try",
        "a message has another webhook-id at each try",
        "services.notifier.deliverer",
        (
            (
                "identity = message_id(claimed.group, claimed.number, claimed.endpoint.channel)\n",
                "identity = message_id(claimed.group, time.time_ns(), claimed.endpoint.channel)\n",
            ),
        ),
        ("two_ids",),
    ),
)
BY_NAME: Final = {breakage.name: breakage for breakage in BREAKAGES}


def program(name: str) -> tuple[str, ...]:
    """The command that starts a notifier broken in this way."""
    return (sys.executable, "-m", "tests.faults.notifier.breakages", BY_NAME[name].name)


def main() -> None:
    """Break, then be the notifier."""
    sys.meta_path.insert(0, Finder(BY_NAME[sys.argv.pop(1)]))
    runpy.run_module("services.notifier", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
