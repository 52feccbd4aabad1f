"""The marked blocks of README.md and docs/ do what they show, against a real broker and a router process.

`<!-- run -->` before a block: its `$` lines are run, each by a bash of its own, and what they print is held against
what the page shows. `<!-- run until -->`: tried again until it is so. `<!-- file: name -->`: written to that file.
The pages' addresses stand for those of the session's broker and of the router that is started here.
"""

import os
import re
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from policy.topics import topic_plan
from services.console.provision import provision
from services.runtime.settings import KafkaSettings
from tests.integration.test_router import port_of, router
from tests.samples import DEPLOY, configuration

ROOT: Final = DEPLOY.parent
PAGES: Final = ("README.md", "docs/partner.md", "docs/desk.md", "docs/operator.md", "docs/developer.md")
PATIENCE_S: Final = 120
USED: Final = ("deploy", "schemas", "docs", "Makefile")
"""What of the checkout the commands see; all that they write stays in a directory of the test's."""
TOOLS: Final = {
    "kcat": "Debian: apt-get install kcat",
    "curl": "Debian: apt-get install curl",
    "java": "a JDK of version 17 or later; Debian: apt-get install openjdk-17-jdk-headless",
}
_BLOCK: Final = re.compile(
    r"^<!-- (?P<mark>run|run until|file: (?P<file>[\w.]+)) -->\n```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Command:
    """What is typed after a `$`, and what the page shows below it."""

    typed: str
    shown: Sequence[str]

    @property
    def needs(self) -> set[str]:
        """The tools beyond ours that it uses."""
        return {tool for tool in TOOLS if re.search(rf"(^|[|;] *){tool} ", self.typed)}


@dataclass(frozen=True)
class Block:
    """A marked block of a page; `file` where it is to be written and not run."""

    page: str
    line: int
    patient: bool
    file: str | None
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def commands(self) -> list[Command]:
        """In order. A block that is run begins with a command."""
        found: list[Command] = []
        for piece in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            typed, *shown = piece.splitlines()
            found.append(Command(typed, shown))
        return found


def blocks_of(page: str, text: str) -> list[Block]:
    """The marked blocks of a page's text."""
    return [
        Block(page, text.count("\n", 0, m.start()) + 1, m["mark"] == "run until", m["file"], m["text"])
        for m in _BLOCK.finditer(text)
    ]


def agrees(said: str, shown: Sequence[str]) -> bool:
    """Whether the output is what is shown: `…` is anything in a line, or alone any lines; blanks count as one."""
    lines = [" ".join(line.split()) + "\n" for line in said.splitlines()]
    return re.fullmatch("".join(map(_pattern, shown)), "".join(lines)) is not None


def _pattern(line: str) -> str:
    if line.strip() == "…":
        return r"(?:.*\n)*?"
    return "[^\n]*?".join(re.escape(part) for part in " ".join(line.split()).split("…")) + "\n"


@cache
def has(tool: str) -> bool:
    """Whether it is here; for Java, whether it can compile."""
    path = shutil.which(tool)
    if path is None or tool != "java":
        return path is not None
    return b"jdk.compiler" in subprocess.run([path, "--list-modules"], capture_output=True, check=False).stdout


@cache
def say_that_it_is_missing(tool: str) -> None:
    """One line in the summary of the session."""
    warnings.warn(f"{tool} is missing: the pages' blocks that use it were not run ({TOOLS[tool]})", stacklevel=2)


class Reader:
    """Somebody who follows the pages: types what they show, in a directory with the checkout's files."""

    def __init__(self, directory: Path, bootstrap: str, router_port: int) -> None:
        self.directory = directory
        self._addresses = {"127.0.0.1:9092": bootstrap, "127.0.0.1:9464": f"127.0.0.1:{router_port}"}
        outer = {k: v for k, v in os.environ.items() if not k.startswith(("REFERRAL_", "KAFKA_", "MAKE"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._environment = {**outer, "PATH": path, "KAFKA_BOOTSTRAP_SERVERS": bootstrap, "COLUMNS": "200"}
        for name in USED:
            (directory / name).symlink_to(ROOT / name)

    def type(self, typed: str) -> tuple[int, str]:
        """Exit code and output, stderr among it, as a terminal shows both."""
        for shown, real in self._addresses.items():
            typed = typed.replace(shown, real)
        done = subprocess.run(
            ["bash", "-c", typed], cwd=self.directory, env=self._environment, timeout=PATIENCE_S, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return done.returncode, done.stdout.decode()

    def follow(self, command: Command, patient: bool) -> None:
        """Fails when it ends with another code than 0, or prints something else than is shown."""
        deadline = time.monotonic() + (PATIENCE_S if patient else 0)
        code, said = self.type(command.typed)
        while time.monotonic() < deadline and not agrees(said, command.shown):
            code, said = self.type(command.typed)
        told = f"$ {command.typed}\n{said}"
        assert agrees(said, command.shown), told
        assert code == 0, told


@pytest.fixture(scope="module")
def reader(kafka: KafkaSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    provision(kafka, topic_plan(configuration()), dry_run=False)
    process = router(tmp_path_factory.mktemp("router") / "router.log", REFERRAL_CONFIG_DIR=str(DEPLOY))
    process.start(kafka.bootstrap_servers)
    try:
        process.await_ready(PATIENCE_S)
        yield Reader(tmp_path_factory.mktemp("checkout"), kafka.bootstrap_servers, port_of(process))
    finally:
        process.stop()
    assert process.misconduct == []


@pytest.mark.parametrize("block", [b for p in PAGES for b in blocks_of(p, (ROOT / p).read_text())], ids=str)
def test_the_page_shows_what_happens(block: Block, reader: Reader) -> None:
    """In the order of the page: a block may use the files and referrals of those before it."""
    if block.file is not None:
        (reader.directory / block.file).write_text(block.text)
        return
    commands = block.commands()
    assert commands, "a block that is marked has a command"
    for tool in sorted(set().union(*(command.needs for command in commands))):
        if not has(tool):
            say_that_it_is_missing(tool)
            pytest.skip(f"{tool} is missing")
    for command in commands:
        reader.follow(command, block.patient)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_a_block_that_is_run(page: str) -> None:
    assert any(block.file is None for block in blocks_of(page, (ROOT / page).read_text()))


@pytest.mark.parametrize(
    ("said", "shown", "agreed"),
    [
        ("a  b\n", ["a b"], True),
        ("a b c\n", ["a … c"], True),
        ("a\nx\ny\nb\n", ["a", "…", "b"], True),
        ("a\nb\n", ["a", "…", "b"], True),
        ("1.5\n", ["1x5"], False),
        ("a\nb\n", ["a"], False),
        ("a\n", ["a", "b"], False),
        ("a x\nb c\n", ["a … c"], False),
        ("", [], True),
        ("unasked\n", [], False),
    ],
)
def test_only_what_is_shown_agrees(said: str, shown: list[str], agreed: bool) -> None:
    assert agrees(said, shown) is agreed


def test_a_marked_block_is_found_with_its_commands() -> None:
    text = "words\n\n<!-- run -->\n```console\n$ one | kcat -C\nsaid\n$ two\n```\n\n```sh\nnever run\n```\n"
    (block,) = blocks_of("page", text)
    assert (str(block), block.file, block.patient) == ("page:3", None, False)
    assert block.commands() == [Command("one | kcat -C", ["said"]), Command("two", [])]
    assert [command.needs for command in block.commands()] == [{"kcat"}, set()]
