"""Who works which country's referrals: the table answers (country, role) in one look-up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from policy.notify import NOBODY, Notify
from schemas.codes import Lane, Role

UNROUTABLE: Final = "zz"
"""The desk of what no jurisdiction resolves. It always exists, has an owner, and takes no country."""

_HOUR: Final = 3_600
_DAY: Final = 24 * _HOUR
DEFAULT_TARGETS: Final[Mapping[Lane, int]] = MappingProxyType(
    {Lane.URGENT: 4 * _HOUR, Lane.PRIORITY: 7 * _DAY, Lane.ROUTINE: 90 * _DAY}
)
"""Seconds, by lane."""


class Reporting(StrEnum):
    """Whether a desk says what it does with its entries; without it they are unknown, not untouched."""

    STATUS = "status"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Desk:
    """Who works a queue, and the (country, role) pairs that are its own.

    A desk that takes nothing gets entries by forwarding alone: from `forwarded_by`, or (as `zz`) from the
    router where nothing resolves.

    All times are in seconds. `targets`: by when somebody must have looked, from the broker's time of arrival.
    `silent_after`: a desk that has something waiting and said nothing for so long is silent. `keep`: how long
    an entry is kept, unless the partner's `expires_at` is sooner. `evidence`: how long the subscriber records
    behind an identifier last in that country, from its `captured_at`. `notify`: whom to tell, and how.
    """

    id: str
    name: str
    owner: str | None = None
    reporting: Reporting = Reporting.STATUS
    forwarded_by: str | None = None
    track: bool = False
    takes: frozenset[tuple[str, Role]] = frozenset()
    targets: Mapping[Lane, int] = field(default_factory=lambda: DEFAULT_TARGETS, hash=False)
    silent_after_seconds: int = 7 * _DAY
    keep_seconds: int = 730 * _DAY
    evidence_seconds: int = 180 * _DAY
    notify: Notify = NOBODY


@dataclass(frozen=True, slots=True)
class DeskTable:
    """Every desk, in the order of the file. `by_id` finds one by its slug. `operator`: how who runs this is told."""

    desks: tuple[Desk, ...]
    operator: Notify = NOBODY
    by_id: Mapping[str, Desk] = field(init=False, repr=False, compare=False)
    _where: dict[tuple[str, Role], str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_id", {desk.id: desk for desk in self.desks})
        object.__setattr__(self, "_where", {place: desk.id for desk in self.desks for place in desk.takes})

    def desk_for(self, country: str, role: Role) -> str | None:
        """The desk of an ISO 3166-1 code in capitals and a role.

        None for ZZ alone: `policy.configuration.load` refuses a table that misses any other code. Of a table
        made by hand, what it misses is None too, so that it would go to `zz` and stop no partition.
        """
        return self._where.get((country, role))


def every_role(country: str) -> frozenset[tuple[str, Role]]:
    """What a desk takes that takes a whole country."""
    return frozenset((country, role) for role in Role)
