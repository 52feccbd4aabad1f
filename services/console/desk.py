"""`referrals desk`: a desk's client for its own topics. A desk can use it as it is, or copy from it.

It keeps nothing: what it shows is made of the queues and of what the desk itself said.
"""

import re
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from policy.desks import Desk, Reporting
from schemas.codes import ActorRole, Disposition, EntryState, Lane, StatusType
from services.console import output
from services.console.desk_act import Line, Manner, act
from services.console.desk_entries import DeskEntries, DeskEntry, unix_ms
from services.console.desk_events import read_lines
from services.console.desk_rows import COLUMNS, age, csv_line, csv_row, fields, rfc3339
from services.console.desk_topics import read_desk
from services.console.environment import configuration, find_desk, find_partner, kafka_settings
from services.console.records import STDIN, FileRecord, read_records
from services.runtime.exits import DONE, WrongUse


class Action(StrEnum):
    """What to do at the desk."""

    NEXT = "next"
    LOOK = "look"
    SHELVE = "shelve"
    TAKE = "take"
    RETURN = "return"
    FORWARD = "forward"
    CLOSE = "close"
    REOPEN = "reopen"
    STATUS = "status"
    EXPORT = "export"


class Form(StrEnum):
    """How the export is written."""

    CSV = "csv"
    NDJSON = "ndjson"


EVENTS: Final = {
    Action.LOOK: StatusType.LOOKED,
    Action.SHELVE: StatusType.SHELVED,
    Action.TAKE: StatusType.TAKEN_UP,
    Action.RETURN: StatusType.RETURNED,
    Action.FORWARD: StatusType.FORWARDED,
    Action.CLOSE: StatusType.CLOSED,
    Action.REOPEN: StatusType.REOPENED,
}
_ACTING: Final = {"role", "partner", "keep_going", "dry_run"}
_OPTIONS: Final[dict[Action, set[str]]] = {
    Action.NEXT: {"lane", "count"},
    Action.EXPORT: {"lane", "state", "since", "form"},
    Action.STATUS: {"keep_going", "dry_run"},
    **dict.fromkeys(EVENTS, _ACTING),
    Action.FORWARD: _ACTING | {"to"},
    Action.CLOSE: _ACTING | {"disposition"},
}
_NAMES: Final = {"form": "--format", "keep_going": "--keep-going", "dry_run": "--dry-run"}
_ALL: Final = "all"
STATES: Final = (*(state.value for state in EntryState), _ALL)
DEFAULT_COUNT: Final = 10
_DAYS: Final = re.compile(r"([0-9]{1,4})days?")


