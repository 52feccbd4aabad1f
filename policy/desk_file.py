"""`deploy/desks.yaml` as a `DeskTable`: who there is, who takes each country, and by when.

Every (country, role) has exactly one desk, or the file is refused.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import yaml

from policy.desk_times import TIME_FIELDS, DeskTimes, Layer
from policy.desks import UNROUTABLE, Desk, DeskTable, Reporting
from policy.documents import SLUG_WORDS, Document, is_slug
from policy.notify import NOBODY, Notify
from policy.notify_file import NotifyReader
from policy.problems import Problem, nearest, one_of, quote
from schemas.codes import Role
from schemas.countries import ALIASES, ASSIGNED, UNKNOWN, name
from schemas.notices import OPERATOR

NAME: Final = "desks.yaml"
OTHERWISE: Final = "otherwise"
"""In a country's entry: the desk of every role that has no line of its own."""

_FILE_FIELDS: Final = {"defaults": False, "operator": False, "desks": True, "countries": True}
_DESK_FIELDS: Final = {
    "name": True,
    "owner": False,
    "reporting": False,
    "forwarded_by": False,
    "track": False,
    "notify": False,
    **TIME_FIELDS,
}
_ROLE_FIELDS: Final = {**{str(role): False for role in Role}, OTHERWISE: False}


@dataclass(frozen=True, slots=True)
class _Entry:
    """A desk as written: its key's node, and its fields' nodes."""

    key: yaml.Node
    fields: Mapping[str, yaml.Node]


def read_desks(path: Path) -> tuple[DeskTable, list[Problem]]:
    """The table, and every mistake in the file; the table is of use only where there is none."""
    document = Document(str(path))
    top = document.open(path)
    if top is None:
        return DeskTable(()), document.problems
    parts = document.fields(top, "the desk file", _FILE_FIELDS)
    times = DeskTimes(document)
    defaults: Layer = {}
    if "defaults" in parts:
        defaults = times.read(document.fields(parts["defaults"], "`defaults`", TIME_FIELDS), "`defaults`")
    written = _read_entries(document, parts["desks"]) if "desks" in parts else {}
    takes: defaultdict[str, set[tuple[str, Role]]] = defaultdict(set)
    if "countries" in parts:
        _read_countries(document, parts["countries"], written, takes)
        _check_idle(document, written, parts["countries"])
    notifies = NotifyReader(document, path.parent)
    operator = read_operator(notifies, parts["operator"]) if "operator" in parts else NOBODY
    desks = []
    for desk, entry in written.items():
        timeless = _read_desk(document, desk, entry, written, takes[desk])
        if "notify" in entry.fields:
            timeless = replace(timeless, notify=notifies.read(entry.fields["notify"], f"desk {quote(desk)}"))
        own = times.read(entry.fields, f"desk {quote(desk)}")
        desks.append(times.settle(timeless, "built in", defaults, own))
    return DeskTable(tuple(desks), operator), document.problems


def read_operator(notifies: NotifyReader, node: yaml.Node) -> Notify:
    """How who runs the system is told."""
    fields = notifies.document.fields(node, "`operator`", {"notify": True})
    return notifies.read(fields["notify"], "`operator`") if "notify" in fields else NOBODY


def _read_entries(document: Document, node: yaml.Node) -> dict[str, _Entry]:
    written: dict[str, _Entry] = {}
    for desk, key, value in document.entries(node, "`desks`"):
        if not is_slug(desk):
            document.note(key, f"the desk {quote(desk)}", SLUG_WORDS)
        if desk == OPERATOR:
            expected = f"another name: `{OPERATOR}` is who runs the system, and has a section of its own beside `desks`"
            document.note(key, f"a desk {quote(desk)}", expected)
        written[desk] = _Entry(key, document.fields(value, f"desk {quote(desk)}", _DESK_FIELDS))
    if UNROUTABLE not in written:
        document.note(node, f"no desk `{UNROUTABLE}`", "one, with an owner: it gets what no country resolves")
    return written


def _read_desk(
    document: Document, desk: str, entry: _Entry, written: Mapping[str, _Entry], takes: set[tuple[str, Role]]
) -> Desk:
    fields = entry.fields
    what = f"desk {quote(desk)}"
    owner = document.text(fields["owner"], f"the owner of {what}") if "owner" in fields else None
    reporting = None
    if "reporting" in fields:
        reporting = document.code(fields["reporting"], "`reporting`", Reporting)
    forwarded_by = None
    if "forwarded_by" in fields:
        forwarded_by = _read_forwarder(document, fields["forwarded_by"], desk, written)
    if desk == UNROUTABLE and "owner" not in fields:
        document.note(entry.key, f"{what} without `owner`", "who answers for what no country resolves")
    return Desk(
        id=desk,
        name=(document.text(fields["name"], f"the name of {what}") if "name" in fields else None) or desk,
        owner=owner,
        reporting=reporting or Reporting.STATUS,
        forwarded_by=forwarded_by,
        track="track" in fields and document.flag(fields["track"], "`track`"),
        takes=frozenset(takes),
    )


