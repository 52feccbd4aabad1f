"""Status events from a desk's files or words, each held to the contract and to what may follow. Pure.

NDJSON (one event a line, as the contract has it) or CSV (a heading line, then the contract's fields as columns). `desk`
may be left out, and `partner` where the queues name only one; everything else is the contract's.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from pydantic import ValidationError

from policy.intake import Headers
from schemas.lifecycle import Step
from schemas.records import StatusEvent, serialise
from services.console.desk_entries import DeskEntries, DeskEntry, Key, refusal, step_of
from services.console.output import printable
from services.console.records import FileRecord

FIELDS: Final = tuple(StatusEvent.model_fields)
MAX_LINE_BYTES: Final = 4 * 1024
"""What the ledger takes of a status event."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A line that is not published, and why. The text holds no value of the line."""

    record: FileRecord
    why: str


@dataclass(frozen=True, slots=True)
class Ready:
    """A line that may be published. `unmet`: no queue record of its referral is kept."""

    record: FileRecord
    event: StatusEvent
    unmet: bool = False

    @property
    def sent(self) -> FileRecord:
        """What goes to the topic, with the line it came from."""
        return FileRecord(self.record.file, self.record.line, serialise(self.event), self.record.end_byte)


@dataclass(slots=True)
class Judge:
    """Examines events one after the other: what an earlier one does counts for a later one.

    `complete`: the queues hold all that ever came, so that an unknown number is a mistake and not a memory.
    """

    entries: DeskEntries
    now_ms: int
    partners: frozenset[str]
    desks: frozenset[str]
    complete: bool
    _before: dict[Key, list[Step]] = field(default_factory=dict)

    def judge(self, record: FileRecord, fields: Mapping[str, Any] | str) -> Ready | Wrong:
        """`fields` as the line gave them, or why it gave none."""
        if isinstance(fields, str):
            return Wrong(record, fields)
        whole = {"desk": self.entries.desk.id, **{name: value for name, value in fields.items() if value is not None}}
        found = self._with_partner(whole)
        if isinstance(found, str):
            return Wrong(record, found)
        try:
            event = StatusEvent.model_validate_json(json.dumps(found))
        except ValidationError as error:
            return Wrong(record, _complaint(error))
        if why := self._foreign(event):
            return Wrong(record, why)
        met = self.entries.find(event.report, event.partner)
        if not met:
            if self.complete:
                return Wrong(record, "report: no referral of this number and partner is in the desk's queues")
            return Ready(record, event, unmet=True)
        return self._following(record, event, met[0])

    def _with_partner(self, fields: dict[str, Any]) -> dict[str, Any] | str:
        report = fields.get("report")
        if "partner" in fields or not isinstance(report, str):
            return fields
        found = self.entries.find(report)
        if len(found) == 1:
            return {**fields, "partner": found[0].partner}
        if not found:
            return "partner: missing, and the desk's queues hold no referral of this number to take it from"
        return f"partner: missing, and {len(found)} partners use this number: {_partners(found)}"

    def _foreign(self, event: StatusEvent) -> str | None:
        if event.desk != self.entries.desk.id:
            return f"desk: found another desk, expected {self.entries.desk.id}"
        if event.partner not in self.partners:
            return f"partner: not one of partners.yaml ({', '.join(sorted(self.partners))})"
        if event.to is not None and event.to not in self.desks:
            return "to: no desk of desks.yaml"
        return None

    def _following(self, record: FileRecord, event: StatusEvent, entry: DeskEntry) -> Ready | Wrong:
        before = self._before.setdefault(entry.key, [])
        if any(event == known.event for known in entry.said):
            return Ready(record, event)  # said before: it counts once, and to say it again is safe
        step = step_of(event, self.now_ms)
        if why := refusal(entry, step, self.entries.desk, self.now_ms, before):
            return Wrong(record, why)
        before.append(step)
        return Ready(record, event)


def _partners(found: Iterable[DeskEntry]) -> str:
    return ", ".join(sorted(entry.partner for entry in found))


def _complaint(error: ValidationError) -> str:
    """The first thing that the contract has against it."""
    fault = error.errors(include_url=False, include_input=False)[0]
    steps = [printable(str(step)) for step in fault["loc"]]
    field_name = ".".join(steps)
    context = fault.get("ctx", {})
    match fault["type"]:
        case "missing":
            why = "missing"
        case "extra_forbidden":
            why = f"no field of this name; the contract has {', '.join(FIELDS)}"
        case "enum":
            why = f"expected {context['expected']}"
        case "value_error":
            why = str(context["error"])
        case "string_pattern_mismatch" | "string_too_long":
            why = _FORMS.get(field_name, "not in the form of the contract")
        case _:
            why = "expected a text"
    return f"{field_name}: {why}" if field_name else why


_FORMS: Final = {
    "report": "expected 1 to 48 letters, digits and hyphens",
    "at": "expected RFC 3339 with an offset, for instance 2026-03-02T10:00:00Z",
    "partner": "expected a partner's id",
    "desk": "expected a desk's id",
    "to": "expected a desk's id",
}


def read_lines(records: Iterable[FileRecord]) -> Iterator[tuple[FileRecord, Mapping[str, Any] | str]]:
    """Each line with its fields, or with why it has none. CSV where the first line is no JSON object."""
    heading: list[str] | None = None
    first = True
    for record in records:
        if first and not record.value.lstrip().startswith(b"{"):
            heading = [name.strip() for name in _cells(record)]
            if strange := [name for name in heading if name not in FIELDS]:
                yield (
                    record,
                    (
                        f"a heading of CSV with {len(strange)} unknown columns (or a line that is no JSON object); "
                        f"expected columns of {', '.join(FIELDS)}"
                    ),
                )
                return
        elif heading is not None:
            yield record, _of_csv(record, heading)
        else:
            yield record, _of_json(record)
        first = False


def _cells(record: FileRecord) -> list[str]:
    try:
        return next(csv.reader([record.value.decode("utf-8-sig")], strict=True), [])
    except (UnicodeDecodeError, csv.Error):
        return []


def _of_csv(record: FileRecord, heading: list[str]) -> Mapping[str, Any] | str:
    cells = _cells(record)
    if len(cells) != len(heading):
        return f"found {len(cells)} cells, expected {len(heading)} as in the heading (in UTF-8)"
    found = {name: cell.strip() for name, cell in zip(heading, cells, strict=True) if cell.strip()}
    if found.get("report", "").startswith("'-"):  # as the export writes it, for spreadsheets
        found["report"] = found["report"][1:]
    return found


def _of_json(record: FileRecord) -> Mapping[str, Any] | str:
    if len(record.value) > MAX_LINE_BYTES:
        return f"found {len(record.value):,} bytes, expected at most {MAX_LINE_BYTES:,}"
    try:
        found = json.loads(record.value, object_pairs_hook=_each_once)
    except (ValueError, RecursionError):
        return "not JSON, or a field stands twice; expected one object a line"
    return found if isinstance(found, dict) else "expected a JSON object"


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field stands twice")
    return found


def headers_of(event: StatusEvent) -> Headers:
    """CloudEvents in Kafka's binary mode. The id is made of the content: the same event bears the same one."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", sha256(event.model_dump_json().encode()).hexdigest()[:32].encode()),
        ("ce_source", f"/desks/{event.desk}".encode()),
        ("ce_type", b"referral.status.v1"),
        ("ce_time", event.at.encode()),
        ("content-type", b"application/json"),
    ]
