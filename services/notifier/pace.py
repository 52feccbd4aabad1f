"""How fast one endpoint is given messages: a healthy one several at a time, a dead one single probes. Pure.

Each has its own, so that none waits for another. It begins with two at once, gains one with each that it takes, and
after five failures in a row is left alone for a while after each.
"""

from dataclasses import dataclass
from typing import Final

FIRST: Final = 2
MOST: Final = 16
DEAD_AFTER: Final = 5
"""Where one request in ten fails by chance, three fail in a row once in a thousand, five once in a hundred thousand."""
PAUSE_MS: Final = 5_000
LONGEST_PAUSE_MS: Final = 60_000


@dataclass(slots=True)
class Pace:
    """Of one endpoint, in one process. `due_ms`: when it may have something to be given; None: nothing is known of."""

    due_ms: int | None = None
    in_flight: int = 0
    limit: int = FIRST
    failures: int = 0
    not_before_ms: int = 0
    proven: bool = False
    """True once it took something from this process."""

    @property
    def dead(self) -> bool:
        """True while one probe at a time is all it gets."""
        return self.failures >= DEAD_AFTER

    def free(self, now_ms: int) -> int:
        """How many it can be given now."""
        if self.due_ms is None or max(self.due_ms, self.not_before_ms) > now_ms:
            return 0
        return max(0, (1 if self.dead else self.limit) - self.in_flight)

    def next_ms(self) -> int | None:
        """When it can be given something, unless what is under way ends before."""
        if self.due_ms is None or self.in_flight >= (1 if self.dead else self.limit):
            return None
        return max(self.due_ms, self.not_before_ms)

    def expect(self, due_ms: int) -> None:
        """Something is due then."""
        self.due_ms = due_ms if self.due_ms is None else min(self.due_ms, due_ms)

    def succeed(self) -> bool:
        """It took one. True where it was dead, or may have been: what waits for it need not wait any longer.

        What a process before this one knew of it is in no memory.
        """
        revived = self.dead or not self.proven
        self.failures, self.not_before_ms, self.proven = 0, 0, True
        self.limit = min(self.limit + 1, MOST)
        return revived

    def fail(self, now_ms: int) -> None:
        """It did not."""
        self.failures += 1
        self.limit = FIRST
        if self.dead:
            self.not_before_ms = now_ms + min(PAUSE_MS * (self.failures - DEAD_AFTER + 1), LONGEST_PAUSE_MS)
