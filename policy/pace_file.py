"""`pace.yaml`: the configuration of another directory at other times, as a demonstration needs it.

A configuration directory holds the three files, or this one. It changes by when and for how long, and whether
a desk reports and how it is told; never who takes what.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import yaml

from policy.desk_file import read_operator
from policy.desk_times import TIME_FIELDS, DeskTimes, Layer
from policy.desks import Desk, DeskTable, Reporting
from policy.documents import Document
from policy.notify import Notify
from policy.notify_file import NotifyReader
from policy.problems import Problem, one_of, quote

NAME: Final = "pace.yaml"
_FIELDS: Final = {"like": True, "defaults": False, "operator": False, "desks": False}
_DESK_FIELDS: Final = {"reporting": False, "notify": False, **TIME_FIELDS}


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is said of a desk, and its key's node."""

    key: yaml.Node
    reporting: Reporting | None
    times: Layer
    notify: Notify | None


@dataclass(frozen=True, slots=True)
class Pace:
    """The file as read. `like` is the directory of the three files; None where that could not be read."""

    like: Path | None
    _times: DeskTimes
    _defaults: Layer
    _desks: Mapping[str, _Entry]
    _operator: Notify | None = None

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
        desks = tuple(self._change(desk, file) for desk in table.desks)
        return DeskTable(desks, table.operator if self._operator is None else self._operator)

    def _change(self, desk: Desk, file: Path) -> Desk:
        entry = self._desks.get(desk.id)
        origin = f"desk {quote(desk.id)} in {file}"
        settled = self._times.settle(desk, origin, self._defaults, entry.times if entry else {})
        if entry is None:
            return settled
        notify = desk.notify if entry.notify is None else entry.notify
        return replace(settled, reporting=entry.reporting or desk.reporting, notify=notify)


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
    notifies = NotifyReader(document, directory)
    operator = read_operator(notifies, parts["operator"]) if "operator" in parts else None
    desks = _read_desks(times, notifies, parts["desks"]) if "desks" in parts else {}
    return Pace(like, times, defaults, desks, operator)


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


def _read_desks(times: DeskTimes, notifies: NotifyReader, node: yaml.Node) -> dict[str, _Entry]:
    desks = {}
    for desk, key, value in times.document.entries(node, "`desks`"):
        what = f"desk {quote(desk)}"
        fields = times.document.fields(value, what, _DESK_FIELDS)
        reporting = None
        if "reporting" in fields:
            reporting = times.document.code(fields["reporting"], "`reporting`", Reporting)
        notify = notifies.read(fields["notify"], what) if "notify" in fields else None
        desks[desk] = _Entry(key, reporting, times.read(fields, what), notify)
    return desks
