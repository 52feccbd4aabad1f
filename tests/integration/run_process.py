"""`referrals run` as a process in a directory of its own, and every process that it started."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from services.runtime.ports import free_ports
from tests.faults import deployment
from tests.samples import DEPLOY

DEADLINE_S = 150.0
PORTS = (
    "REFERRAL_CONSOLE_BROKER_PORT",
    "REFERRAL_ROUTER_PORT",
    "REFERRAL_LEDGER_PORT",
    "REFERRAL_NOTIFIER_PORT",
    "REFERRAL_SINK_WEBHOOK_PORT",
    "REFERRAL_SINK_MAIL_PORT",
)
"""Settings of a run that name a port of its own."""


@dataclass
class Run:
    """One run. `family`: the processes seen below it, which must all be gone after it."""

    directory: Path
    process: subprocess.Popen[bytes]
    family: set[psutil.Process] = field(default_factory=set)

    @property
    def out(self) -> str:
        return (self.directory / "out.txt").read_text()

    @property
    def err(self) -> str:
        return (self.directory / "err.txt").read_text()

    def until(self, condition: Callable[[], Any], patience_s: float = DEADLINE_S) -> None:
        """Wait for it; fails when the run ends first or the deadline passes."""
        deadline = time.monotonic() + patience_s
        while not condition():
            assert self.process.poll() is None, self.err
            assert time.monotonic() < deadline, self.out + self.err
            self.remember()
            time.sleep(0.1)
        self.remember()

    @property
    def received(self) -> int:
        """As its last line says."""
        found = re.findall(r"received ([0-9,]+)", self.out)
        return int(found[-1].replace(",", "")) if found else 0

    def until_routing(self) -> None:
        self.until(lambda: self.received)

    def remember(self) -> None:
        try:
            self.family |= set(psutil.Process(self.process.pid).children(recursive=True))
        except psutil.NoSuchProcess:
            return

    def part(self, words: str) -> psutil.Process:
        """The process whose command line ends with these words, or has them followed by a blank."""
        lines = {child: " ".join(child.cmdline()) + " " for child in self.family if child.is_running()}
        (found,) = [child for child, line in lines.items() if f"{words} " in line]
        return found

    def end(self, number: signal.Signals | None = None) -> int:
        """Send the signal if one is given; wait; the exit code."""
        if number is not None:
            self.process.send_signal(number)
        code = self.process.wait(DEADLINE_S)
        _, alive = psutil.wait_procs(self.family, timeout=10)
        assert alive == [], "processes were left behind"
        return code

    def tally(self) -> Any:
        return json.loads((self.directory / "var" / "tally.json").read_text())


def environment(directory: Path, **settings: str) -> dict[str, str]:
    """Of a run: few desks and the project's own partners, free ports, and the settings given."""
    if not (config := directory / "config").exists():
        deployment.write(config)
        shutil.copy(DEPLOY / "partners.yaml", config)
    ports = free_ports(len(PORTS))
    outer = {k: v for k, v in os.environ.items() if not k.startswith(("REFERRAL_", "KAFKA_"))}
    own = {"REFERRAL_CONFIG_DIR": str(config), "RATE": "100", "SIMULATE": ""}
    return {**outer, **dict(zip(PORTS, map(str, ports), strict=True)), **own, **settings}


@contextmanager
def running(directory: Path, env: dict[str, str]) -> Iterator[Run]:
    """A run that has been started; killed if the test leaves it running."""
    with (directory / "out.txt").open("wb") as out, (directory / "err.txt").open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.console", "run"], cwd=directory, env=env, stdout=out, stderr=err
        )
    run = Run(directory, process)
    try:
        yield run
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
