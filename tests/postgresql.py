"""A PostgreSQL of the tests' own, on a free port of loopback, gone when the block ends."""

import os
import pwd
import shutil
import subprocess
import tempfile
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


@contextmanager
def server(*, durable: bool = False) -> Iterator[str]:
    """The URL of a fresh server's first database. It refuses to run as root: then the user postgres runs it.

    `durable`: it waits for the disk as it would in earnest; a test has no need of that.
    """
    programs = binaries()
    assert programs is not None, MISSING
    (port,) = free_ports(1)
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        directory = Path(name)
        if as_user:
            account = pwd.getpwnam("postgres")
            os.chown(directory, account.pw_uid, account.pw_gid)
        data = directory / "data"
        _run(
            [*as_user, str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "--no-sync"],
            directory,
        )
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={directory}"
        if not durable:
            options += " -c fsync=off"
        control = [*as_user, str(programs / "pg_ctl"), "-D", str(data), "-w"]
        _run([*control, "-l", str(directory / "log"), "-o", options, "start"], directory)
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            _run([*control, "-m", "immediate", "stop"], directory)


def _run(command: list[str], directory: Path) -> None:
    subprocess.run(command, cwd=directory, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
