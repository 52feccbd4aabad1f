"""The Makefile, with everything that it calls replaced: what it needs, what it says, what it passes on."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("runtime", "development")
TOOLS = ("awk", "bash", "cp", "env", "find", "flock", "head", "ls", "make", "rm", "sed", "sh", "touch", "tr")


class Checkout:
    """A copy of what make reads, and a PATH of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.path = directory, directory / "path"
        self.path.mkdir()
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found is not None, tool
            (self.path / tool).symlink_to(found)
        for name in ("Makefile", "pyproject.toml"):
            shutil.copy(ROOT / name, directory)
        shutil.copytree(ROOT / "requirements", directory / "requirements")

    def program(self, name: str, script: str) -> None:
        place = self.directory / name if "/" in name else self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"#!/bin/sh\n{script}\n")
        place.chmod(0o755)

    def with_python(self) -> "Checkout":
        self.program("python3", f'exec {sys.executable} "$@"')
        return self

    def with_java(self, version: str = "17.0.1") -> "Checkout":
        self.program("java", f"echo 'openjdk version \"{version}\" 2024' >&2")
        return self

    def with_maven(self) -> "Checkout":
        self.program("mvn", "exit 0")
        return self

    def installed(self, referrals: str = "exit 0") -> "Checkout":
        """As after the first time: the environment is there and newer than the locks."""
        self.program(".venv/bin/referrals", referrals)
        (self.directory / ".venv" / ".installed").touch()
        return self

    def make(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        inner = {"PATH": str(self.path), "HOME": str(self.directory), **environment}
        return subprocess.run(
            ["make", *words], cwd=self.directory, env=inner, capture_output=True, text=True, timeout=60, check=False
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if not line.startswith("make:")]


def test_help_names_every_target(checkout: Checkout) -> None:
    targets = set(re.findall(r"^\.PHONY: (\S+)", (ROOT / "Makefile").read_text(), re.MULTILINE))
    listed = set(re.findall(r"^  make (\S+)", checkout.make("help").stdout, re.MULTILINE))
    assert listed == {target for target in targets if not target.startswith("needs-")}


def test_a_missing_python_is_one_line(checkout: Checkout) -> None:
    done = checkout.with_java().with_maven().make("run")
    (line,) = said(done)
    assert "Python 3.11" in line
    assert "Error 3" in done.stderr


def test_missing_java_and_maven_are_a_line_each(checkout: Checkout) -> None:
    done = checkout.with_python().make("run")
    java, maven = said(done)
    assert "Java 17" in java
    assert "Maven" in maven
    assert "Error 3" in done.stderr


@pytest.mark.parametrize(("version", "enough"), [("17.0.1", True), ("21", True), ("11.0.2", False), ("1.8.0", False)])
def test_java_is_as_new_as_the_broker_needs(checkout: Checkout, version: str, enough: bool) -> None:
    done = checkout.with_python().with_maven().installed().with_java(version).make("run")
    assert (done.returncode == 0) is enough
    assert enough or version.split(".")[version.startswith("1.")] in said(done)[0]


def test_maven_is_not_asked_for_when_kafka_is_fetched(checkout: Checkout) -> None:
    cache = checkout.directory / "cache"
    (cache / "referrals" / "kafka-9.9.9").mkdir(parents=True)
    (cache / "referrals" / "kafka-9.9.9" / "CONTENTS").touch()
    assert checkout.with_python().with_java().installed().make("run", XDG_CACHE_HOME=str(cache)).returncode == 0


def test_a_cluster_that_runs_already_needs_no_java(checkout: Checkout) -> None:
    done = checkout.with_python().installed().make("run", KAFKA_BOOTSTRAP_SERVERS="kafka-1:9092")
    assert done.returncode == 0


def test_settings_reach_the_run_from_the_environment_and_from_the_command_line(checkout: Checkout) -> None:
    checkout.with_python().with_java().with_maven().installed('echo "$1 $RATE $DURATION"')
    assert checkout.make("run", "RATE=500", DURATION="20").stdout == "run 500 20\n"


@pytest.mark.parametrize("code", [1, 3])
def test_the_code_of_a_run_is_said_although_make_ends_with_its_own(checkout: Checkout, code: int) -> None:
    done = checkout.with_python().with_java().with_maven().installed(f"exit {code}").make("run")
    assert done.returncode == 2
    assert f"run] Error {code}" in done.stderr


def test_a_changed_lock_is_installed_with_its_hashes(checkout: Checkout) -> None:
    checkout.with_python().with_java().with_maven().installed()
    checkout.program(".venv/bin/python", 'echo "$@" >> installed.txt')
    stamp = (checkout.directory / ".venv" / ".installed").stat().st_mtime
    os.utime(checkout.directory / "requirements" / "runtime.txt", (stamp + 5, stamp + 5))
    assert checkout.make("run").returncode == 0
    words = (checkout.directory / "installed.txt").read_text()
    assert "--require-hashes -r requirements/runtime.txt -r requirements/development.txt" in words
    assert "--no-deps --no-build-isolation -e ." in words


def test_clean_is_refused_while_a_run_holds_its_place(checkout: Checkout) -> None:
    lock = checkout.directory / "var" / "run.lock"
    lock.parent.mkdir()
    with lock.open("w") as held:
        held.write("pid 7\nurl http://127.0.0.1:9464/metrics\n")
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        refused = checkout.make("clean")
        assert "Error 3" in refused.stderr
        assert "pid 7" in refused.stderr
        assert lock.exists()
    assert checkout.make("clean").returncode == 0
    assert not lock.parent.exists()


def pins(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_a_hash_for_everything_and_no_address(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    requirements = re.split(r"\n(?=\S)", text.strip())
    assert all("--hash=sha256:" in requirement for requirement in requirements)
    assert not re.search(r"://|find-links|index-url|trusted-host", text)


def test_the_development_lock_has_the_runtime_lock_in_it() -> None:
    assert pins("runtime").items() <= pins("development").items()
