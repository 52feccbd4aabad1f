"""Reports that were rejected and not resent, counted until they are. Pure."""

from services.ledger.known import Known, Rejected, ReportKey
from services.ledger.tally import REJECTED, REJECTED_URGENT, Tallies, TallyKey
from services.ledger.values import entry_key


class Rejections:
    """Those of one batch, kept up in what is known and in the batch's tallies. `changed`: of these reports."""

    def __init__(self, known: Known, tallies: Tallies) -> None:
        self.changed: set[ReportKey] = set()
        self._known = known
        self._tallies = tallies

    def reject(self, report: ReportKey, found: Rejected) -> None:
        """A receipt says so."""
        if self._came_after(report, found.at_ms):
            return
        before = self._known.rejections.get(report)
        if before is not None:
            found = Rejected(max(found.at_ms, before.at_ms), found.urgent or before.urgent)
        self._count(report, before, -1)
        self._count(report, found, 1)
        self._known.rejections[report] = found
        self.changed.add(report)

    def resend(self, report: ReportKey, at_ms: int) -> None:
        """The partner sent it and it was accepted, as a receipt or a queue says, whichever is read first."""
        found = self._known.rejections.get(report)
        if found is not None and at_ms > found.at_ms:
            del self._known.rejections[report]
            self.changed.add(report)
            self._count(report, found, -1)

    def _count(self, report: ReportKey, found: Rejected | None, number: int) -> None:
        if found is not None:
            self._tallies[TallyKey(REJECTED, report[0], "", 0)] += number
            if found.urgent:
                self._tallies[TallyKey(REJECTED_URGENT, report[0], "", 0)] += number

    def _came_after(self, report: ReportKey, at_ms: int) -> bool:
        """Whether the partner sent it again: receipts of two partitions may be read in the wrong order."""
        keys = (entry_key(*report, desk) for desk in self._known.desks.get(report, ()))
        found = [entry for key in keys if (entry := self._known.entries.get(key)) is not None]
        return any(entry.met and not entry.chain and entry.arrived_ms > at_ms for entry in found)
