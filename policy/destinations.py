"""Which desks must see a referral, and why. In the hot loop: each result is made once and then looked up."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from policy.desks import UNROUTABLE, DeskTable
from schemas.codes import Role


@dataclass(frozen=True, slots=True)
class Destination:
    """One desk, with every role that made the referral its own."""

    desk: str
    roles: frozenset[Role]


_BIT: Final = {role: 1 << position for position, role in enumerate(Role)}


@cache
def _destination(desk: str, bits: int) -> Destination:
    """At most 31 a desk, so the cache is bounded by the table."""
    return Destination(desk, frozenset(role for role, bit in _BIT.items() if bits & bit))


def destinations(places: Iterable[tuple[str, Role]], desks: DeskTable) -> tuple[Destination, ...]:
    """Each desk once, with all its roles, in the order of first mention; `zz` only when nothing resolves."""
    found: dict[str, int] = {}
    nowhere = 0
    for country, role in places:
        desk = desks.desk_for(country, role)
        if desk is None:
            nowhere |= _BIT[role]
        else:
            found[desk] = found.get(desk, 0) | _BIT[role]
    if not found:
        return (_destination(UNROUTABLE, nowhere),)
    return tuple([_destination(desk, bits) for desk, bits in found.items()])
