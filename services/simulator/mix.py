"""How often what happens: the shares of a simulated clearing house's records, each a number from 0 to 1."""

from dataclasses import dataclass, fields
from typing import Self

EXCLUSIVE = ("duplicates", "conflicts", "amendments", "withdrawals", "bad", "misplaced")
"""A record is at most one of these; what they leave is new."""


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares of all records, but for `late`, `drifted` and `urgent` (of the new) and `corrected` (of the bad).

    What repeats or changes an earlier record needs one to be there: at the start of a run there are a few more new
    ones instead, and so wherever a withdrawn report would be revised. A share in `EXCLUSIVE` is of what is left
    after the corrected ones.
    """

    duplicates: float = 0.03
    conflicts: float = 0.002
    amendments: float = 0.02
    withdrawals: float = 0.004
    bad: float = 0.006
    misplaced: float = 0.0002
    late: float = 0.02
    drifted: float = 0.01
    corrected: float = 0.5
    urgent: float = 0.0018
    """63,892 of 2023's 36.2 million reports were passed on as urgent (NCMEC, CyberTipline 2023)."""
    informational: float = 0.45
    headers: float = 0.5
    """Records that carry CloudEvents headers; a partner need not send them."""
    hotlines: float = 0.005
    """Of all records, those of the partners that are not a world's clearing house, together."""
    memory: int = 20_000
    """Referrals kept to be repeated, amended or withdrawn: how far back in the stream those may reach."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "memory" and not 0 <= value <= 1:
                raise ValueError(f"{field.name} is {value}; a share is from 0 to 1")
        if self.memory < 1:
            raise ValueError(f"memory is {self.memory}; at least 1 referral must be kept")
        if (together := sum(getattr(self, name) for name in EXCLUSIVE)) > 1:
            raise ValueError(f"{', '.join(EXCLUSIVE)} make {together:g} together; at most 1 is possible")

    @classmethod
    def good(
        cls,
        urgent: float = 0.0018,
        informational: float = 0.45,
        headers: float = 0.5,
        hotlines: float = 0.005,
    ) -> Self:
        """Nothing but new referrals in good order, with a country or without: each is routed or unroutable."""
        return cls(
            duplicates=0,
            conflicts=0,
            amendments=0,
            withdrawals=0,
            bad=0,
            misplaced=0,
            late=0,
            drifted=0,
            urgent=urgent,
            informational=informational,
            headers=headers,
            hotlines=hotlines,
        )
