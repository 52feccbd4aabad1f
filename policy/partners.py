"""Who publishes envelopes, and which hashing keys each may use. Of a key, its name and validity; never a secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

DEFAULT_WINDOW_DAYS: Final = 45
"""How long a report's identity is remembered, in days of the broker's time."""

_FOREVER_MS: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Key:
    """A hashing key's name, whose it is, and from when (included) until when (excluded) it is accepted.

    `from_ms` and `until_ms` are the same two instants as Unix time in milliseconds, for the hot loop.
    """

    key_id: str
    scope: frozenset[str]
    valid_from: datetime
    valid_until: datetime | None = None
    from_ms: int = field(init=False, repr=False, compare=False)
    until_ms: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        until = _FOREVER_MS if self.valid_until is None else round(self.valid_until.timestamp() * 1000)
        object.__setattr__(self, "from_ms", round(self.valid_from.timestamp() * 1000))
        object.__setattr__(self, "until_ms", until)

    def valid_at(self, at_ms: int) -> bool:
        """Whether the key is accepted at this Unix time in milliseconds."""
        return self.from_ms <= at_ms < self.until_ms


@dataclass(frozen=True, slots=True)
class Partner:
    """Who publishes, over how many partitions (fixed for life), and with which keys: those that name it."""

    id: str
    name: str
    ingress_partitions: int
    window_days: int = DEFAULT_WINDOW_DAYS
    keys: Mapping[str, Key] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartnerTable:
    """Every partner, in the order of the file. `by_id` finds one by its slug."""

    partners: tuple[Partner, ...]
    by_id: Mapping[str, Partner] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_id", {partner.id: partner for partner in self.partners})
