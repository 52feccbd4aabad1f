"""When a referral came back to a desk that may have been done with it, as the queue records of the desk tell. Pure.

What another desk, or the operator, passes to a desk that the report itself addresses is told by no chain, and what the
operator passes to a desk once more is told by none either: the moment decides (`schemas.lifecycle`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

MAX_RETURNS: Final = 64
"""So many of an entry are remembered, the newest: two desks may send it to each other without end."""


class Brought(NamedTuple):
    """A queue record that a reroute brought, and that is no withdrawal: when (Unix ms), in which stay, from whom."""

    at_ms: int
    tenure: int
    revision: int
    sender: str


class Return(NamedTuple):
    """A moment at which it came back (Unix ms), and in which stay that is by its chain."""

    at_ms: int
    tenure: int = 1


@dataclass(frozen=True, slots=True)
class Returns:
    """All of an entry, in order of time. `since_ms`: from when on all are known; 0 where none was forgotten."""

    moments: tuple[Return, ...] = ()
    since_ms: int = 0

    def first_after(self, at_ms: int) -> Return | None:
        """The first after a moment (Unix ms)."""
        return next((one for one in self.moments if one.at_ms > at_ms), None)

    def between(self, after_ms: int, until_ms: int | None) -> tuple[Return, ...]:
        """Those after a moment, and not after another; None: whenever."""
        return tuple(
            one for one in self.moments if one.at_ms > after_ms and (until_ms is None or one.at_ms <= until_ms)
        )


NO_RETURNS: Final = Returns()


def newest(found: Iterable[Brought]) -> tuple[Brought, ...]:
    """What is remembered of them, each once, in order of time: the same in whatever order they are read."""
    return tuple(sorted(set(found))[-MAX_RETURNS:])


def returns(found: Iterable[Brought], *, addressed: bool) -> Returns:
    """Which of them came back. `addressed`: the report itself addresses the desk, so that it had it before the first.

    At a desk that has it by forwarding alone the first is how it came, and a newer revision from the same desk in the
    same stay is an amendment that was passed on. At one that is addressed such an amendment is taken for a return:
    shown once too often, rather than never.
    """
    known = newest(found)
    if not known:
        return NO_RETURNS
    since_ms = known[0].at_ms if len(known) == MAX_RETURNS else 0
    back = known if addressed else tuple(one for one in known if _is_back(one, known))
    return Returns(tuple(Return(one.at_ms, one.tenure) for one in back), since_ms)


def _is_back(found: Brought, known: Iterable[Brought]) -> bool:
    before = [one for one in known if one.at_ms < found.at_ms]
    amends = any(
        (one.sender, one.tenure) == (found.sender, found.tenure) and one.revision < found.revision for one in before
    )
    return bool(before) and not amends
