"""How soon somebody must look, and how long an entry is kept: of each desk, as its table says. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from policy.desks import DeskTable
from schemas.codes import Lane
from services.ledger.entry import Entry
from services.ledger.reading import partner_term_ms
from services.ledger.waits import LATER


@dataclass(frozen=True, slots=True)
class Terms:
    """Milliseconds. `targets`: (desk, lane) → by when to have looked; `kept`: desk → its own term."""

    targets: Mapping[tuple[str, str], int]
    kept: Mapping[str, int]

    def has(self, desk: str) -> bool:
        """Whether the table still has it: what it was sent before outlasts it."""
        return desk in self.kept

    def target_ms(self, desk: str, lane: Lane) -> int:
        """By when somebody must have looked, from arrival. Of a desk that is gone nothing is due."""
        return self.targets.get((desk, lane), LATER)

    def latest_in_time(self, now_ms: int) -> dict[tuple[str, str], int]:
        """Desk and lane → what arrived before this (Unix ms) should have been looked at by now."""
        return {queue: now_ms - target_ms for queue, target_ms in self.targets.items()}

    def settle_term(self, entry: Entry) -> None:
        """The sooner of the partner's term and the desk's own."""
        own = entry.arrived_ms + self.kept[entry.desk]
        entry.expires_ms = own if entry.expires_ms is None else min(entry.expires_ms, own)

    def term_ms(self, entry: Entry) -> int:
        """The same from the envelope that it holds, whatever the desk's own term was before. Unix ms."""
        assert entry.envelope is not None  # what is erased has no term any more
        own, partners = entry.arrived_ms + self.kept[entry.desk], partner_term_ms(entry.envelope)
        return own if partners is None else min(partners, own)


def terms(desks: DeskTable) -> Terms:
    """Those of a desk table."""
    return Terms(
        {(desk.id, lane): desk.targets[lane] * 1000 for desk in desks.desks for lane in Lane},
        {desk.id: desk.keep_seconds * 1000 for desk in desks.desks},
    )
