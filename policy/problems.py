"""What is wrong with a configuration, told so that it can be put right: file, line, found, expected."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

_SHOWN_CHARACTERS: Final = 40


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. `line` counts from 1 and is None where the whole file is meant."""

    file: str
    line: int | None
    found: str
    expected: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: found {self.found}; expected {self.expected}"


class ConfigurationError(Exception):
    """The configuration cannot be used. `problems` has every mistake, in the order of files and lines."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def quote(text: str) -> str:
    """What was found, on one line and cut: an operator may have pasted anything."""
    cut = text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
    return f"`{cut if cut.isprintable() else ascii(cut)[1:-1]}`"


def nearest(known: Iterable[str], found: str) -> str | None:
    """The known name that what was found is most probably meant to be; None where none is near."""
    by_lower = {name.lower(): name for name in known}
    near = get_close_matches(found.lower(), by_lower, n=1)
    return by_lower[near[0]] if near else None


def one_of(known: Iterable[str], found: str) -> str:
    """The known name nearest to what was found; all of them where they are few and none is near."""
    names = list(known)
    if (near := nearest(names, found)) is not None:
        return quote(near)
    if len(names) > 20:
        return f"one of the {len(names)} known names"
    return "one of " + ", ".join(names) if names else "none"
