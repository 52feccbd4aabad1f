"""`referrals check`: what the router would refuse, said before anything is sent."""

import time
from collections.abc import Iterator
from typing import Annotated

import typer

from policy.partners import Partner, PartnerTable
from services.console import output
from services.console.environment import configuration, find_partner
from services.console.examination import Examined, examine_record
from services.console.records import FileRecord, files, read_records, size_bytes
from services.runtime.exits import DONE, FOUND

Files = Annotated[list[str], typer.Argument(metavar="FILE", help="Files or directories; - is standard input.")]
PartnerName = Annotated[str | None, typer.Option("--partner", metavar="PARTNER", help="Whose topic it is sent to.")]


def command(names: Files, partner: PartnerName = None, as_json: output.Json = False) -> None:
    """Check envelopes offline, as the router would.

    A file holds one envelope a line (JSON lines) or a single JSON document; a directory stands for its .json,
    .jsonl and .ndjson files. Every record that would be rejected is told with its line, the field, the reason
    code its receipt would have, and what would be right; values are never shown. Without --partner, each
    envelope is checked as its own partner's. This computer's clock stands for the broker's. What only the
    router can know (a report number used before with other content) is not checked.
    --json gives one line for each record that is rejected or remarked on. Exit code 1 when any is rejected.

    Examples:

      referrals check reports.ndjson
      referrals check --partner ncmec outbox/
      my-export | referrals check - --json
    """
    table = configuration().partners
    whose = find_partner(table.partners, partner) if partner else None
    found = files(names)
    records = rejected = 0
    for examined in _examine(found, table, whose):
        records, rejected = records + 1, rejected + examined.rejected
        if as_json and examined.problems:
            output.record(examined.fields())
        elif examined.problems:
            output.result("\n".join(examined.lines()))
    output.note(f"{output.count(records, 'record')} in {output.count(len(found), 'file')}: {rejected:,} rejected")
    if not records:
        output.note("there was nothing to check: is this the right file?")
    raise typer.Exit(DONE if records and not rejected else FOUND)


def _examine(names: list[str], table: PartnerTable, whose: Partner | None) -> Iterator[Examined]:
    for record in with_progress(names):
        yield examine_record(record, table, whose, now_ms())


def with_progress(names: list[str]) -> Iterator[FileRecord]:
    """The records of all files, and on a terminal a bar that shows how far it is."""
    with output.progress("records") as bar:
        task = bar.add_task("reading", total=size_bytes(names), done=0)
        before = done = 0
        for name in names:
            end = 0
            for record in read_records(name):
                done, end = done + 1, record.end_byte
                if done % 256 == 0:
                    bar.update(task, completed=before + end, done=done)
                yield record
            before += end


def now_ms() -> int:
    """This computer's clock, Unix milliseconds: offline it stands for the broker's."""
    return time.time_ns() // 1_000_000
