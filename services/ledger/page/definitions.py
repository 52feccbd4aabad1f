"""What every number on the page means, in one place. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Definition:
    """A number's name, what it counts, and the metrics that say the same."""

    name: str
    meaning: str
    metrics: tuple[str, ...] = ()


DEFINITIONS: Final[Mapping[str, Definition]] = MappingProxyType(
    {
        "waiting": Definition(
            "Waiting",
            "Referrals at a desk that no human has looked at. A referral at two desks is counted at each. Desks that "
            "do not report are not in it: see Unknown.",
            ("referral_entries_waiting",),
        ),
        "overdue": Definition(
            "Past target",
            "Referrals still waiting although the time within which somebody must have looked is over. The time runs "
            "from arrival at the desk, and differs by desk and lane.",
            ("referral_entries_overdue",),
        ),
        "target": Definition(
            "Target",
            "By when somebody must have looked, from arrival. The operator sets it, by desk and lane.",
            ("referral_target_seconds",),
        ),
        "within-target": Definition(
            "Within target",
            "Of the referrals that still wait, the share whose target has not passed. It measures those who wait, not "
            "those who were served.",
            ("referral_entries_waiting", "referral_entries_overdue"),
        ),
        "oldest": Definition(
            "Oldest",
            "How long the referral that waits longest has been at the desk. Accurate to a minute or the width of a "
            "span of arrival (an hour), whichever is known.",
            ("referral_oldest_waiting_timestamp_seconds",),
        ),
        "age": Definition(
            "Age of those waiting",
            "How long the referrals that still wait have been at their desk. Counted by span of arrival, so an age may "
            "be up to one span too high, never too low.",
            ("referral_waiting_age_seconds",),
        ),
        "shelved": Definition(
            "Shelved",
            "A human looked, and nobody has taken it up. It is still to be done.",
            ("referral_entries_shelved",),
        ),
        "in-hand": Definition("In hand", "Taken up by somebody, and not closed.", ("referral_entries_in_hand",)),
        "unreported": Definition(
            "Unknown",
            "Referrals at desks that do not report what they do. Somebody may have looked at all of them or at none: "
            "nobody here can tell. They are in no other number.",
            ("referral_entries_unreported",),
        ),
        "silent": Definition(
            "Silent",
            "A desk where something has waited longer than the time within which the desk should say something, and in "
            "all that time it said nothing. Nobody knows what happens there. A desk that never said anything counts "
            "from the arrival of its oldest referral.",
            ("referral_desk_last_status_timestamp_seconds", "referral_desk_silent_after_seconds"),
        ),
        "heard": Definition(
            "Last heard",
            "When the desk last said anything about any referral, by the broker's clock.",
            ("referral_desk_last_status_timestamp_seconds",),
        ),
        "conservation": Definition(
            "Count",
            "Everything that was received must be waiting, shelved, in hand, closed, forwarded, withdrawn or expired. "
            "What was received is counted apart from these, by the router's running numbers and its receipts. The "
            "number in doubt is what the counts disagree by; it must be 0. `referrals reconcile` names the gap.",
            ("referral_conservation_residue",),
        ),
        "arrived": Definition(
            "Arrived",
            "Referrals that came to the desk, from the router or from another desk.",
            ("referral_opened_total",),
        ),
        "looked": Definition(
            "Looked at", "Referrals that a human looked at for the first time.", ("referral_looked_total",)
        ),
        "drain": Definition(
            "Until nothing waits",
            "Waiting, divided by how many more were looked at than arrived in the last thirty days, or as far back as "
            "is known. Where no more were looked at than arrived, it is never at this pace. Closing without a look is "
            "not counted as looking. Not told before a day is known, nor while the count is not up to date.",
            ("referral_opened_total", "referral_looked_total"),
        ),
        "history": Definition(
            "Arrived against looked at",
            "How many referrals arrived, were looked at for the first time and were closed, by spans of six hours for "
            "thirty days. Each is counted in the span in which it happened by the broker's clock, whenever it was "
            "read, and in the lane the referral has now. Where the operator set other slots, a span is six of them.",
            ("referral_opened_total", "referral_looked_total", "referral_closed_total"),
        ),
        "closed": Definition(
            "Closed",
            "Closings, by the coded outcome the desk gave. A referral that was reopened and closed again "
            "is counted twice; what a return read later undid is taken off.",
            ("referral_closed_total", "referral_taken_back_total"),
        ),
        "closed-unlooked": Definition(
            "Closed without a look",
            "Closings of referrals that nobody had looked at. Counted apart: they make a queue shorter, and are not "
            "work.",
            ("referral_closed_unlooked_total", "referral_taken_back_total"),
        ),
        "moved": Definition(
            "Moved, not worked",
            "Of all that left the desk's hands (closed, forwarded, withdrawn, expired), the share that was passed on "
            "to another desk or closed without a look. Since the count began.",
            ("referral_forwarded_total", "referral_closed_unlooked_total", "referral_taken_back_total"),
        ),
        "gone": Definition(
            "Out of the desk's hands",
            "Forwarded to another desk, taken back by the partner, or expired: its term ended before the desk did.",
            ("referral_forwarded_total", "referral_withdrawn_total", "referral_expired_total"),
        ),
        "missed": Definition(
            "Targets missed",
            "How often a target passed without a look, since the count began. A look afterwards does not take it back.",
            ("referral_target_missed_total",),
        ),
        "evidence": Definition(
            "Age of the evidence",
            "How long ago the oldest identifier of a waiting referral was captured. Who was behind it can be found "
            "only as long as the provider keeps its records.",
            ("referral_evidence_age_seconds",),
        ),
        "evidence-expiring": Definition(
            "Evidence ending",
            "Waiting referrals whose subscriber records end within 30 days, or have ended, by the time the operator "
            "set for the desk.",
            ("referral_evidence_expiring",),
        ),
        "expiring": Definition(
            "Expiring",
            "Referrals waiting, shelved or in hand whose term ends within 30 days. What makes them workable is erased "
            "then.",
            ("referral_entries_expiring",),
        ),
        "rejected": Definition(
            "Rejected, not sent again",
            "Reports that the router refused for an error in them, and that the partner has not sent again. They are "
            "at no desk.",
            ("referral_rejected_not_resent",),
        ),
        "orphaned": Definition(
            "Without their referral",
            "Referrals that the desk spoke of a day ago or longer, and that have not reached it as far as is known.",
            ("referral_orphaned_events",),
        ),
        "status": Definition(
            "What the desk said",
            "Its status events, by what came of them. Contested: a step that cannot follow the one before; it is kept "
            "and changes nothing.",
            ("referral_status_events_total",),
        ),
        "lag": Definition(
            "Behind",
            "Positions in the topics that the ledger has still to read. Until it has, the numbers here are too low or "
            "too high.",
            ("referral_ledger_lag_records",),
        ),
    }
)
"""By the anchor of its paragraph."""
