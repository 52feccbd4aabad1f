"""What the router must make of a record, known when it is made: what tests and tallies compare with."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from schemas.codes import Outcome, RejectReason

NEW: Final = "new"
LATE: Final = "late"
"""New; it happened and was captured months or years ago, and was handed in weeks ago."""
DRIFTED: Final = "drifted"
"""New; the partner's clock is hours ahead, or has lost its date: counted, not refused."""
MISPLACED: Final = "misplaced"
"""New; in another partition than its key says: routed and counted, and never sent again."""
CORRECTED: Final = "corrected"
"""New; a report that was rejected before, sent again without its flaw."""
UNPLACED: Final = "unplaced"
"""New; names no country."""
AMEND: Final = "amend"
WITHDRAW: Final = "withdraw"
DUPLICATE: Final = "duplicate"
"""An identity sent before with the same content, byte by byte or with a new `submitted_at`."""
CONFLICT: Final = "conflict"
"""An identity sent before with other content."""

_BAD: Final = "bad:"

_OUTCOMES: Final = {
    NEW: Outcome.ROUTED,
    LATE: Outcome.ROUTED,
    DRIFTED: Outcome.ROUTED,
    MISPLACED: Outcome.ROUTED,
    CORRECTED: Outcome.ROUTED,
    UNPLACED: Outcome.UNROUTABLE,
    AMEND: Outcome.AMENDED,
    WITHDRAW: Outcome.WITHDRAWN,
    DUPLICATE: Outcome.DUPLICATE,
}


def bad(reason: RejectReason) -> str:
    """The intent of a record made to be rejected for this reason."""
    return _BAD + reason.value


def expected_outcomes(counts: Mapping[str, int]) -> Counter[tuple[Outcome, RejectReason | None]]:
    """How often which outcome (and reason) must come out of so many records of each intent."""
    outcomes: Counter[tuple[Outcome, RejectReason | None]] = Counter()
    for intent, count in counts.items():
        outcomes[expected(intent)] += count
    return outcomes


def expected(intent: str) -> tuple[Outcome, RejectReason | None]:
    """The outcome of a record of this intent, and the reason where it is rejected; KeyError for no such intent."""
    if intent == CONFLICT:
        return Outcome.REJECTED, RejectReason.IDENTITY_CONFLICT
    if intent.startswith(_BAD):
        return Outcome.REJECTED, RejectReason(intent.removeprefix(_BAD))
    return _OUTCOMES[intent], None
