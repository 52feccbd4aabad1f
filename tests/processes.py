"""Processes that a process has started, by what the kernel says."""

import time
from pathlib import Path

PATIENCE_S = 30


def reader_of(pid: int) -> int:
    """The process that reads for the ledger `pid`; it is waited for, since another one takes a killed one's place."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        for child in children(pid):
            if "services.ledger.feeder" in _command(child):
                return child
        assert time.monotonic() < deadline, f"{pid} has no process that reads"
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    """Those that still run, by any of its threads."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found += map(int, (task / "children").read_text().split())
        except OSError:  # a thread that has just ended
            continue
    return found


def _command(pid: int) -> str:
    """Empty for one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