def command(
    desk: Annotated[str, typer.Argument(metavar="DESK", help="A desk's id, as in desks.yaml.")],
    action: Annotated[Action, typer.Argument(metavar="ACTION", help=f"One of {', '.join(Action)}.")],
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="WHAT", help="Report numbers, or - for one a line; of status: the file, or -."),
    ] = None,
    role: Annotated[
        ActorRole | None, typer.Option(help="The function of who acted: no default, since only a human looks.")
    ] = None,
    partner: Annotated[
        str | None, typer.Option(metavar="PARTNER", help="Whose numbers these are, where two partners use one.")
    ] = None,
    disposition: Annotated[Disposition | None, typer.Option(help="Of close: with what.")] = None,
    to: Annotated[str | None, typer.Option(metavar="DESK", help="Of forward: to which desk.")] = None,
    lane: Annotated[Lane | None, typer.Option(help="Of next and export: only this lane.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Of next: how many (10 when not given).")] = None,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help=f"Of export: one of {', '.join(STATES)} (all when not given).")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Of export: arrived since; 7days, a day, or a time with offset.")
    ] = None,
    form: Annotated[Form | None, typer.Option("--format", help="Of export (csv when not given).")] = None,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Publish what is right although something else is wrong; exit code 1.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be published; publish nothing.")] = False,
    as_json: output.Json = False,
) -> None:
    """See what waits at your desk, and say what you did with it.

    next shows the referrals to look at: what nobody has looked at, the gravest lane first, the oldest first in it.
    look, shelve, take, return, forward, close and reopen publish a status event for each report number; status
    publishes those of a file: NDJSON as the contract has it, or CSV with its fields as headings. export
    writes every entry, with its report number: keep it where only the desk can read it.

    All lines are examined before anything is published: what cannot follow, or is not as the contract has it, is
    named with its line, and then nothing is published. Nothing is kept here: it is all made of the desk's queues
    and its own status topic, as the ledger does it. A number that begins with a hyphen stands after --.
    --json gives one document for next, and one line a record for all else. Exit code 1 when a line was refused or
    not acknowledged.

    Examples:

      referrals desk nl next --lane urgent
      referrals desk nl look 189234123 189234124 --role triage
      referrals desk nl close 189234123 --disposition no_offence --role supervisor
      referrals desk nl forward 189234124 --to nl-oost --role triage
      referrals desk nl status outcomes.ndjson --dry-run
      referrals desk nl export --state waiting --since 7days > waiting.csv
    """
    given = {"role": role, "partner": partner, "disposition": disposition, "to": to,
             "lane": lane, "count": count, "state": state, "since": since, "form": form, "keep_going": keep_going,
             "dry_run": dry_run}  # fmt: skip
    _check_options(action, {name for name, value in given.items() if value})
    known = configuration()
    whose = find_desk(known.desks.desks, desk)
    words = what or []
    now_ms = int(time.time() * 1000)
    if action in (Action.NEXT, Action.EXPORT):
        _nothing_more(action, words)
        since_ms = _since_ms(since, now_ms)
        wanted = _state(state)
        entries = read_desk(kafka_settings(), known, whose).entries
        if action is Action.NEXT:
            _show(entries, lane, count or DEFAULT_COUNT, now_ms, as_json)
        else:
            _export(entries, lane, wanted, since_ms, now_ms, json_lines=as_json or form is Form.NDJSON)
        _warn(entries)
        raise typer.Exit(DONE)
    if action is Action.STATUS:
        if len(words) != 1:
            raise WrongUse("status: expected one file, or - for standard input")
        lines: Iterable[Line] = read_lines(read_records(words[0]))
    else:
        more = {"disposition": disposition, "to": _forwarded_to(action, to, known.desks.desks, whose)}
        if role is None:
            raise WrongUse(f"{action}: --role is missing; expected who acted, one of {', '.join(ActorRole)}")
        if action is Action.CLOSE and disposition is None:
            raise WrongUse(f"close: --disposition is missing; expected one of {', '.join(Disposition)}")
        if partner is not None:
            more["partner"] = find_partner(known.partners.partners, partner).id
        same = {"event": EVENTS[action], "role": role, "at": rfc3339(now_ms), **more}
        lines = [(record, {**same, "report": record.value.decode(errors="replace")}) for record in _reports(words)]
    if whose.reporting is Reporting.NONE:
        output.note(
            f"desks.yaml says that {whose.id} does not report (reporting: none): its outcomes count for nothing"
        )
    manner = Manner(keep_going, dry_run, as_json)
    raise typer.Exit(act(kafka_settings(), known, whose, lines, manner, now_ms))


def _check_options(action: Action, given: set[str]) -> None:
    if strange := sorted(given - _OPTIONS[action]):
        names = ", ".join(_NAMES.get(name, f"--{name}") for name in strange)
        able = ", ".join(sorted(_NAMES.get(name, f"--{name}") for name in _OPTIONS[action]))
        raise WrongUse(f"{action} has no {names}; it has {able}")


def _nothing_more(action: Action, words: list[str]) -> None:
    if words:
        raise WrongUse(f"{action} takes no further words, found {len(words)}")


def _forwarded_to(action: Action, to: str | None, desks: Iterable[Desk], whose: Desk) -> str | None:
    if action is not Action.FORWARD:
        return None
    if to is None:
        raise WrongUse("forward: --to is missing; expected the desk that is to have it")
    if find_desk(desks, to) == whose:
        raise WrongUse(f"forward: found --to {to}, expected another desk than the one that forwards")
    return to


