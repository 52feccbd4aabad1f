"""`pace.yaml`: the configuration of another directory at other times, as a demonstration needs it.

A configuration directory holds the three files, or this one. It changes by when and for how long, and whether
a desk reports; never who takes what.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import yaml

from policy.desk_times import TIME_FIELDS, DeskTimes, Layer
from policy.desks import Desk, DeskTable, Reporting
from policy.documents import Document
from policy.problems import Problem, one_of, quote

NAME: Final = "pace.yaml"
_FIELDS: Final = {"like": True, "defaults": False, "desks": False}
_DESK_FIELDS: Final = {"reporting": False, **TIME_FIELDS}


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is said of a desk, and its key's node."""

    key: yaml.Node
    reporting: Reporting | None
    times: Layer


@dataclass(frozen=True, slots=True)
class Pace:
    """The file as read. `like` is the directory of the three files; None where that could not be read."""

    like: Path | None
    _times: DeskTimes
    _defaults: Layer
    _desks: Mapping[str, _Entry]

    @property
    def problems(self) -> list[Problem]:
        """Every mistake in the file so far; `lay_over` may find more."""
        return self._times.document.problems

    def lay_over(self, table: DeskTable, file: Path) -> DeskTable:
        """The desks of the other directory's desk file, where this one says something as it says."""
        for desk, entry in self._desks.items():
            if desk not in table.by_id:
                expected = f"a desk of {file}: {one_of(table.by_id, desk)}"
                self._times.document.note(entry.key, f"the unknown desk {quote(desk)}", expected)
        return DeskTable(tuple(self._change(desk, file) for desk in table.desks))

    def _change(self, desk: Desk, file: Path) -> Desk:
        entry = self._desks.get(desk.id)
        origin = f"desk {quote(desk.id)} in {file}"
        settled = self._times.settle(desk, origin, self._defaults, entry.times if entry else {})
        return replace(settled, reporting=(entry and entry.reporting) or desk.reporting)


def read_pace(directory: Path, instead_of: tuple[str, ...]) -> Pace | None:
    """What `pace.yaml` says; None where the directory has none. `instead_of` are the files it stands for."""
    path = directory / NAME
    if not os.path.lexists(path):
        return None
    document = Document(str(path))
    times = DeskTimes(document)
    for name in instead_of:
        if os.path.lexists(directory / name):
            document.note(None, f"`{name}` beside it", f"either {', '.join(instead_of)}, or `{NAME}`")
    top = document.open(path)
    if top is None:
        return Pace(None, times, {}, {})
    parts = document.fields(top, "the pace file", _FIELDS)
    like = _read_like(document, parts["like"], directory) if "like" in parts else None
    defaults: Layer = {}
    if "defaults" in parts:
        defaults = times.read(document.fields(parts["defaults"], "`defaults`", TIME_FIELDS), "`defaults`")
    desks = _read_desks(times, parts["desks"]) if "desks" in parts else {}
    return Pace(like, times, defaults, desks)


def _read_like(document: Document, node: yaml.Node, directory: Path) -> Path | None:
    what = "`like`: the directory that has the desks, as seen from this one"
    if (found := document.text(node, what)) is None:
        return None
    like = directory / found
    if not os.path.isdir(like):  # Path.is_dir raises where a name is too long
        document.note(node, f"{quote(found)}, which is no directory", what)
        return None
    if os.path.lexists(like / NAME):
        document.note(node, f"{quote(found)}, which has a `{NAME}` itself", what)
        return None
    return like


def _read_desks(times: DeskTimes, node: yaml.Node) -> dict[str, _Entry]:
    desks = {}
    for desk, key, value in times.document.entries(node, "`desks`"):
        what = f"desk {quote(desk)}"
        fields = times.document.fields(value, what, _DESK_FIELDS)
        reporting = None
        if "reporting" in fields:
            reporting = times.document.code(fields["reporting"], "`reporting`", Reporting)
        desks[desk] = _Entry(key, reporting, times.read(fields, what))
    return desks
