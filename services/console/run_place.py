"""One run in one place: the directory with its data is held by a lock that the kernel lets go of with the process."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from services.runtime.exits import CannotRun
from services.runtime.ports import LOOPBACK, require_free

LOCK: Final = "run.lock"
_LISTENING: Final = "0A"
_TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


@contextmanager
def held(directory: Path, url: str) -> Iterator[None]:
    """Hold the directory while the block runs; CannotRun with pid and URL of who holds it already.

    The lock is flock(2) on `run.lock`, which keeps the text of its last holder: only the lock says if it lives.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise CannotRun(
            f"{directory} cannot be written ({type(error).__name__}): the broker's data and the logs are kept "
            "there; run it where you may write"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise CannotRun(_taken(directory, lock.read())) from None
        lock.truncate(0)
        lock.write(f"pid {os.getpid()}\nurl {url}\n")
        lock.flush()
        yield


def _taken(directory: Path, text: str) -> str:
    said = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
    pid, url = said.get("pid", "unknown"), said.get("url", "unknown")
    return (
        f"a run uses {directory} already: pid {pid}, metrics at {url}; "
        f"look there, or end it first (Ctrl-C in its terminal, or kill {pid})"
    )


def require_port(port: int, purpose: str, setting: str) -> None:
    """CannotRun when somebody listens on the port: who, if that can be seen, and which setting names another."""
    try:
        require_free(port, purpose)
    except CannotRun:
        raise CannotRun(
            f"port {port} on {LOOPBACK} is taken by {listener(port) or 'another process'}; {purpose} needs it: "
            f"end that process, or name another port with {setting}="
        ) from None


def listener(port: int) -> str | None:
    """Name and pid of who listens on the port; None where the kernel does not show it to us."""
    sockets = {f"socket:[{inode}]" for table in _TABLES for inode in _inodes(table, port)}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended, or is another user's
            if any(_leads_to(file) in sockets for file in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    return None


def _leads_to(file: Path) -> str | None:
    """What an open file is; None for one that was closed since it was listed."""
    try:
        return os.readlink(file)
    except OSError:
        return None


def _inodes(table: Path, port: int) -> Iterator[str]:
    """The listening sockets of that port (proc(5), /proc/net/tcp: local address, state, inode)."""
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:
        return
    for line in lines:
        fields = line.split()
        if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
            yield fields[9]
