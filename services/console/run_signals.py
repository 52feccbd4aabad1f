"""Being asked to end: once is orderly, again is at once, and cleaning up is never cut short."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

ASKING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAME_SECONDS: Final = 1.0
"""One key press or `kill` may come twice: to the group, and passed on by make or timeout."""


class Stopped(BaseException):
    """Asked to end in a place that may be left. Not an Exception: nothing on the way out takes it for a failure."""


class Signals:
    """Counts requests to end while the block runs. `leaving_at` marks what the n-th of them may cut short."""

    def __init__(self) -> None:
        self.requests = 0
        self._last = 0.0
        self._asked = threading.Event()
        self._leaves_at: int | None = None

    def __enter__(self) -> "Signals":
        heard = [number for number in ASKING if not _under_nohup(number)]
        self._before = {number: signal.signal(number, self._handle) for number in heard}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.requests and now - self._last < SAME_SECONDS:
            return
        self._last = now
        self.ask()

    def ask(self) -> None:
        """One more request."""
        self.requests += 1
        self._asked.set()
        if self._leaves_at is not None and self.requests >= self._leaves_at:
            self._leaves_at = None
            raise Stopped

    def wait(self, seconds: float) -> bool:
        """Sleep, or return True at once when the end is asked for."""
        return self._asked.wait(seconds)

    @contextmanager
    def leaving_at(self, request: int) -> Iterator[None]:
        """The `request`-th request raises Stopped inside the block, at its start if it came before."""
        if self.requests >= request:
            raise Stopped
        self._leaves_at = request
        try:
            yield
        finally:
            self._leaves_at = None


def _under_nohup(number: signal.Signals) -> bool:
    return number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN
