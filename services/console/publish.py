"""`referrals publish`: envelopes from files to the partner's ingress, and back what the router made of them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Annotated, Any, Final

import typer

from policy.intake import Accepted, Headers
from policy.partners import Partner, PartnerTable
from schemas import topics
from schemas.codes import Outcome
from schemas.reading import Readable, read
from schemas.records import Receipt
from services.console import output, receipts
from services.console.check import Files, PartnerName, now_ms, with_progress
from services.console.environment import configuration, find_partner, kafka_settings
from services.console.examination import Examined, examine_record, headers_of, key_of
from services.console.publication import (
    ACKNOWLEDGED_WITHIN_SECONDS,
    Acknowledged,
    Answer,
    NotAcknowledged,
    Publication,
    ReceiptWatch,
)
from services.console.records import FileRecord, files
from services.runtime.exits import DONE, FOUND, CannotRun

DEFAULT_TIMEOUT_SECONDS: Final = 60
ACKNOWLEDGED: Final = "acknowledged"
NOT_ACKNOWLEDGED: Final = "not acknowledged"
REFUSED: Final = "refused here"
REFUSED_BY_BROKER: Final = "refused by the broker"


@dataclass(slots=True)
class Tally:
    """What became of the records so far."""

    as_json: bool
    topic: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    awaited: dict[tuple[int, int], FileRecord] | None = None
    """Acknowledged records without a receipt so far; None when nobody waits for receipts."""
    failure: str = ""

    def refused(self, examined: Examined) -> None:
        """Not sent: the router would refuse it."""
        self.counts[REFUSED] += 1
        if self.as_json:
            output.record(examined.fields() | {"result": "refused"})
        else:
            output.result("\n".join(examined.lines()))

    def answered(self, record: FileRecord, answer: Answer) -> None:
        """The broker's answer to one record."""
        match answer:
            case Acknowledged(partition, offset):
                self.counts[ACKNOWLEDGED] += 1
                if self.awaited is not None:
                    self.awaited[partition, offset] = record
                elif self.as_json:
                    self._tell(record, "acknowledged", partition=partition, offset=offset)
            case NotAcknowledged(why, refused):
                self.counts[REFUSED_BY_BROKER if refused else NOT_ACKNOWLEDGED] += 1
                self.failure = self.failure if refused else why
                if self.as_json:
                    self._tell(record, "not_acknowledged", why=why)
                else:
                    output.result(f"{record.place}: not acknowledged: {why}")

    def settled(self, record: FileRecord, receipt: Receipt) -> None:
        """The router's receipt for one record."""
        self.outcomes[receipt.outcome] += 1
        if self.as_json:
            self._tell(record, "receipt", receipt=receipts.fields(receipt))
        else:
            output.result(f"{record.place}: {receipts.line(receipt)}")

    def _tell(self, record: FileRecord, result: str, **more: Any) -> None:
        output.record({"file": record.file, "line": record.line, "result": result, "topic": self.topic} | more)

    @property
    def wrong(self) -> int:
        """Records that were refused or rejected, or have no receipt although somebody waited."""
        refused = self.counts[REFUSED] + self.counts[REFUSED_BY_BROKER]
        return refused + self.outcomes[Outcome.REJECTED] + len(self.awaited or ())


