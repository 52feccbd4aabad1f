"""YAML as an operator writes it: every scalar a string, every value with its line, every mistake noted.

Plain YAML reads `NO: oslo` (Norway) as `false: oslo`, keeps the second of two equal keys without a word, and
stops at the first mistake. Here nothing is guessed: text is text, a second key is a problem, and reading goes
on after one, so that all are told at once. Anchors, aliases and tags are refused: these files need none.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

import yaml

from policy.durations import LEAST_SECONDS, MOST_SECONDS, parse_duration, write_duration
from policy.problems import Problem, one_of, quote
from schemas.topics import SLUG

SLUG_WORDS: Final = "a slug: at most 32 of a-z, 0-9 and single hyphens, a letter first"
_SLUG_CHARACTERS: Final = 32
_Code = TypeVar("_Code", bound=StrEnum)
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(Z|[+-]\d{2}:\d{2})", re.ASCII)
_NUMBER: Final = re.compile(r"-?\d{1,12}", re.ASCII)
_TAB_INDENT: Final = re.compile(r" *\t")


class _Loader(yaml.SafeLoader):
    """Composes nodes; refuses what could make one node stand for several places or be other than text."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise yaml.MarkedYAMLError(problem="an anchor or alias (`&`, `*`)", problem_mark=event.start_mark)
        if getattr(event, "tag", None) is not None:
            raise yaml.MarkedYAMLError(problem="a tag (`!`)", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


@dataclass(frozen=True, slots=True)
class Document:
    """One file while it is read, and what was found wrong in it so far."""

    file: str
    problems: list[Problem] = field(default_factory=list)

    def note(self, where: yaml.Node | int | None, found: str, expected: str) -> None:
        """Remember a mistake at a node, at a line counted from 1, or in the file as a whole."""
        line = where.start_mark.line + 1 if isinstance(where, yaml.Node) else where
        self.problems.append(Problem(self.file, line, found, expected))

    def open(self, path: Path) -> yaml.Node | None:
        """The file's one top node; None when it cannot be read as YAML at all, which is then noted."""
        try:
            source = path.read_bytes()
        except FileNotFoundError:
            self.note(None, "no such file", "this file in the configuration directory (REFERRAL_CONFIG_DIR)")
            return None
        except OSError as error:
            self.note(None, f"a file that cannot be read ({error.strerror})", "a readable file")
            return None
        try:
            text = source.decode()
        except UnicodeDecodeError as error:
            self.note(source.count(b"\n", 0, error.start) + 1, "bytes that are not UTF-8", "UTF-8 text")
            return None
        if tabs := [number for number, line in enumerate(text.split("\n"), 1) if _TAB_INDENT.match(line)]:
            for number in tabs:
                self.note(number, "a tab in the indentation", "spaces")
            return None
        return self._compose(text)

    def _compose(self, text: str) -> yaml.Node | None:
        try:
            top = yaml.compose(text, Loader=_Loader)
        except yaml.MarkedYAMLError as error:
            self._note_syntax(error)
            return None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            self.note(line, f"the control character U+{ord(text[error.position]):04X}", "printable text")
            return None
        except RecursionError:
            self.note(None, "lists or entries nested hundreds deep", "a few levels (docs/policy.md)")
            return None
        if top is None:
            self.note(1, "an empty file", "its entries (docs/policy.md shows one)")
        return top

    def _note_syntax(self, error: yaml.MarkedYAMLError) -> None:
        """What the parser met, at the line where it met it; and where the thing began that it was in."""
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        problem = error.problem or error.context or "no reason given"
        if "'\\t'" in problem:
            self.note(line, "a tab between words", "spaces")
            return
        began = error.context_mark.line + 1 if error.context_mark else line
        since = f", in what began at line {began}" if began != line else ""
        expected = "plain YAML: entries, lists and text, without anchors, aliases and tags"
        self.note(line, f"broken YAML ({problem}{since})", expected)

    def entries(self, node: yaml.Node, what: str) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        """(key, the key's node, the value) of a mapping. A second equal key is noted and left out."""
        if not isinstance(node, yaml.MappingNode):
            self.note(node, _kind(node), f"{what}: `key: value` entries")
            return
        first: dict[str, int] = {}
        for key_node, value in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.note(key_node, f"{describe(key_node)} as a key", "text")
                continue
            key = key_node.value
            if key in first:
                self.note(key_node, f"{quote(key)} a second time", f"it once: line {first[key]} has it already")
                continue
            first[key] = key_node.start_mark.line + 1
            yield key, key_node, value

    def fields(self, node: yaml.Node, what: str, known: Mapping[str, bool]) -> dict[str, yaml.Node]:
        """The fields of a closed mapping by name. `known` says of each whether it must be there."""
        if not isinstance(node, yaml.MappingNode):
            self.note(node, _kind(node), f"{what} with the fields {', '.join(known)}")
            return {}
        found: dict[str, yaml.Node] = {}
        for key, key_node, value in self.entries(node, what):
            if key in known:
                found[key] = value
            else:
                self.note(key_node, f"the unknown field {quote(key)} in {what}", one_of(known, key))
        for name, required in known.items():
            if required and name not in found:
                self.note(node, f"{what} without `{name}`", f"a line `{name}: …`")
        return found

    def text(self, node: yaml.Node, what: str) -> str | None:
        """One line of text that is not empty."""
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            self.note(node, describe(node), what)
            return None
        if not node.value.isprintable():
            self.note(node, "text over several lines or with control characters", f"{what} on one line")
            return None
        return str(node.value)

    def items(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        """The items of a list that is not empty; a single text counts as a list of one."""
        if isinstance(node, yaml.SequenceNode) and node.value:
            return list(node.value)
        if isinstance(node, yaml.ScalarNode) and node.value:
            return [node]
        self.note(node, describe(node), f"{what}: a list of at least one")
        return []

    def number(self, node: yaml.Node, what: str, least: int, most: int) -> int | None:
        """A whole number within bounds, in decimal digits."""
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        if _NUMBER.fullmatch(text) and least <= int(text) <= most:
            return int(text)
        self.note(node, describe(node), f"{what}: a whole number from {least} to {most}")
        return None

    def duration(self, node: yaml.Node, what: str) -> int | None:
        """A duration in seconds, from a whole number and a unit."""
        if isinstance(node, yaml.ScalarNode) and (seconds := parse_duration(node.value)) is not None:
            return seconds
        bounds = f"from {write_duration(LEAST_SECONDS)} to {write_duration(MOST_SECONDS)}"
        self.note(node, describe(node), f"{what}: a whole number with s, m, h or d, {bounds}")
        return None

    def flag(self, node: yaml.Node, what: str) -> bool:
        """`true` or `false`, and no other word for it."""
        if isinstance(node, yaml.ScalarNode) and node.value in ("true", "false"):
            return bool(node.value == "true")
        self.note(node, describe(node), f"{what}: `true` or `false`")
        return False

    def code(self, node: yaml.Node, what: str, codes: type[_Code]) -> _Code | None:
        """One code of a closed list."""
        text = self.text(node, f"{what}: {one_of(codes, '')}")
        if text is None:
            return None
        if text in set(codes):
            return codes(text)
        self.note(node, f"the unknown code {quote(text)}", f"{what}: {one_of(codes, text)}")
        return None

    def instant(self, node: yaml.Node, what: str) -> datetime | None:
        """An instant in UTC, from RFC 3339 with an offset, to the second."""
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        try:
            if _INSTANT.fullmatch(text):
                return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        self.note(node, describe(node), f"{what}: a time such as 2026-01-01T00:00:00Z")
        return None


def is_slug(text: str) -> bool:
    """Whether a desk or a partner may be called so."""
    return len(text) <= _SLUG_CHARACTERS and re.fullmatch(SLUG, text) is not None


def describe(node: yaml.Node) -> str:
    """What is there, in the words of an operator: short text is shown."""
    return quote(node.value) if isinstance(node, yaml.ScalarNode) and node.value else _kind(node)


def _kind(node: yaml.Node) -> str:
    """What is there without showing it: where entries belong, text may be a secret put in the wrong place."""
    if isinstance(node, yaml.MappingNode):
        return "`key: value` entries" if node.value else "empty entries"
    if isinstance(node, yaml.SequenceNode):
        return "a list" if node.value else "an empty list"
    return "text" if node.value else "nothing"
