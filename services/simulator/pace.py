"""How many records may go now. Pure: the clock is an argument."""

from dataclasses import dataclass
from typing import Final

BURST_S: Final = 0.25
"""After a stall at most so many seconds' worth is made up for: a paused broker is no reason for a flood."""
FLAT_OUT: Final = 500
"""Records between two looks at the clock when nothing limits the rate."""


@dataclass(slots=True)
class Pace:
    """A bucket that fills at `rate` records a second (0: no limit). `last_s` is when it was last looked at."""

    rate: float
    last_s: float
    saved: float = 0.0

    def take(self, now_s: float) -> int:
        """How many records are due at this monotonic time, in seconds."""
        if not self.rate:
            return FLAT_OUT
        filled = self.saved + (now_s - self.last_s) * self.rate
        due = int(min(filled, max(1.0, self.rate * BURST_S)))
        self.saved = min(filled, max(1.0, self.rate * BURST_S)) - due
        self.last_s = now_s
        return due

    def wait_s(self) -> float:
        """How long until it is worth while to look again, 1 to 20 milliseconds."""
        return min(0.02, max(0.001, 1 / self.rate)) if self.rate else 0.0
