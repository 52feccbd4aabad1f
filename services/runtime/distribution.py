"""The broker's program: Kafka's own jars, copied by Maven once and kept outside the checkout."""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Final

from services.runtime.exits import CannotRun

POM: Final = Path(__file__).parents[2] / "deploy" / "broker" / "pom.xml"
"""Which Kafka: the one place that names its version."""
JAVA_AT_LEAST: Final = 17
_CONTENTS: Final = "CONTENTS"
_GOAL: Final = "org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies"
_MAVEN_PATIENCE_S: Final = 900
_OWN_CLUSTER: Final = "or set KAFKA_BOOTSTRAP_SERVERS to use a cluster that runs already"
_BOILERPLATE: Final = re.compile(r"\[Help \d\]|^To see the full|^Re-run Maven|^For more information|^After corr")
_ANSI: Final = re.compile(r"\x1b\[[0-9;]*m")
_ADDRESS: Final = re.compile(r"\(?\b[a-z]+://[^\s)]+\)?")


def fetch() -> list[Path]:
    """The jars of the version the pom names; by Maven if they are not there yet or not whole.

    Safe when two processes do it at once: the second waits and uses the first's. Raises CannotRun when
    Java or Maven is missing or too old, or when Maven fails (with its last meaningful line).
    """
    java()
    home = cache_directory()
    if jars := _complete(home):
        return jars
    with _locked(home):
        return _complete(home) or _copy_by_maven(home)


def cached() -> bool:
    """True if `fetch` will not need Maven."""
    return bool(_complete(cache_directory()))


def cache_directory() -> Path:
    """Where the jars are kept: `${XDG_CACHE_HOME:-~/.cache}/referrals/kafka-<version>`."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "referrals" / f"kafka-{version()}"


def version() -> str:
    """Kafka's version, as the pom says it."""
    try:
        found = re.search(r"<kafka\.version>([0-9.]+)</kafka\.version>", POM.read_text(encoding="utf-8"))
    except OSError:
        found = None
    if found is None:
        raise CannotRun("deploy/broker/pom.xml does not say <kafka.version>: it names the broker to fetch; restore it")
    return found[1]


def java() -> str:
    """The path of a Java that can run the broker: JAVA_HOME's, else the PATH's."""
    home = os.environ.get("JAVA_HOME")
    path = shutil.which("java", path=str(Path(home, "bin"))) if home else shutil.which("java")
    wanted = f"install Java {JAVA_AT_LEAST} or newer{' or correct JAVA_HOME' if home else ''}, {_OWN_CLUSTER}"
    if path is None:
        raise CannotRun(f"Java is missing and the Kafka broker runs on it: {wanted}")
    major = _major_of(path)
    if major is None or major < JAVA_AT_LEAST:
        found = f"Java {major}" if major else "a Java that does not tell its version"
        raise CannotRun(f"found {found}, too old for the Kafka broker: {wanted}")
    return path


@lru_cache
def _major_of(java_path: str) -> int | None:
    """Asked once a process: a JVM's start is not free."""
    said = subprocess.run([java_path, "-version"], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    return java_major(said.stderr + said.stdout)


def java_major(said: str) -> int | None:
    """17 from `openjdk version "17.0.15"`, 8 from `java version "1.8.0_402"`; None if it says neither."""
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found[1]) if found else None


def last_meaningful_line(output: str) -> str:
    """What Maven said was wrong, without its advice and without addresses of this machine's mirrors."""
    lines = [_ANSI.sub("", line).strip() for line in output.splitlines()]
    errors = [line.removeprefix("[ERROR]").strip() for line in lines if line.startswith("[ERROR]")]
    told = [re.sub(r"\s*-> \[Help \d\].*", "", line) for line in errors]
    meaningful = [line for line in told if line and not _BOILERPLATE.search(line)] or [line for line in lines if line]
    line = meaningful[-1] if meaningful else "it said nothing"
    return re.sub(r"\s+", " ", _ADDRESS.sub("", line)).strip()


def _complete(home: Path) -> list[Path]:
    """The jars if every one is there in its full size, else nothing."""
    try:
        contents = (home / _CONTENTS).read_text(encoding="utf-8").splitlines()
        sizes = dict(line.rsplit(" ", 1) for line in contents)
        whole = all((home / name).stat().st_size == int(size) for name, size in sizes.items())
    except (OSError, ValueError):
        return []
    return [home / name for name in sizes] if whole else []


def _copy_by_maven(home: Path) -> list[Path]:
    maven = shutil.which("mvn")
    if maven is None:
        raise CannotRun(
            f"Maven (mvn) is missing and Kafka {version()} is fetched with it: install Maven, {_OWN_CLUSTER}"
        )
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".fetching-") as scratch:
        fresh = Path(scratch, "jars")
        _run_maven([maven, "-B", "-Dstyle.color=never", "-f", str(POM), _GOAL, f"-DoutputDirectory={fresh}"])
        sizes = {jar.name: jar.stat().st_size for jar in sorted(fresh.glob("*.jar"))}
        if f"kafka_2.13-{version()}.jar" not in sizes:
            raise CannotRun("Maven copied no Kafka: run it again with an emptied local repository")
        (fresh / _CONTENTS).write_text("".join(f"{name} {size}\n" for name, size in sizes.items()))
        if home.exists():  # not whole: a renamed directory cannot replace a filled one
            home.rename(Path(scratch, "broken"))
        fresh.rename(home)
    return _complete(home)


def _run_maven(command: list[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - our own command line
            command, capture_output=True, text=True, timeout=_MAVEN_PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise CannotRun(f"Maven did not fetch Kafka within {_MAVEN_PATIENCE_S} s: try again") from None
    if done.returncode:
        raise CannotRun(f"Maven could not fetch Kafka {version()}: {last_meaningful_line(done.stdout + done.stderr)}")


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """One fetcher at a time; the kernel lets go of the lock if its holder dies."""
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with (home.parent / f".{home.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise CannotRun(
            f"the cache {home.parent} cannot be written ({type(error).__name__}): "
            "Kafka is kept there; set XDG_CACHE_HOME to a directory that can"
        ) from None
