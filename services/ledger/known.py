"""What the database holds of all that a batch speaks of, and which receipts concern more than they name. Pure."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from msgspec import Struct

from schemas.codes import Outcome
from services.ledger.entry import Entry
from services.ledger.reroutes import Refusal
from services.ledger.saying import Amendment
from services.ledger.values import Receipted, Reported

ACCEPTED: Final = (Outcome.ROUTED, Outcome.AMENDED, Outcome.WITHDRAWN, Outcome.UNROUTABLE)


class Placed(Struct, array_like=True, tag="p", gc=False):
    """A status event with its offset in the desk's topic."""

    reported: Reported
    place: int


ReportKey = tuple[str, str]
"""Partner and report."""


class Rejected(NamedTuple):
    """A report that was rejected and not resent: when last (broker's time, Unix ms), and whether it claims urgency."""

    at_ms: int
    urgent: bool = False


@dataclass(slots=True)
class Known:
    """What the database holds of all that a batch speaks of. The batch changes it in place."""

    entries: dict[str, Entry] = field(default_factory=dict)
    events: dict[str, list[Placed]] = field(default_factory=dict)
    desks: dict[ReportKey, set[str]] = field(default_factory=dict)
    """Desks that have an entry of a report, for those reports that a receipt in the batch may concern."""
    amendments: dict[ReportKey, Amendment] = field(default_factory=dict)
    rejections: dict[ReportKey, Rejected] = field(default_factory=dict)
    tracks: set[tuple[str, str]] = field(default_factory=set)
    """(key, identity) of the track events that are there."""
    refusals: dict[str, dict[str, Refusal]] = field(default_factory=dict)
    """Entry → command → what of it the router refused."""


def is_wide(receipt: Receipted) -> bool:
    """Whether it may concern every desk of its report: all of them, and its amendment, must then be known."""
    if receipt.report is None or receipt.command is not None:
        return False
    return receipt.outcome is Outcome.REJECTED or amends(receipt)


def amends(receipt: Receipted) -> bool:
    """Whether it may name other desks than one before. What resolves nowhere any more does, and a late `new` too."""
    if receipt.revision is None:
        return False
    if receipt.outcome is Outcome.ROUTED:  # nearly all
        return receipt.revision > 1
    if receipt.outcome in (Outcome.AMENDED, Outcome.WITHDRAWN):
        return True
    return receipt.outcome in ACCEPTED and receipt.revision > 1