def command(
    names: Files,
    partner: PartnerName = None,
    test: Annotated[
        bool, typer.Option("--test", help="To the test ingress: receipts say what would happen, nothing is routed.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the receipts of exactly these records.")] = False,
    timeout: Annotated[
        int, typer.Option(min=1, help="Seconds without a further receipt after which --wait gives up.")
    ] = DEFAULT_TIMEOUT_SECONDS,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Send what would be rejected too, to see its receipt.")
    ] = False,
    as_json: output.Json = False,
) -> None:
    """Publish envelopes, and wait for the broker's acknowledgements.

    Files are read as by `referrals check`, and a record that it would refuse is told in the same way and not
    sent; the others are. All go to one partner's ingress: that of --partner, or of the first envelope that
    can be read. Publishing a file again is safe: what is already there becomes a duplicate and counts once.
    --json gives one line a record. Exit code 1 when anything was refused or rejected, or no receipt came; 3
    when the broker did not acknowledge everything.

    Examples:

      referrals publish --test --wait first-try.json
      referrals publish --wait reports.ndjson
      my-export | referrals publish --partner ncmec -
    """
    table = configuration().partners
    whose, records = _partner(table, partner, with_progress(files(names)))
    tally = Tally(as_json, awaited={} if wait else None)
    try:
        if whose is None:
            _refuse(records, table, tally)
        else:
            _publish(records, table, whose, tally, test=test, unchecked=unchecked, patience_s=timeout)
    finally:
        _summarise(tally)
    if tally.failure:
        raise CannotRun(
            f"{output.count(tally.counts[NOT_ACKNOWLEDGED], 'record')} not acknowledged within "
            f"{ACKNOWLEDGED_WITHIN_SECONDS:.0f} s ({tally.failure}): publish the same files again, "
            "what is there already counts once"
        )
    raise typer.Exit(FOUND if tally.wrong or not tally.counts.total() else DONE)


def _partner(
    table: PartnerTable, named: str | None, records: Iterator[FileRecord]
) -> tuple[Partner | None, Iterator[FileRecord]]:
    """Whose topic everything goes to, and all the records; None when no envelope names a known partner."""
    if named:
        return find_partner(table.partners, named), records
    read_on: list[FileRecord] = []
    for record in records:
        read_on.append(record)
        readable = read(record.value)
        if isinstance(readable, Readable) and readable.envelope.partner in table.by_id:
            return table.by_id[readable.envelope.partner], chain(read_on, records)
    return None, iter(read_on)


def _refuse(records: Iterator[FileRecord], table: PartnerTable, tally: Tally) -> None:
    for record in records:
        tally.refused(examine_record(record, table, None, now_ms()))


def _publish(
    records: Iterator[FileRecord],
    table: PartnerTable,
    whose: Partner,
    tally: Tally,
    *,
    test: bool,
    unchecked: bool,
    patience_s: float,
) -> None:
    settings = kafka_settings()
    tally.topic = topics.ingress_test(whose.id) if test else topics.ingress(whose.id)
    publication = Publication(settings, tally.topic, tally.answered)
    if tally.awaited is None:
        _send(records, table, whose, publication, tally, unchecked)
        return
    with ReceiptWatch(settings, whose.id, test=test) as watch:
        _send(records, table, whose, publication, tally, unchecked)
        for record, receipt in watch.receipts(tally.awaited, patience_s):
            tally.settled(record, receipt)


def _send(
    records: Iterator[FileRecord],
    table: PartnerTable,
    whose: Partner,
    publication: Publication,
    tally: Tally,
    unchecked: bool,
) -> None:
    for record in records:
        examined = examine_record(record, table, whose, now_ms())
        if isinstance(examined.found, Accepted):
            publication.send(record, *_key_and_headers(record))
        elif unchecked and not record.cut:
            report = examined.found.report
            publication.send(record, report.encode() if report else None, ())
        else:
            tally.refused(examined)
    publication.finish()


def _key_and_headers(record: FileRecord) -> tuple[bytes, Headers]:
    """From the envelope as it was written: what its countries are settled to is the router's business."""
    readable = read(record.value)
    assert isinstance(readable, Readable)
    return key_of(readable.envelope), headers_of(readable.envelope)


def _summarise(tally: Tally) -> None:
    parts = [f"{number:,} {name}" for name, number in sorted(tally.counts.items())] or ["nothing to publish"]
    output.note(f"{tally.topic}: {', '.join(parts)}" if tally.topic else ", ".join(parts))
    if tally.awaited is None:
        return
    if tally.outcomes:
        output.note("receipts: " + ", ".join(f"{number:,} {name}" for name, number in sorted(tally.outcomes.items())))
    if tally.awaited:
        output.note(
            f"{output.count(len(tally.awaited), 'record')} without a receipt: "
            "is the router running? `referrals lag` shows how far it is"
        )
