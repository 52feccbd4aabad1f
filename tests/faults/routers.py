"""Router processes: the same command an operator types, in a process group of its own, its log in a file."""

import json
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from services.runtime.child import Child

PROGRAM: Final = (sys.executable, "-m", "services.router")
STOP_S: Final = 10.0
"""Within which a router that got SIGTERM must be gone."""
_POLL_S: Final = 0.05


class RouterFailed(Exception):  # noqa: N818 - said as it reads
    """A router never became ready; the text names its log."""


class RouterProcess:
    """One place where a router runs, is ended and runs again. `misconduct`: what it did unasked."""

    def __init__(self, program: Sequence[str], environment: Mapping[str, str], log_file: Path) -> None:
        self.misconduct: list[str] = []
        self.log_file = log_file
        self._program = program
        self._environment = dict(environment)
        self._child: Child | None = None
        self._began_at = 0

    @property
    def running(self) -> bool:
        """False before the start, after an end we asked for, and after one we did not (which is noted)."""
        if self._child is not None and not self._child.alive:
            self.misconduct.append("the router ended unasked")
            self._child = None
        return self._child is not None

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return self._child.pid if self._child is not None else None

    def start(self, bootstrap: str) -> None:
        """Launch it, and do not wait."""
        if self.running:
            raise RuntimeError("a router runs here already")
        self.log_file.touch()
        self._began_at = self.log_file.stat().st_size
        with self.log_file.open("ab") as output:
            environment = {**self._environment, "KAFKA_BOOTSTRAP_SERVERS": bootstrap}
            self._child = Child(self._program, output=output, environment=environment)

    def await_ready(self, patience_s: float) -> None:
        """Until /readyz answers 200. RouterFailed otherwise."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and self.running:
            port = self._port()
            if port is not None and _is_ready(port):
                return
            time.sleep(_POLL_S)
        raise RouterFailed(f"not ready within {patience_s:g} s; its log is {self.log_file}")

    def kill(self) -> None:
        """SIGKILL."""
        self._end(Child.kill)

    def stop(self) -> None:
        """SIGTERM; not gone in time is misconduct, and it is killed then."""
        late = False

        def end(child: Child) -> None:
            nonlocal late
            late = not child.end(STOP_S)

        self._end(end)
        if late:
            self.misconduct.append(f"the router was not gone {STOP_S:g} s after SIGTERM")

    def pause(self) -> None:
        """SIGSTOP."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def _end(self, how: Callable[[Child], object]) -> None:
        if self.running and self._child is not None:
            child, self._child = self._child, None
            how(child)

    def _signal(self, number: signal.Signals) -> None:
        if self.running and self._child is not None:
            self._child.signal(number)

    def _port(self) -> int | None:
        """From the line `listening` of the log, since the last start."""
        with self.log_file.open("rb") as log:
            log.seek(self._began_at)
            for line in log:
                if b'"listening"' in line:
                    return int(json.loads(line)["port"])
        return None


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
