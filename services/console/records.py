"""Records in files: JSON lines, one JSON document, a directory of such files, or standard input (`-`).

A record keeps its bytes, its file and the line it begins on. Whatever stands there is a record; whether it is
a good one is `policy.intake`'s to say.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from schemas.envelope import MAX_BYTES
from services.runtime.exits import WrongUse

STDIN: Final = "-"
LINES: Final = frozenset({".ndjson", ".jsonl"})
SUFFIXES: Final = LINES | {".json"}
KEPT_BYTES: Final = 64 * MAX_BYTES
"""Of a longer record only so much is kept: it is oversize whatever follows."""
_PEEK_LINES: Final = 2


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One record: where it stands (`line` counts from 1) and its bytes, without the line's end."""

    file: str
    line: int
    value: bytes
    end_byte: int
    """Where the next record begins: how far a reader is."""

    @property
    def place(self) -> str:
        """`file:line`."""
        return f"{self.file}:{self.line}"

    @property
    def cut(self) -> bool:
        """Whether the record went on after these bytes."""
        return len(self.value) >= KEPT_BYTES


def files(names: Iterable[str]) -> list[str]:
    """The files meant: a directory stands for its .json, .jsonl and .ndjson files, at any depth, by name."""
    found: list[str] = []
    for name in names:
        path = Path(name)
        if name != STDIN and path.is_dir():
            inside = sorted(str(file) for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
            if not inside:
                raise WrongUse(f"{name}: no .json, .jsonl or .ndjson file in this directory")
            found += inside
        elif name == STDIN or path.exists():
            found.append(name)
        else:
            raise WrongUse(f"{name}: no such file or directory")
    if found.count(STDIN) > 1:
        raise WrongUse("standard input (-) can be read once")
    return found


def size_bytes(names: Iterable[str]) -> int | None:
    """The bytes in all of these files; None where standard input is among them."""
    total = 0
    for name in names:
        if name == STDIN:
            return None
        total += Path(name).stat().st_size
    return total


def read_records(name: str) -> Iterator[FileRecord]:
    """The records of one file. WrongUse when it cannot be read."""
    shown = "stdin" if name == STDIN else name
    try:
        with _open(name) as stream:
            head = [_line(stream) for _ in range(_PEEK_LINES)]
            if Path(name).suffix not in LINES and is_document(head):
                yield _document(shown, head, stream)
            else:
                yield from _lines(shown, head, stream)
    except OSError as error:
        raise WrongUse(f"{shown}: {error.strerror}") from None


def is_document(head: Iterable[tuple[bytes, int]]) -> bool:
    """Whether a file that begins with these lines is one document over several lines, and not a record a line.

    It is where the first line does not close what it opened and the next does not open a record of its own;
    and where it opens a list, which no record is.
    """
    first, second = (line.strip() for line, _ in head)
    return first == b"[" or (bool(second) and not first.endswith(b"}") and not second.startswith(b"{"))


@contextmanager
def _open(name: str) -> Iterator[BinaryIO]:
    if name == STDIN:
        yield sys.stdin.buffer
        return
    with Path(name).open("rb") as stream:
        yield stream


def _line(stream: BinaryIO) -> tuple[bytes, int]:
    """The next line, at most KEPT_BYTES of it, and how many bytes it took."""
    line = kept = stream.readline(KEPT_BYTES)
    length = len(line)
    while line and not line.endswith(b"\n"):
        line = stream.readline(KEPT_BYTES)
        length += len(line)
    return kept, length


def _lines(file: str, head: list[tuple[bytes, int]], stream: BinaryIO) -> Iterator[FileRecord]:
    """A record a line; an empty line is none."""
    number = end = 0
    waiting = head[::-1]
    while (found := waiting.pop() if waiting else _line(stream))[1]:
        number, end = number + 1, end + found[1]
        if value := found[0].removesuffix(b"\n").removesuffix(b"\r"):
            yield FileRecord(file, number, value, end)


def _document(file: str, head: list[tuple[bytes, int]], stream: BinaryIO) -> FileRecord:
    kept = b"".join(line for line, _ in head) + stream.read(KEPT_BYTES)
    end = sum(length for _, length in head) + max(0, len(kept) - sum(len(line) for line, _ in head))
    while more := stream.read(KEPT_BYTES):
        end += len(more)
    return FileRecord(file, 1, kept[:KEPT_BYTES].removesuffix(b"\n").removesuffix(b"\r"), end)
