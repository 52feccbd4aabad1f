"""`referrals tally`: reads the topics and adds up, while the router runs or when it does not.

The order of the questions makes it right on a running system. What was committed is asked first; every record
that belongs to it is then below the log ends asked next; and a committed reader that comes to these ends has
seen all of it. What belongs to later transactions is read too, and left out by its offset.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import typer
from confluent_kafka import Message

from schemas import changelog, topics
from services.console import output
from services.console.environment import kafka_settings
from services.console.tally_account import Account
from services.console.tally_cluster import Cluster, Span, last_values
from services.console.tally_records import (
    input_kind,
    is_queue,
    partner_of_receipts,
    read_note,
    read_queued,
    read_receipt,
    receipt_topic,
    seen_log,
)
from services.console.tally_report import Result, tell
from services.console.tally_terms import Kind, Place, Position, Wrong
from services.runtime.exits import DONE, FOUND, CannotRun
from services.runtime.kafka import KafkaSettings

AGREE_S: Final = 10.0
"""How long committed offsets, receipts and seen-logs of a running router may take to be seen to agree."""
UNREADABLE: Final = -1

Advanced = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was asked before anything was read."""

    committed: Mapping[Place, int]
    """By input, all of them."""
    spans: Mapping[Place, Span]

    def cut(self, wanted: Callable[[str], object]) -> dict[Place, Span]:
        """The spans of the topics that are wanted."""
        return {place: span for place, span in self.spans.items() if wanted(place.topic)}

    def trimmed(self, wanted: Callable[[str], object]) -> dict[Place, Span]:
        """Those of them from which retention has deleted."""
        return {place: span for place, span in self.cut(wanted).items() if span.start > 0}


def take(settings: KafkaSettings, total: Advanced, advanced: Advanced) -> Result:
    """The account of the cluster. `total` gets the offsets to read before `advanced` gets those that were.

    Raises CannotRun when the broker is out of reach or retention deletes what is being read.
    """
    cluster = Cluster(settings)
    places = cluster.places()
    if not any(input_kind(place.topic) for place in places):
        raise CannotRun("there is no topic that a router reads here; `referrals provision` makes them")
    committed = cluster.committed([place for place in places if input_kind(place.topic)])
    snapshot = Snapshot(committed, cluster.spans(place for place in places if _is_read(place.topic)))
    first = snapshot.cut(lambda topic: input_kind(topic) or partner_of_receipts(topic))
    then = snapshot.cut(_is_held)
    cut = snapshot.trimmed(_is_held)
    total(sum(span.end - span.start for spans in (first, then, cut) for span in spans.values()))
    account = Account(_positions(snapshot), _first_offsets(cluster.read(cut, advanced), cut))
    for spans in (first, then):
        reading = cluster.read(spans, advanced)
        for message in reading:
            _fold(account, message)
        for place in reading.unended:
            account.found(Wrong.NEVER_ENDED, str(place), "a transaction stays open")
    after = _settle(cluster, snapshot, account)
    return Result(account.findings(after), account.sums(), account.queue_sizes(), account.unchecked)


def _is_held(topic: str) -> bool:
    """Whether its records are held against receipts."""
    return is_queue(topic) or topic == topics.QUARANTINE


def _is_read(topic: str) -> bool:
    return bool(input_kind(topic) or partner_of_receipts(topic) or _is_held(topic))


def _positions(snapshot: Snapshot) -> dict[Place, Position]:
    cut = snapshot.trimmed(partner_of_receipts)
    positions = {}
    for source, committed in snapshot.committed.items():
        kind = input_kind(source.topic)
        assert kind is not None  # only inputs were asked for
        answers = receipt_topic(source.topic)
        partition = source.partition if kind is Kind.INGRESS else 0
        trimmed = {place.topic for place in cut if place.partition == partition}
        positions[source] = Position(
            kind,
            committed,
            snapshot.spans[source].start,
            frozenset(trimmed if answers is None else trimmed & {answers}),
        )
    return positions


