"""Every way one record can be wrong. Two reasons have no maker: `unknown_desk` is a reroute command's alone, and
`identity_conflict` takes a second record (the intent `conflict`).
"""

from random import Random
from typing import Final

from schemas.codes import RejectReason
from services.simulator import malformed, misstated
from services.simulator.drafts import Draft

NEEDS_ANOTHER: Final = frozenset({RejectReason.UNKNOWN_DESK, RejectReason.IDENTITY_CONFLICT})
"""Reasons that no single ingress record can get."""

MAKERS: Final = {**malformed.MAKERS, **misstated.MAKERS}
"""By reason; a reason has one maker or several."""


def spoil(draft: Draft, reason: RejectReason, rng: Random) -> Draft:
    """The draft with one flaw of this kind; KeyError where a single record can not have it."""
    return rng.choice(MAKERS[reason])(draft, rng)


def possible(expired: bool) -> list[RejectReason]:
    """What a partner's record can be rejected for; `expired`: whether one of its hashing keys is out of date."""
    return [reason for reason in MAKERS if expired or reason is not RejectReason.KEY_NOT_VALID]
