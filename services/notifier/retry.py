"""When a message that was not taken is tried again. Pure.

The schedule is the one that Standard Webhooks recommends ("retry schedule with exponential backoff"): about 28 hours.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from services.notifier.verdict import Delivered, Gone, Refused, Retry, Verdict

SCHEDULE_S: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 36_000)
JITTER: Final = 0.2
"""Each wait is longer by up to this share, so that what failed together is not tried together."""
LONGEST_S: Final = 86_400
"""A receiver that asks for more gets this (Retry-After)."""


@dataclass(frozen=True, slots=True)
class Done:
    """It was taken."""


@dataclass(frozen=True, slots=True)
class Again:
    """Tried again at `due_ms`."""

    due_ms: int
    code: str


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The schedule is at its end: shown, and the ladder goes on."""

    code: str


@dataclass(frozen=True, slots=True)
class Disabled:
    """The endpoint wants nothing any more. The message waits for it to be enabled."""

    code: str


Decision: TypeAlias = Done | Again | GivenUp | Disabled


def decide(verdict: Verdict, tries: int, now_ms: int, chance: float) -> Decision:
    """What follows from the verdict on try number `tries` (from 1). `chance`: from 0 to 1, for the jitter."""
    match verdict:
        case Delivered():
            return Done()
        case Gone(code):
            return Disabled(code)
        case Retry(code, after_seconds):
            return _again(code, after_seconds, tries, now_ms, chance)
        case Refused(code):
            return _again(code, None, tries, now_ms, chance)


def _again(code: str, asked_s: float | None, tries: int, now_ms: int, chance: float) -> Decision:
    if tries > len(SCHEDULE_S):
        return GivenUp(code)
    wait_s = SCHEDULE_S[tries - 1] if asked_s is None else min(max(asked_s, 1.0), LONGEST_S)
    return Again(now_ms + int(wait_s * (1 + JITTER * chance) * 1000), code)