def _first_offsets(reading: Iterable[Message], cut: Mapping[Place, Span]) -> dict[str, dict[Place, int]]:
    """Of each queue that retention has cut: the first offset it still holds of each input."""
    found: dict[str, dict[Place, int]] = {place.topic: {} for place in cut}
    for message in reading:
        topic = message.topic() or ""
        try:
            record = (
                read_queued(topic, dict(message.headers() or ())) if is_queue(topic) else read_note(message.value())
            )
        except ValueError:
            continue  # it is read again, and found then
        found[topic].setdefault(record.source, record.offset)
    return found


def _fold(account: Account, message: Message) -> None:
    topic, offset = message.topic() or "", message.offset() or 0
    place = Place(topic, message.partition() or 0)
    where = f"{place}/{offset}"
    try:
        if input_kind(topic):
            account.received(place, offset)
        elif is_queue(topic):
            account.queued(read_queued(topic, dict(message.headers() or ())), where)
        elif topic == topics.QUARANTINE:
            account.noted(read_note(message.value()), where)
        else:
            answer = read_receipt(topic, message.value())
            ordinary = input_kind(answer.source.topic) is Kind.INGRESS
            if place.partition != (answer.source.partition if ordinary else 0):
                account.found(Wrong.RECEIPT_MISPLACED, str(answer.source), f"offset {answer.offset}, at {where}")
            account.answered(answer, where)
    except ValueError as error:
        account.found(Wrong.UNREADABLE, str(place), f"{where}: {error}")


def _settle(cluster: Cluster, snapshot: Snapshot, account: Account) -> dict[Place, int]:
    """Committed offsets that the seen-logs agree with; what does not come to agree is found to be wrong.

    A router that runs moves both on between two questions, so the offset has to lie between two readings.
    """
    logs = {source: Place(seen_log(source.topic), source.partition) for source in snapshot.committed}
    deadline = time.monotonic() + AGREE_S
    while True:
        before = _next_offsets(cluster, logs)
        committed = cluster.committed(logs)
        after = _next_offsets(cluster, logs)
        apart = [
            source for source in logs if source in before and not before[source] <= committed[source] <= after[source]
        ]
        if not apart and not account.ahead_of(committed):
            return committed
        if time.monotonic() > deadline:
            for source in apart:
                says = "cannot be read" if after[source] == UNREADABLE else f"says {after[source]}"
                text = f"it {says}, committed is {committed[source]}"
                account.found(Wrong.SEEN_LOG_DISAGREES, str(source), text)
            return committed
        time.sleep(0.2)


def _next_offsets(cluster: Cluster, logs: Mapping[Place, Place]) -> dict[Place, int]:
    """What each seen-log gives as the offset to read next; not in it where retention has deleted all of a log."""
    spans = cluster.spans(set(logs.values()))
    values = last_values(cluster, spans)
    found = {}
    for source, log in logs.items():
        if log not in values:
            if spans[log].start == 0:
                found[source] = 0
            continue
        try:
            found[source] = changelog.decode(values[log] or b"").next_offset or 0
        except changelog.UnknownFormatError:
            found[source] = UNREADABLE
    return found


def command(as_json: output.Json = False) -> None:
    """Add up, from the topics themselves, that nothing is lost or doubled.

    Every ingress record below the router's committed offset must have exactly one receipt; every destination
    of a receipt exactly one record in that queue, and the reverse; the running counts of each queue no gap;
    every rejection its quarantine note; and each seen-log must go on where the committed offset does.
    What retention has deleted is counted as unchecked. Exits with 1 when anything is not so.

    Examples:

      referrals tally
      referrals tally --json
    """
    with output.progress("offsets") as bar:
        task = bar.add_task("reading the topics", total=None, done="0")
        read = 0

        def advanced(offsets: int) -> None:
            nonlocal read
            read += offsets
            bar.update(task, completed=read, done=f"{read:,}")

        result = take(kafka_settings(), lambda total: bar.update(task, total=total), advanced)
    tell(result, as_json)
    raise typer.Exit(DONE if result.adds_up else FOUND)
