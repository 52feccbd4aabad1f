"""One stack for all tests here; gone afterwards, however they ended."""

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.compose.stack import Stack

CANNOT_RUN = 3


def require(program: list[str], why: str) -> None:
    """End the session with one line when it cannot be run."""
    if shutil.which(program[0]) is None or subprocess.run(program, capture_output=True, check=False).returncode:
        pytest.exit(f"`{' '.join(program)}` does not work here: {why}", returncode=CANNOT_RUN)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """`docker compose up --wait`, from nothing."""
    require(["docker", "info"], "the stack runs in containers; install Docker and start it")
    require(["docker", "compose", "version"], "it starts the stack; install Docker's compose plugin (v2)")
    require(["kcat", "-V"], "it publishes and reads; install it (Debian: apt-get install kcat)")
    ours = Stack()
    try:
        ours.up("--build")
        yield ours
    finally:
        ours.down()
        assert ours.left_behind() == []
