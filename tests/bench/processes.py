"""The contenders as processes of their own: started, found ready, looked at from outside, ended."""

import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from services.runtime.child import Child
from services.runtime.exits import CannotRun
from tests.bench.stage import Stage
from tests.processes import children

START_S: Final = 120.0
END_S: Final = 20.0
_LOOK_S: Final = 0.01
_CLOCK_HZ: Final = os.sysconf("SC_CLK_TCK")


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _CLOCK_HZ


def _peak_rss_mib(pid: int) -> float:
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None  # Linux always says
    return int(found[1]) / 1024


class Worker(ABC):
    """One process and its output file. Subclasses say when it is ready and what it wrote."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str], output: Path) -> None:
        self.output = output
        self.started_s = time.monotonic()
        with output.open("wb") as file:
            self._child = Child([sys.executable, "-m", *arguments], output=file, environment=environment)

    @property
    def cpu_s(self) -> float:
        """Processor time used so far by all threads, and by the processes that it has started and that still run."""
        return sum(map(_cpu_s, (self._child.pid, *children(self._child.pid))))

    @property
    def peak_rss_mib(self) -> float:
        """The most memory it ever had resident (VmHWM, proc(5)); each of its processes' most is added to it."""
        return sum(map(_peak_rss_mib, (self._child.pid, *children(self._child.pid))))

    @property
    @abstractmethod
    def ready(self) -> bool:
        """Whether it would route what comes now."""

    @abstractmethod
    def written(self) -> int:
        """How many records it wrote to queues. Asked once, when all is done; a peer is ended by it."""

    def require_alive(self) -> None:
        """CannotRun with the end of its output when it has ended by itself."""
        if not self._child.alive:
            tail = self.output.read_text(errors="replace")[-600:]
            raise CannotRun(f"a contender ended before its time; its last words: {tail}")

    def end(self) -> None:
        """SIGTERM; SIGKILL where that is not enough."""
        self._child.end(END_S)

    def lines(self) -> Iterator[dict[str, Any]]:
        """Its output's whole JSON lines."""
        for line in self.output.read_text(errors="replace").splitlines():
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict):
                yield found


class ServiceProcess(Worker):
    """One of the project's own services, as it runs anywhere, on a free port. `settings`: its further environment."""

    def __init__(self, service: str, stage: Stage, settings: Mapping[str, str], output: Path) -> None:
        environment = clean_environment() | {
            "REFERRAL_CONFIG_DIR": str(stage.directory),
            f"REFERRAL_{service.upper()}_PORT": "0",
            "KAFKA_BOOTSTRAP_SERVERS": stage.kafka.bootstrap_servers,
            **settings,
        }
        super().__init__([f"services.{service}"], environment, output)
        self._port: int | None = None

    @property
    def ready(self) -> bool:
        """What `/readyz` says."""
        return self.get("/readyz") is not None

    def events(self, name: str) -> list[dict[str, Any]]:
        """Its log lines about one event."""
        return [line for line in self.lines() if line.get("event") == name]

    def metric(self, name: str) -> float:
        """The sum over a metric's series."""
        text = (self.get("/metrics") or b"").decode()
        found = re.findall(rf"^{re.escape(name)}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
        if not found:
            raise CannotRun(f"no metric {name} is shown: the bench and docs/metrics.md disagree")
        return sum(map(float, found))

    def get(self, path: str) -> bytes | None:
        """The body of a 200; None of anything else."""
        if self._port is None:
            heard = self.events("listening")
            if not heard:
                return None
            self._port = int(heard[-1]["port"])
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=5) as answer:
                body: bytes = answer.read()
                return body
        except (urllib.error.URLError, OSError):
            return None


class RouterProcess(ServiceProcess):
    """`python -m services.router`."""

    def __init__(self, stage: Stage, output: Path) -> None:
        super().__init__("router", stage, {}, output)

    def written(self) -> int:
        return int(self.metric("referral_router_routed_total"))


class PeerProcess(Worker):
    """A peer of `tests.bench`: says `{"event": "ready"}` on its output, and what it wrote when it ends."""

    def __init__(self, module: str, stage: Stage, output: Path) -> None:
        arguments = [f"tests.bench.{module}", stage.kafka.bootstrap_servers, str(stage.directory), stage.partner.id]
        super().__init__(arguments, clean_environment(), output)

    @property
    def ready(self) -> bool:
        return any(line.get("event") == "ready" for line in self.lines())

    def written(self) -> int:
        self.end()
        found = [line["written"] for line in self.lines() if "written" in line]
        if not found:
            self.require_alive()
        return int(found[-1])


def clean_environment() -> dict[str, str]:
    """This process's, without any setting of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("REFERRAL_", "KAFKA_"))}


def wait_until(condition: Callable[[], bool], what: str, deadline_s: float, *workers: Worker) -> None:
    """Return when the condition holds; CannotRun at the deadline, or when a worker has ended."""
    end = time.monotonic() + deadline_s
    while not condition():
        for worker in workers:
            worker.require_alive()
        if time.monotonic() > end:
            raise CannotRun(f"{what}: not so after {deadline_s:.0f} s")
        time.sleep(_LOOK_S)
