"""The seen-log's records: what a partition of the router remembers, one record (or a few) a transaction.

A record is text: a line of JSON, then a line for each key first seen, `<report>:<revision> <digest, 16 hex digits>`.
The JSON holds `v` (this format), `digest` (version of the digests), `next` (offset of the ingress record to read
next; absent in all but the last record of a transaction), `at` (broker's time of the newest ingress record, Unix
seconds) and `counts` (running numbers that changed, by queue topic). `all` says that `counts` names every queue:
such a record is written at least daily, so that retention can take the older ones.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from schemas.canonical import DIGEST_VERSION

FORMAT: Final = 1
MAX_BYTES: Final = 800_000
"""Of one record's value; below the broker's 1 MB a batch."""


class UnknownFormatError(Exception):
    """A seen-log record of a format that this version does not read: nothing may be routed from here."""


@dataclass(frozen=True, slots=True)
class SeenRecord:
    """One record of the seen-log. `seen`: identity → digest, None where the digest's version is another."""

    seen: Mapping[bytes, int | None]
    counts: Mapping[str, int] = field(default_factory=dict)
    next_offset: int | None = None
    at_seconds: int = 0
    every_count: bool = False


def encode(
    seen: Iterable[tuple[bytes, int]],
    counts: Mapping[str, int],
    next_offset: int,
    at_seconds: int,
    every_count: bool = False,
) -> Iterator[bytes]:
    """The values to append, in order, each below `MAX_BYTES`; the last one bears counts and next offset."""
    head = {"v": FORMAT, "digest": DIGEST_VERSION, "at": at_seconds}
    last = {**head, "counts": counts, "next": next_offset} | ({"all": True} if every_count else {})
    first_line = json.dumps(last, separators=(",", ":")).encode()
    lines = [b"%b %016x" % entry for entry in seen]
    size = sum(map(len, lines)) + len(lines)
    if len(first_line) + size <= MAX_BYTES:
        yield b"\n".join([first_line, *lines])
        return
    other_line = json.dumps(head, separators=(",", ":")).encode()
    step = max(1, len(lines) * (MAX_BYTES // 2) // size)
    for start in range(0, len(lines), step):
        yield b"\n".join([other_line, *lines[start : start + step]])
    yield first_line


def decode(value: bytes) -> SeenRecord:
    """Raises UnknownFormatError for anything that `encode` did not write."""
    first_line, *lines = value.split(b"\n")
    try:
        head = json.loads(first_line)
        if head["v"] != FORMAT:
            raise UnknownFormatError
        same = head["digest"] == DIGEST_VERSION
        seen = {line[:-17]: int(line[-16:], 16) if same else None for line in lines}
        return SeenRecord(seen, head.get("counts", {}), head.get("next"), head["at"], head.get("all", False))
    except (ValueError, KeyError, TypeError):
        raise UnknownFormatError from None