def _read_forwarder(document: Document, node: yaml.Node, desk: str, written: Mapping[str, _Entry]) -> str | None:
    found = document.text(node, "`forwarded_by`: the desk that forwards to this one")
    if found is None:
        return None
    others = [other for other in written if other not in (desk, UNROUTABLE)]
    if found not in others or desk == UNROUTABLE:
        expected = f"another desk of this file: {one_of(others, found)}"
        if desk == UNROUTABLE:
            expected = "none: it gets what no country resolves"
        document.note(node, f"{quote(found)} as `forwarded_by` of desk {quote(desk)}", expected)
        return None
    return found


def _read_countries(
    document: Document,
    node: yaml.Node,
    written: Mapping[str, _Entry],
    takes: defaultdict[str, set[tuple[str, Role]]],
) -> None:
    listed = set()
    for code, key, value in document.entries(node, "`countries`"):
        if not _is_country(document, code, key):
            continue
        listed.add(code)
        by_role = _read_roles(document, code, value)
        desks = {node: _read_desk_name(document, node, code, written) for node in dict.fromkeys(by_role.values())}
        for role, desk_node in by_role.items():
            if desk := desks[desk_node]:
                takes[desk].add((code, role))
    if isinstance(node, yaml.MappingNode) and (missing := sorted(ASSIGNED - {UNKNOWN} - listed)):
        document.note(
            node,
            f"no entry for {', '.join(f'{code} ({name(code)})' for code in missing)}",
            "a line `CODE: desk` for each assigned ISO 3166-1 code",
        )


def _is_country(document: Document, code: str, key: yaml.Node) -> bool:
    if code == UNKNOWN:
        document.note(key, f"the country {UNKNOWN}", f"no entry: it always goes to `{UNROUTABLE}`")
    elif code in ALIASES:
        document.note(key, f"the country {quote(code)}", f"its ISO 3166-1 code, `{ALIASES[code]}`")
    elif code not in ASSIGNED:
        near = f", such as {quote(code.upper())}" if code.upper() in ASSIGNED - {UNKNOWN} else ""
        document.note(key, f"the country {quote(code)}", f"an assigned ISO 3166-1 alpha-2 code{near}")
    return code in ASSIGNED and code != UNKNOWN


def _read_roles(document: Document, code: str, node: yaml.Node) -> dict[Role, yaml.Node]:
    """Each role's desk as written: one desk for all, or entries by role."""
    if isinstance(node, yaml.ScalarNode):
        return dict.fromkeys(Role, node)
    found = document.fields(node, f"country {code}", _ROLE_FIELDS)
    by_role = {role: found[role] for role in Role if role in found}
    missing = [role for role in Role if role not in found]
    if OTHERWISE in found and missing:
        return by_role | dict.fromkeys(missing, found[OTHERWISE])
    if OTHERWISE in found:
        document.note(found[OTHERWISE], f"`{OTHERWISE}` in {code}", "none: every role has its own line")
    elif isinstance(node, yaml.MappingNode) and missing:
        document.note(
            node,
            f"no desk for {', '.join(missing)} in {code}",
            f"a line for each of these roles, or one line `{OTHERWISE}: <desk>`",
        )
    return by_role


def _read_desk_name(document: Document, node: yaml.Node, country: str, written: Mapping[str, _Entry]) -> str | None:
    found = document.text(node, f"the desk of {country}")
    if found is None or not written:
        return None
    others = [desk for desk in written if desk != UNROUTABLE]
    if found == UNROUTABLE:
        document.note(node, f"`{UNROUTABLE}` as the desk of {country}", "a desk that knows the country")
        return None
    if found not in written:
        expected = f"a desk of this file: {one_of(others, found)}"
        document.note(node, f"the unknown desk {quote(found)}", expected)
        return None
    return found


def _check_idle(document: Document, written: Mapping[str, _Entry], countries: yaml.Node) -> None:
    """Some country's line must name each desk. A name with a slip in it counts: it is told already."""
    named = {text if text in written else nearest(written, text) for text in set(_texts(countries))}
    for desk, entry in written.items():
        if desk not in named and desk != UNROUTABLE and "forwarded_by" not in entry.fields:
            document.note(
                entry.key,
                f"desk {quote(desk)}, which takes no country",
                "a country's line that names it, or `forwarded_by: <desk>` where it gets entries so",
            )


def _texts(node: yaml.Node) -> Iterator[str]:
    if isinstance(node, yaml.ScalarNode):
        yield node.value
    elif isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from _texts(value)
    else:
        for item in node.value:
            yield from _texts(item)
