"""A PostgreSQL of the tests' own, on a free port of loopback, gone when the block ends."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.runtime.ports import free_ports

MISSING = "PostgreSQL is missing (Debian: apt-get install postgresql): the ledger was tested on SQLite alone"


def binaries() -> Path | None:
    """Where initdb is; None where it is nowhere."""
    if (found := shutil.which("initdb")) is not None:
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return installed[-1].parent if installed else None


class Server:
    """A server in a new directory. It refuses to run as root: then the user postgres runs it.

    `durable`: it waits for the disk as it would in earnest; a test has no need of that.
    """

    def __init__(self, directory: Path, *, durable: bool = False) -> None:
        programs = binaries()
        assert programs is not None, MISSING
        (port,) = free_ports(1)
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if as_user:
            account = pwd.getpwnam("postgres")
            os.chown(directory, account.pw_uid, account.pw_gid)
        self._directory, self._data = directory, directory / "data"
        self._run([*as_user, str(programs / "initdb"), "-D", str(self._data), "-A", "trust", "-U", "postgres",
                   "--no-sync"])  # fmt: skip
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={directory}"
        if not durable:
            options += " -c fsync=off"
        self._control = [*as_user, str(programs / "pg_ctl"), "-D", str(self._data), "-w"]
        self._start = [*self._control, "-l", str(directory / "log"), "-o", options, "start"]
        self.start()

    def start(self, patience_s: float = 30.0) -> None:
        """Until it answers. After a kill its memory is held until its last child has noticed: tried until then."""
        deadline = time.monotonic() + patience_s
        while True:
            try:
                return self._run(self._start)
            except subprocess.CalledProcessError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def stop(self, mode: str = "immediate") -> None:
        """`fast` closes every connection and writes all down; `immediate` as a crash would."""
        self._run([*self._control, "-m", mode, "stop"])

    def kill(self) -> None:
        """SIGKILL to the first process; the others end when they notice."""
        os.kill(int((self._data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    def _run(self, command: list[str]) -> None:
        subprocess.run(command, cwd=self._directory, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def running(*, durable: bool = False) -> Iterator[Server]:
    """A fresh server that can be stopped, killed and started again."""
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        found = Server(Path(name), durable=durable)
        try:
            yield found
        finally:
            found.stop()


@contextmanager
def server(*, durable: bool = False) -> Iterator[str]:
    """The URL of a fresh server's first database."""
    with running(durable=durable) as found:
        yield found.url
