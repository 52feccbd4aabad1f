"""The amendments of reports, as a batch learns of them: which desks a report goes to now. Pure."""

from services.ledger.entry import Entry, rank_of
from services.ledger.known import ReportKey
from services.ledger.saying import Amendment, is_unnamed
from services.ledger.tally import Before
from services.ledger.values import Receipted


class Amendments:
    """Changes what it is given: the newest amendment of each report, where there is one."""

    def __init__(self, known: dict[ReportKey, Amendment]) -> None:
        self.changed: set[ReportKey] = set()
        self._known = known
        self._before: dict[ReportKey, Amendment | None] = {}

    def __bool__(self) -> bool:
        return bool(self._known)

    def amend(self, report: ReportKey, receipt: Receipted) -> bool:
        """A receipt that names a revision; whether it is the newest of its report."""
        present = self._known.get(report)
        assert receipt.revision is not None  # `known.amends` asks first
        if present is not None and receipt.revision <= present.revision:
            return False
        self._before.setdefault(report, present)
        self._known[report] = Amendment(receipt.revision, frozenset(receipt.destinations))
        self.changed.add(report)
        return True

    def unname(self, was: Before, entry: Entry) -> bool:
        """Whether this batch made it so that a later revision went elsewhere: what was so before was said then.

        A newer record is withdrawn anew.
        """
        report = entry.partner, entry.report
        now = self._known.get(report)
        if not is_unnamed(entry, now):
            return False
        return was.rank != rank_of(entry) or not is_unnamed(entry, self._before.get(report, now))
