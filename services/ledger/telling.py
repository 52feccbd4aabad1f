"""Has the announcer speak, in the transaction of what it speaks of, and from what the database knows besides."""

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection

from policy.desks import DeskTable
from schemas.codes import Lane, NoticeType
from schemas.notices import Notice
from services.ledger import queries, store
from services.ledger.announcing import Announcer
from services.ledger.batch import Batch
from services.ledger.figures import Figures
from services.ledger.inputs import Input, Kind
from services.ledger.levels import SOON_MS, Ending
from services.ledger.noticing import Group, Told
from services.ledger.saying import Message
from services.ledger.terms import Terms

AHEAD_S: Final = 60.0
"""How often it is looked what ends soon."""


class Telling:
    """Of one session. It is live once the ledger has caught up; until then it only remembers."""

    def __init__(self, table: DeskTable, inputs: Mapping[str, Input], terms: Terms, figures: Figures) -> None:
        held = frozenset(found.desk for found in inputs.values() if found.kind is Kind.QUEUE)
        self._announcer = Announcer(table, held)
        self._terms = terms
        self._figures = figures
        self._live = False
        self._ahead_due_s = 0.0

    def begin(self, connection: Connection) -> None:
        """Begin with what was told before."""
        self._announcer.told = queries.read_told(connection)

    def tell(self, connection: Connection, batch: Batch, notices: Iterable[Notice], now_ms: int) -> None:
        """Adds to a finished batch what somebody is told of it, and stores what was told."""
        for notice in notices:
            self._announcer.hear(notice)
        batch.messages += self._announcer.after(batch, self._figures, now_ms, live=self._live)
        store.save_told(connection, self._announcer.take_changes())

    def look_round(self, connection: Connection, now_ms: int) -> tuple[list[Message], dict[Group, Told]]:
        """What the clock alone makes true, to be stored; and first, once, what came while the ledger caught up."""
        if not self._figures.caught_up:
            self._live = False
            return [], {}
        messages: list[Message] = []
        if not self._live:
            newest = self._newest(connection, self._announcer.open_groups(self._figures), now_ms)
            messages += self._announcer.catch_up(self._figures, newest, now_ms)
            self._live = True
        elif rested := self._announcer.rested(now_ms):
            newest = self._newest(connection, rested, now_ms)
            messages += self._announcer.go_on(rested, self._figures, newest, now_ms)
        messages += self._announcer.look(self._figures, now_ms)
        if time.monotonic() >= self._ahead_due_s:
            self._ahead_due_s = time.monotonic() + AHEAD_S
            found = queries.supervisions_ending(connection, _day(now_ms), _day(now_ms + SOON_MS))
            endings = {desk: Ending(*ending) for desk, ending in found.items()}
            messages += self._announcer.look_ahead(self._figures, endings, now_ms)
        return messages, self._announcer.take_changes()

    def _newest(self, connection: Connection, groups: Iterable[Group], now_ms: int) -> dict[Group, int]:
        """When the newest cause of each of these groups of entries came."""
        found = {}
        for group in groups:
            missed = group.type is NoticeType.TARGET_MISSED
            late_ms = self._terms.target_ms(group.desk, Lane(group.lane)) if missed else 0
            newest_ms = queries.newest_waiting(connection, group.desk, group.lane, now_ms - late_ms)
            found[group] = newest_ms + late_ms if newest_ms else 0
        return found


def _day(unix_ms: int) -> str:
    return datetime.fromtimestamp(unix_ms / 1000, UTC).date().isoformat()
