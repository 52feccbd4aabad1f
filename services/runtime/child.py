"""Child processes that lead their own group, are signalled only through it, and do not outlive us."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Final

_TETHER: Final = Path(__file__).with_name("tether.py")
# The kernel's parent-death signal goes off when the *thread* that forked ends: this one ends with us.
_FORKER: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forker")


class Child:
    """One program in a process group of its own; killed by the kernel if this process dies first."""

    def __init__(
        self,
        program: Sequence[str],
        *,
        output: IO[bytes] | int,
        environment: Mapping[str, str] | None = None,
        passed: Sequence[int] = (),
    ) -> None:
        """Start `program`; both its streams go to `output`, and it has the open files `passed` under their numbers.

        OSError if Python itself cannot be started.
        """
        tied = [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), *program]
        self._process = _FORKER.submit(
            subprocess.Popen,
            tied,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if environment is None else dict(environment),
            start_new_session=True,
            pass_fds=passed,
        ).result()

    @property
    def pid(self) -> int:
        """Process and group id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """False once it has ended, however it did."""
        return self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Signal the whole group; nothing happens if the leader has ended and been reaped."""
        if self.alive:
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self._process.wait()

    def ask_to_end(self) -> None:
        """SIGTERM, after SIGCONT: a paused process would not see it."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)

    def end(self, patience_s: float) -> bool:
        """SIGTERM, and SIGKILL after `patience_s`. True if it ended by itself."""
        self.ask_to_end()
        return self.join(patience_s)

    def join(self, patience_s: float) -> bool:
        """Wait for it to end by itself; after `patience_s` kill it. True if it did."""
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        return True
