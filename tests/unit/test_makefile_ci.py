"""`.ci/run` with everything that it calls replaced by programs that only say they were called."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NO_ENGINE = "exit 1"


class Machine:
    """A checkout, the folder beside it, and a PATH with stubs that write down what they were asked."""

    def __init__(self, directory: Path) -> None:
        self.calls = directory / "calls"
        self.path = directory / "path"
        self.path.mkdir()
        self.checkout = directory / "checkout"
        (self.checkout / ".ci").mkdir(parents=True)
        shutil.copy(ROOT / ".ci" / "run", self.checkout / ".ci" / "run")
        self.stand_in = directory / "shared" / "standin" / "stand-in-images"
        for tool in ("bash", "dirname"):
            found = shutil.which(tool)
            assert found is not None
            (self.path / tool).symlink_to(found)
        for name in ("java", "mvn", "promtool", "amtool", "psql", "chromium", "node", "npm", "kcat", "make", "apt-get"):
            self.stub(self.path / name)
        self.stub(self.path / "id", "echo 0", quiet=True)
        self.stub(self.path / "docker", NO_ENGINE, quiet=True)

    def stub(self, place: Path, then: str = "", *, quiet: bool = False) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        note = "" if quiet else f'echo "{place.name} $*" >> {self.calls}\n'
        place.write_text(f"#!{shutil.which('bash')}\n{note}{then}\n")
        place.chmod(0o755)

    def run(self) -> tuple[int, str, list[str]]:
        done = subprocess.run(
            [str(self.checkout / ".ci" / "run")],
            env={"PATH": str(self.path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout, self.calls.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_images_it_says_that_the_compose_test_did_not_run(machine: Machine) -> None:
    code, out, calls = machine.run()
    assert (code, calls) == (0, ["make lint test"])
    (line,) = out.splitlines()
    assert "compose test did not run" in line


def test_with_images_it_runs_the_compose_test_and_ends_the_engine_it_started(machine: Machine) -> None:
    machine.stub(machine.stand_in)
    code, out, calls = machine.run()
    assert (code, out) == (0, "")
    assert calls == [
        "make lint test",
        "stand-in-images --for docker-compose.yml",
        "make compose-test",
        "stand-in-images --stop",
    ]


def test_an_engine_that_ran_before_goes_on(machine: Machine) -> None:
    machine.stub(machine.stand_in)
    machine.stub(machine.path / "docker", quiet=True)
    assert "stand-in-images --stop" not in machine.run()[2]


def test_a_failure_is_its_own_and_nothing_follows(machine: Machine) -> None:
    machine.stub(machine.stand_in)
    machine.stub(machine.path / "make", "exit 2")
    code, _, calls = machine.run()
    assert (code, calls) == (2, ["make lint test"])


def test_a_failing_compose_test_still_ends_the_engine(machine: Machine) -> None:
    machine.stub(machine.stand_in)
    machine.stub(machine.path / "make", 'if [ "$1" = compose-test ]; then exit 2; fi')
    code, _, calls = machine.run()
    assert code == 2
    assert calls[-1] == "stand-in-images --stop"


def test_what_is_missing_is_installed_by_its_package(machine: Machine) -> None:
    machine.stub(machine.stand_in)
    (machine.path / "kcat").unlink()
    (machine.path / "mvn").unlink()
    _, _, calls = machine.run()
    (line,) = [call for call in calls if " install " in call]
    assert line.split()[-2:] == ["maven", "kcat"]
