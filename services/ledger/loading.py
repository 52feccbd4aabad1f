"""What of the database the values of a batch concern."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from services.ledger import store
from services.ledger.batch import Batch
from services.ledger.intake import Value
from services.ledger.known import Known, Placed, ReportKey, is_wide
from services.ledger.values import Arrival, Receipted, Tracked, entry_key


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Whether there is any of what most ledgers have little of: where there is none, nothing need be asked for."""

    amendments: bool = False
    rejections: bool = False
    refusals: bool = False

    def after(self, batch: Batch) -> "HeldBack":
        """The same once this batch is stored."""
        return HeldBack(
            self.amendments or bool(batch.amendments.changed),
            self.rejections or bool(batch.rejections.changed),
            self.refusals or bool(batch.reroutes.refused),
        )


def load_for(connection: Connection, values: Sequence[Value], held_back: HeldBack) -> Known:
    """All that these values may change, and all that may say what they mean."""
    keys: set[str] = set()
    wide: set[ReportKey] = set()
    tracked: set[str] = set()
    answered: set[str] = set()
    for value in values:
        if isinstance(value, Arrival):
            keys.add(value.key)
        elif isinstance(value, Receipted):
            if value.plain or value.report is None:
                continue
            if value.command is None:
                if is_wide(value):
                    wide.add((value.partner, value.report))
            elif value.command.refused:
                answered.add(entry_key(value.partner, value.report, value.command.desk))
        elif isinstance(value, Placed):
            keys.add(value.reported.key)
        elif isinstance(value, Tracked):
            tracked.add(value.key)
    known = store.load(connection, keys | answered, wide)
    if held_back.refusals:
        known.refusals = store.load_refusals(connection, keys | answered)
    if held_back.amendments or wide:
        known.amendments = store.load_amendments(connection, _reports(values) | wide)
    if held_back.rejections:
        known.rejections = store.load_rejections(connection, _reports(values, receipts=True))
    if tracked:
        known.tracks = store.load_tracks(connection, tracked)
    return known


def _reports(values: Sequence[Value], *, receipts: bool = False) -> set[ReportKey]:
    """Those that queue records are about, and receipts where these count."""
    return {
        (value.partner, value.report)
        for value in values
        if (isinstance(value, Arrival) or (receipts and isinstance(value, Receipted))) and value.report is not None
    }
