"""`referrals lag`: how far the router is behind, in records and in time."""

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

import typer
from confluent_kafka import Consumer, IsolationLevel, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from policy.configuration import Configuration
from schemas import topics
from services.console import output
from services.console.cluster import admin, broker_errors, consumer, meaning, router_offsets, topic_metadata
from services.console.environment import configuration, kafka_settings
from services.runtime.exits import DONE, FOUND, CannotRun

REQUEST_SECONDS: Final = 15.0
HEAD_SECONDS: Final = 15.0
"""How long to wait for the records at the committed offsets."""

FIRST: Final = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
END: Final = OffsetSpec.latest()  # type: ignore[no-untyped-call]

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """One partition that the router reads. `committed` is None where it never committed.

    `behind_records` are offsets, so markers and aborted records of a transactional partner count too.
    `deleted_unread` are offsets that retention took before the router read them: lost, if they held records.
    `behind_seconds` is the age of the record at the committed offset, by the broker's time of it and this
    computer's clock; 0 where no record waits.
    """

    topic: str
    partition: int
    committed: int | None
    end: int
    behind_records: int
    behind_seconds: float
    deleted_unread: int


def command(as_json: output.Json = False) -> None:
    """Show how far the router is behind, in records and in time.

    For each partition the router reads (ingress, test ingress, reroute commands): the offset it committed,
    the end, the records between them, and the age of the record at the committed offset: the one that waits
    longest. --json gives one document. Exit code 1 when retention deleted what the router had not read.

    Examples:

      referrals lag
      watch referrals lag
      referrals lag --json | jq '[.partitions[].behind_seconds] | max'
    """
    settings = kafka_settings()
    names = inputs(configuration())
    client = admin(settings)
    places = [(name, part) for name in names for part in sorted(topic_metadata(client, name).partitions)]
    with broker_errors("asking for offsets"):
        committed = _committed(router_offsets(settings), places)
        first, end = _offsets(client, places, FIRST), _offsets(client, places, END)
    heads = {
        place: max(committed.get(place, 0), first[place])
        for place in places
        if max(committed.get(place, 0), first[place]) < end[place]
    }
    reader = consumer(settings)
    try:
        waiting_since = _timestamps(reader, heads)
    finally:
        reader.close()
    now_ms = time.time() * 1000
    lags = [
        PartitionLag(
            *place, committed.get(place), end[place],
            behind_records=end[place] - heads[place] if place in waiting_since else 0,
            behind_seconds=max(0.0, round((now_ms - waiting_since.get(place, now_ms)) / 1000, 3)),
            deleted_unread=max(0, first[place] - committed.get(place, 0)),
        )
        for place in places
    ]  # fmt: skip
    _show(lags, as_json)
    lost = [lag for lag in lags if lag.deleted_unread]
    for lag in lost:
        output.note(
            f"{lag.topic}/{lag.partition}: retention deleted {output.count(lag.deleted_unread, 'offset')} "
            "before the router read them: ask the partner to publish that time again"
        )
    raise typer.Exit(FOUND if lost else DONE)


def inputs(found: Configuration) -> list[str]:
    """Every topic that the router reads."""
    partners = [partner.id for partner in found.partners.partners]
    return [*map(topics.ingress, partners), *map(topics.ingress_test, partners), topics.REROUTE]


def _committed(group: Consumer, places: Iterable[Place]) -> dict[Place, int]:
    found = group.committed([TopicPartition(*place) for place in places], REQUEST_SECONDS)
    for place in found:
        if place.error is not None:
            raise CannotRun(f"the offset of {place.topic}/{place.partition}: {meaning(place.error)}")
    return {(place.topic, place.partition): place.offset for place in found if place.offset >= 0}


def _offsets(client: AdminClient, places: Iterable[Place], which: OffsetSpec) -> dict[Place, int]:
    asked = client.list_offsets(
        {TopicPartition(*place): which for place in places},
        isolation_level=IsolationLevel.READ_COMMITTED,
        request_timeout=REQUEST_SECONDS,
    )
    return {(place.topic, place.partition): future.result().offset for place, future in asked.items()}


def _timestamps(reader: Consumer, heads: dict[Place, int]) -> dict[Place, int]:
    """The broker's time (Unix ms) of the first committed record from each offset on; absent where there is none."""
    open_places = set(heads)
    found: dict[Place, int] = {}
    deadline = time.monotonic() + HEAD_SECONDS
    reader.assign([TopicPartition(*place, offset) for place, offset in heads.items()])
    while open_places:
        if time.monotonic() > deadline:
            raise CannotRun(f"the records that wait did not come within {HEAD_SECONDS:.0f} s: are all brokers up?")
        with broker_errors("reading the records that wait"):
            batch = reader.consume(500, 0.2)
        for message in batch:
            place = (message.topic() or "", message.partition() or 0)
            error = message.error()
            if place not in open_places or (error is not None and error.code() != KafkaError._PARTITION_EOF):
                continue
            if error is None:
                found[place] = message.timestamp()[1]
            open_places.discard(place)
            reader.incremental_unassign([TopicPartition(*place)])  # one record is enough: fetch no more of it
    return found


def _show(lags: list[PartitionLag], as_json: bool) -> None:
    records, seconds = sum(lag.behind_records for lag in lags), max(lag.behind_seconds for lag in lags)
    if as_json:
        partitions: list[dict[str, Any]] = [asdict(lag) for lag in lags]
        output.document({"behind_records": records, "behind_seconds": seconds, "partitions": partitions})
        return
    output.table(
        ["topic", "partition", "committed", "end", "records behind", "seconds behind"],
        [
            (lag.topic, lag.partition, "never" if lag.committed is None else str(lag.committed), lag.end,
             lag.behind_records, lag.behind_seconds)
            for lag in lags
        ],
    )  # fmt: skip
    output.note(f"{output.count(records, 'record')} behind, the oldest has waited {seconds:.1f} s")
