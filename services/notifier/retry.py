"""When a message that was not taken is tried again. Pure.

The schedule is the one that Standard Webhooks recommends ("retry schedule with exponential backoff"): about 28 hours.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from services.notifier.verdict import Delivered, Gone, Refused, Retry, Verdict

SCHEDULE_S: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 36_000)
JITTER: Final = 0.2
"""Each wait is longer by up to this share, so that what failed together is not tried together."""
WHOLE_MS: Final = sum(SCHEDULE_S) * 1000
SHORTEST_S: Final = 1.0
"""A receiver that asks for less gets this (Retry-After); for how much it may ask is judged where it is read."""


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
    """The schedule is at its end, by its tries and by its time: shown, and the ladder goes on."""

    code: str


@dataclass(frozen=True, slots=True)
class Disabled:
    """The endpoint wants nothing any more. The message waits for it to be enabled."""

    code: str


Decision: TypeAlias = Done | Again | GivenUp | Disabled


def decide(verdict: Verdict, tries: int, made_ms: int, now_ms: int, chance: float) -> Decision:
    """What follows from the verdict on try number `tries` (from 1) of a message that waits since `made_ms`.

    `chance`: from 0 to 1, for the jitter.
    """
    match verdict:
        case Delivered():
            return Done()
        case Gone(code):
            return Disabled(code)
        case Retry(code, after_seconds):
            return _again(code, after_seconds, tries, made_ms, now_ms, chance)
        case Refused(code):
            return _again(code, None, tries, made_ms, now_ms, chance)


def _again(code: str, asked_s: float | None, tries: int, made_ms: int, now_ms: int, chance: float) -> Decision:
    """Given up by neither alone: one that asks for short waits, or came back often, has used up its tries at once."""
    if tries > len(SCHEDULE_S) and now_ms - made_ms >= WHOLE_MS:
        return GivenUp(code)
    wait_s = SCHEDULE_S[min(tries, len(SCHEDULE_S)) - 1] if asked_s is None else max(asked_s, SHORTEST_S)
    return Again(now_ms + int(wait_s * (1 + JITTER * chance) * 1000), code)
