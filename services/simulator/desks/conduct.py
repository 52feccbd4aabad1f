"""Who behaves how: one table of the desks that everybody should see, and what the others do. Pure.

Nothing here is policy. Times are shares of the desk's own targets (`deploy/demo/pace.yaml` has them in seconds).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from zlib import crc32

from schemas.codes import Lane


class Fate(StrEnum):
    """What a desk will do with one entry."""

    WORK = "work"
    """Taken up and closed."""
    DISMISS = "dismiss"
    """Looked at, and closed soon after: no offence, or nothing to go on."""
    SHELVE = "shelve"
    """Looked at, and put aside."""
    RETURN = "return"
    """Taken up, and put aside after all."""
    REOPEN = "reopen"
    """Closed, opened again, and closed as part of another."""
    FORWARD = "forward"
    """Passed on to a desk that this one forwards to; worked, where there is none."""
    LEAVE = "leave"
    """Never touched."""


@dataclass(frozen=True, slots=True)
class Manner:
    """What happens to the entries of one lane: fates by weight, and when the first look is, in shares of the target."""

    fates: Mapping[Fate, int]
    within: tuple[float, float] = (0.1, 0.5)


@dataclass(frozen=True, slots=True)
class Dam:
    """Keeps the bulk unseen until it has `count` of it, then forwards all of it to one desk at once."""

    count: int
    to: str
    first_s: float = 25.0
    """Not before so many seconds from the start: what is normal must be seen first."""
    every_s: float = 90.0


@dataclass(frozen=True, slots=True)
class Conduct:
    """How a desk behaves. `clock_s`: how far its own clock is ahead (behind, if negative)."""

    lanes: Mapping[Lane, Manner]
    looks_per_s: float | None = None
    """Of the bulk it looks at no more than so many a second; None: at all that comes."""
    friday_every_s: float | None = None
    """So often it closes all it holds, and has looked at none of it."""
    dam: Dam | None = None
    clock_s: int = field(default=0, kw_only=True)


def _conduct(urgent: Manner, priority: Manner, routine: Manner) -> Mapping[Lane, Manner]:
    return MappingProxyType({Lane.URGENT: urgent, Lane.PRIORITY: priority, Lane.ROUTINE: routine})


_UNTOUCHED: Final = Manner({Fate.LEAVE: 1})
_PROMPT: Final = Manner({Fate.WORK: 68, Fate.DISMISS: 27, Fate.FORWARD: 4, Fate.REOPEN: 1}, (0.05, 0.35))
_NOTHING: Final = _conduct(_UNTOUCHED, _UNTOUCHED, _UNTOUCHED)

STEADY: Final = Conduct(
    _conduct(
        Manner({Fate.WORK: 80, Fate.DISMISS: 20}, (0.1, 0.6)),
        Manner({Fate.WORK: 60, Fate.DISMISS: 38, Fate.REOPEN: 2}, (0.1, 0.6)),
        Manner({Fate.WORK: 40, Fate.DISMISS: 58, Fate.REOPEN: 2}, (0.1, 0.5)),
    )
)
"""Gets to everything in time."""
BUSY: Final = Conduct(
    _conduct(
        Manner({Fate.WORK: 90, Fate.DISMISS: 10}, (0.1, 0.8)),
        Manner({Fate.WORK: 55, Fate.DISMISS: 35, Fate.RETURN: 10}, (0.2, 0.9)),
        Manner({Fate.WORK: 30, Fate.DISMISS: 45, Fate.SHELVE: 25}, (0.2, 0.9)),
    )
)
"""Looks at everything in time, and puts a part of it aside."""
STRETCHED: Final = Conduct(
    _conduct(
        Manner({Fate.WORK: 90, Fate.DISMISS: 10}, (0.3, 1.1)),
        Manner({Fate.WORK: 50, Fate.DISMISS: 30, Fate.SHELVE: 20}, (0.3, 1.2)),
        Manner({Fate.WORK: 15, Fate.DISMISS: 30, Fate.SHELVE: 30, Fate.LEAVE: 25}, (0.3, 1.3)),
    )
)
"""Misses some targets, and never gets to a quarter of the bulk."""

ORDINARY: Final = (STEADY, STEADY, STEADY, BUSY, STRETCHED)
"""What the desks are that the table below does not name, by their names: always the same one for each."""

CONDUCTS: Final[Mapping[str, Conduct]] = MappingProxyType(
    {
        # Keeps up, and forwards a few to its regional unit.
        "nl": Conduct(_conduct(_PROMPT, _PROMPT, _PROMPT)),
        # Slow: works a fraction of what comes, late, and falls behind.
        "de": Conduct(
            _conduct(
                Manner({Fate.WORK: 50, Fate.LEAVE: 50}, (0.5, 2.0)),
                Manner({Fate.WORK: 35, Fate.LEAVE: 65}, (0.5, 2.0)),
                Manner({Fate.WORK: 12, Fate.DISMISS: 8, Fate.LEAVE: 80}, (0.5, 2.0)),
            )
        ),
        # Says nothing, ever.
        "fr": Conduct(_NOTHING),
        # On its Friday everything is closed, and nobody has looked.
        "it": Conduct(_NOTHING, friday_every_s=40.0),
        # Works the grave; of the bulk it puts a part aside and leaves the rest.
        "us": Conduct(
            _conduct(
                Manner({Fate.WORK: 85, Fate.DISMISS: 15}, (0.1, 0.6)),
                Manner({Fate.WORK: 70, Fate.DISMISS: 30}, (0.1, 0.6)),
                Manner({Fate.SHELVE: 30, Fate.LEAVE: 70}, (0.2, 0.9)),
            )
        ),
        # What no country resolves is kept, and 700 of it flushed to one desk before Christmas ...
        "zz": Conduct(
            _conduct(STEADY.lanes[Lane.URGENT], STEADY.lanes[Lane.PRIORITY], STRETCHED.lanes[Lane.ROUTINE]),
            dam=Dam(700, to="gb"),
        ),
        # ... which keeps up with what comes on an ordinary day.
        "gb": Conduct(STEADY.lanes, looks_per_s=8.0),
        # Clocks that are wrong: one without its time zone, one that stood still for a day.
        "es": Conduct(BUSY.lanes, clock_s=2 * 3600),
        "br": Conduct(STRETCHED.lanes, clock_s=-26 * 3600),
    }
)


def conduct_of(desk: str) -> Conduct:
    """How this desk behaves."""
    return CONDUCTS.get(desk) or ORDINARY[crc32(desk.encode()) % len(ORDINARY)]