def _reports(words: list[str]) -> list[FileRecord]:
    """Each number once, with where it stands: the how-manieth word, or the line of standard input."""
    if not words:
        raise WrongUse("no report number: name one or more, or - to read one a line from standard input")
    found: dict[bytes, FileRecord] = {}
    for number, word in enumerate(words, 1):
        for record in _lines() if word == STDIN else [FileRecord("word", number, word.encode(), 0)]:
            found.setdefault(record.value, record)
    return list(found.values())


def _lines() -> Iterator[FileRecord]:
    for number, line in enumerate(sys.stdin.buffer, 1):
        if report := line.strip():
            yield FileRecord("stdin", number, report, 0)


def _state(text: str | None) -> EntryState | None:
    if text in (None, _ALL):
        return None
    if text not in STATES:
        raise WrongUse(f"--state: found {output.printable(text or '')!r}, expected one of {', '.join(STATES)}")
    return EntryState(text)


def _since_ms(text: str | None, now_ms: int) -> int:
    if text is None:
        return 0
    if days := _DAYS.fullmatch(text):
        return int(now_ms - timedelta(days=int(days[1])).total_seconds() * 1000)
    try:
        if len(text) == len("2026-03-02"):
            return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)
        return unix_ms(text)
    except ValueError:
        raise WrongUse("--since: expected 7days, a day (2026-03-02, in UTC) or 2026-03-02T10:00:00Z") from None


def _show(entries: DeskEntries, lane: Lane | None, count: int, now_ms: int, as_json: bool) -> None:
    waiting = entries.worklist(now_ms, lane)
    shown = [_listed(entry, entries.desk, now_ms) for entry in waiting[:count]]
    if as_json:
        output.document({"desk": entries.desk.id, "waiting": len(waiting), "next": shown})
        return
    if shown:
        output.table(
            ["lane", "report", "partner", "arrived", "age", "look by", "expires", "roles", "because of"],
            [(row["lane"], row["report"], row["partner"], _minute(row["arrived_at"]), row["age"],
              _minute(row["target_at"]) + (" PAST" if row["past_target"] else ""), row["expires_at"][:10],
              row["roles"], row["reasons"]) for row in shown],
        )  # fmt: skip
    where = f"{entries.desk.id}" + (f", {lane}" if lane else "")
    output.note(f"{where}: {output.count(len(waiting), 'referral')} nobody has looked at, {len(shown):,} shown")


def _listed(entry: DeskEntry, desk: Desk, now_ms: int) -> dict[str, Any]:
    row = fields(entry, desk, now_ms)
    return row | {
        "age": age(now_ms - entry.arrived_ms),
        "age_seconds": max(0, now_ms - entry.arrived_ms) // 1000,
        "past_target": unix_ms(row["target_at"]) < now_ms,
    }


def _minute(time_text: str) -> str:
    return time_text[:16].replace("T", " ")


def _export(
    entries: DeskEntries, lane: Lane | None, state: EntryState | None, since_ms: int, now_ms: int, *, json_lines: bool
) -> None:
    number = 0
    if not json_lines:
        print(csv_line(COLUMNS))
    for entry in entries:
        row = fields(entry, entries.desk, now_ms)
        if lane not in (None, row["lane"]) or state not in (None, row["state"]) or entry.arrived_ms < since_ms:
            continue
        number += 1
        if json_lines:
            output.record(row)
        else:
            print(csv_row(row))
    sys.stdout.flush()
    output.note(f"{entries.desk.id}: {number:,} exported; they bear report numbers")


def _warn(entries: DeskEntries) -> None:
    if entries.unreadable:
        output.note(
            f"{output.count(entries.unreadable, 'record')} in the desk's topics changed nothing: not as the contract "
            "has them, of another desk, or naming a partner or desk that the configuration does not have"
        )
