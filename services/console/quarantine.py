"""`referrals quarantine`: the records that were refused."""

from collections import Counter
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from schemas import topics
from schemas.records import QuarantineNote
from services.console import output
from services.console.environment import kafka_settings
from services.console.reader import TopicReader, parse_start
from services.console.receipts import Follow, From
from services.runtime.exits import WrongUse


def command(
    follow: Follow = False,
    summary: Annotated[bool, typer.Option("--summary", help="Only count, by topic and reason.")] = False,
    start: From = "beginning",
    as_json: output.Json = False,
) -> None:
    """List the records that were refused: reason and place, never content.

    A note says where the record is (topic, partition, offset), when the broker received it, why it was
    refused, how big it is, and whether it claims to be urgent.
    --json gives the notes as the contract has them, one a line; with --summary one JSON document.

    Examples:

      referrals quarantine --summary --from 1day
      referrals quarantine --follow --from end
      referrals quarantine --json | jq 'select(.claims_urgent)'
    """
    if follow and summary:
        raise WrongUse("--summary counts what is there now: leave --follow out")
    where = parse_start(start)
    counts: Counter[tuple[str, str]] = Counter()
    urgent: Counter[tuple[str, str]] = Counter()
    unreadable = 0
    with TopicReader(kafka_settings(), topics.QUARANTINE) as reader:
        reader.start(where)
        try:
            for message in reader.follow() if follow else reader.to_the_end():
                note = _parse(message.value() or b"")
                if note is None:
                    unreadable += 1
                    continue
                counts[note.topic, note.reason] += 1
                urgent[note.topic, note.reason] += note.claims_urgent
                if not summary:
                    output.record(note.model_dump(mode="json")) if as_json else output.result(_line(note))
        except KeyboardInterrupt:
            pass
    if summary:
        _summarise(counts, urgent, as_json)
    total = output.count(counts.total(), "note")
    output.note(f"{total}, {urgent.total():,} claiming urgency" + (f", {unreadable} unreadable" if unreadable else ""))


def _parse(value: bytes) -> QuarantineNote | None:
    try:
        return QuarantineNote.model_validate_json(value)
    except ValidationError:
        return None


def _line(note: QuarantineNote) -> str:
    size = "null" if note.size_bytes is None else f"{note.size_bytes:,} bytes"
    urgent = "  claims urgent" if note.claims_urgent else ""
    return f"{note.received_at}  {note.topic} {note.partition}@{note.offset}  {note.reason}  {size}{urgent}"


def _summarise(counts: Counter[tuple[str, str]], urgent: Counter[tuple[str, str]], as_json: bool) -> None:
    rows: list[dict[str, Any]] = [
        {"topic": topic, "reason": reason, "records": number, "claiming_urgent": urgent[topic, reason]}
        for (topic, reason), number in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    if as_json:
        output.document({"records": counts.total(), "claiming_urgent": urgent.total(), "by_reason": rows})
    elif rows:
        output.table(["topic", "reason", "records", "claiming urgent"], [tuple(row.values()) for row in rows])
