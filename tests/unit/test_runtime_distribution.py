"""The broker's jars: when Maven is asked, what is believed, what a person is told. Java and Maven are stand-ins."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.runtime import distribution
from services.runtime.exits import CannotRun

JAVA = "#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n"
MAVEN = """#!/bin/sh
echo called >> "$CALLS"
for word in "$@"; do case "$word" in -DoutputDirectory=*) out="${word#-DoutputDirectory=}";; esac; done
mkdir -p "$out"; printf kafka > "$out/kafka_2.13-VERSION.jar"; printf more > "$out/more.jar"
"""
FAILING = """#!/bin/sh
echo '[INFO] Scanning'
echo '[ERROR] Failed to execute goal on project broker: Could not transfer artifact a:b:pom:1 from/to central' \\
  '(https://mirror.example/maven2): Connection refused -> [Help 1]'
echo '[ERROR] '
echo '[ERROR] Re-run Maven using the -X switch to enable full debug logging.'
echo '[ERROR] [Help 1] http://cwiki.example/DependencyResolutionException'
exit 1
"""


class Machine:
    """A PATH and a cache of its own."""

    def __init__(self, directory: Path, patch: pytest.MonkeyPatch) -> None:
        self.programs = directory / "bin"
        self.programs.mkdir()
        self.calls = directory / "calls"
        patch.setenv("PATH", f"{self.programs}{os.pathsep}/usr/bin{os.pathsep}/bin")
        patch.delenv("JAVA_HOME", raising=False)
        patch.setenv("XDG_CACHE_HOME", str(directory / "cache"))
        patch.setenv("CALLS", str(self.calls))
        found = shutil.which
        # /usr/bin is there for the stand-ins' own needs; its Java and Maven are not
        patch.setattr(shutil, "which", lambda name, path=None: found(name, path=path or str(self.programs)))

    def install(self, name: str, script: str) -> None:
        file = self.programs / name
        file.write_text(script)
        file.chmod(0o755)

    @property
    def maven_calls(self) -> int:
        return len(self.calls.read_text().splitlines()) if self.calls.exists() else 0


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    there = Machine(tmp_path, monkeypatch)
    there.install("java", JAVA.format(version="17.0.15"))
    there.install("mvn", MAVEN.replace("VERSION", distribution.version()))
    return there


def test_the_jars_are_copied_once_and_then_taken_from_the_cache(machine: Machine) -> None:
    assert not distribution.cached()
    first = distribution.fetch()
    assert sorted(jar.name for jar in first) == [f"kafka_2.13-{distribution.version()}.jar", "more.jar"]
    assert distribution.fetch() == first
    assert distribution.cached()
    assert machine.maven_calls == 1


def test_a_jar_cut_short_or_gone_is_noticed_and_the_set_fetched_anew(machine: Machine) -> None:
    kafka, more = distribution.fetch()
    more.write_text("mo")
    distribution.fetch()
    assert more.read_text() == "more"
    kafka.unlink()
    assert all(jar.exists() for jar in distribution.fetch())
    assert machine.maven_calls == 3


def test_two_at_once_ask_maven_once(machine: Machine) -> None:
    with ThreadPoolExecutor(4) as threads:
        results = [future.result() for future in [threads.submit(distribution.fetch) for _ in range(4)]]
    assert all(jars == results[0] for jars in results)
    assert machine.maven_calls == 1


def test_nothing_half_fetched_is_left_beside_the_cache(machine: Machine) -> None:
    machine.install("mvn", FAILING)
    with pytest.raises(CannotRun):
        distribution.fetch()
    cache = distribution.cache_directory()
    assert not cache.exists()
    assert [entry.name for entry in cache.parent.iterdir()] == [f".{cache.name}.lock"]


def test_mavens_failure_is_told_in_one_line_without_addresses(machine: Machine) -> None:
    machine.install("mvn", FAILING)
    with pytest.raises(CannotRun) as refusal:
        distribution.fetch()
    assert str(refusal.value) == (
        f"Maven could not fetch Kafka {distribution.version()}: Failed to execute goal on project broker: "
        "Could not transfer artifact a:b:pom:1 from/to central : Connection refused"
    )


def test_a_maven_that_copies_nothing_is_not_believed(machine: Machine) -> None:
    machine.install("mvn", MAVEN.replace("VERSION", "0.0.0"))
    with pytest.raises(CannotRun, match="Maven copied no Kafka"):
        distribution.fetch()


def test_missing_maven_is_named_with_what_to_do(machine: Machine) -> None:
    (machine.programs / "mvn").unlink()
    with pytest.raises(CannotRun, match=r"^Maven \(mvn\) is missing .*KAFKA_BOOTSTRAP_SERVERS"):
        distribution.fetch()


def test_maven_is_not_needed_once_the_jars_are_there(machine: Machine) -> None:
    jars = distribution.fetch()
    (machine.programs / "mvn").unlink()
    assert distribution.fetch() == jars


def test_missing_java_is_named_with_what_to_do(machine: Machine) -> None:
    (machine.programs / "java").unlink()
    with pytest.raises(CannotRun, match=r"^Java is missing .*install Java 17 or newer"):
        distribution.fetch()


def test_java_that_is_too_old_is_named_with_its_version(machine: Machine) -> None:
    machine.install("java", JAVA.format(version="1.8.0_402"))
    with pytest.raises(CannotRun, match=r"^found Java 8, too old"):
        distribution.fetch()


def test_a_java_home_without_java_says_so(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    with pytest.raises(CannotRun, match="correct JAVA_HOME"):
        distribution.fetch()


@pytest.mark.parametrize(
    ("said", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "21" 2023-09-19', 21),
        ('java version "1.8.0_402"', 8),
        ('openjdk version "25-ea" 2025-09-16', 25),
        ("command not found", None),
    ],
)
def test_the_major_version_is_read_from_what_java_says(said: str, major: int | None) -> None:
    assert distribution.java_major(said) == major


def test_without_an_error_line_the_last_line_is_told() -> None:
    assert distribution.last_meaningful_line("[INFO] x\n\x1b[31mKilled\x1b[m\n") == "Killed"
    assert distribution.last_meaningful_line("") == "it said nothing"
