"""Every topic that a configuration needs, with partitions and settings: provisioning makes these and no other.

Stated here rather than left to a cluster's defaults: `LogAppendTime` (the broker's clock is the one that
counts), deletion by time alone (no compaction, no limit by size: nothing goes without being counted first), and
no election of a replica that lacks acknowledged records.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from policy.configuration import Configuration
from policy.notify import DeskTopic
from policy.partners import DEFAULT_WINDOW_DAYS, Partner
from schemas import topics
from schemas.codes import Lane
from schemas.notices import OPERATOR

INGRESS_DAYS: Final = 14
TEST_INGRESS_DAYS: Final = 1
QUEUE_DAYS: Final = 90
RECEIPT_DAYS: Final = 30
QUARANTINE_DAYS: Final = 90
STATUS_DAYS: Final = 90
TRACK_DAYS: Final = 90
OUTCOME_DAYS: Final = 30
REROUTE_DAYS: Final = 30
NOTICE_DAYS: Final = 7
DESK_NOTICE_DAYS: Final = 30

BATCH_BYTES: Final = 1_048_588
"""Largest batch (Kafka's own default). librdkafka fills batches up to 1,000,000 bytes and does not split one
that is refused, so a lower limit would refuse an ordinary partner; with `uncompressed` it still refuses bombs,
because the broker weighs the batch after taking it apart."""

FILE_DELETE_DELAY_MS: Final = 60_000
"""From the deletion of a segment to that of its files (`file.delete.delay.ms`)."""

RETENTION_CHECK_MS: Final = 300_000
"""How often a broker looks for segments to delete: its default of `log.retention.check.interval.ms`, which no
topic can set. Where a cluster has another, `payload_gone_after` takes it."""

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_INGRESS_SEGMENT_MS: Final = 6 * _HOUR_MS
_TEST_SEGMENT_MS: Final = _HOUR_MS
_SEEN_SEGMENT_MS: Final = _DAY_MS
_SEGMENT_MS: Final = 7 * _DAY_MS


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it must be. `fixed`: its partition count has a meaning, so provisioning never changes it."""

    name: str
    partitions: int
    config: Mapping[str, str]
    fixed: bool


def topic_plan(configuration: Configuration) -> tuple[TopicSpec, ...]:
    """Every topic of the configuration, each once: partners', desks', then what all share."""
    return tuple(_plan(configuration))


def queue_topics(configuration: Configuration) -> tuple[str, ...]:
    """The names of the queues: every lane of every desk, in the order of the file, gravest lane first."""
    return tuple(topics.queue(desk.id, lane) for desk in configuration.desks.desks for lane in Lane)


def told_by_topic(configuration: Configuration) -> tuple[str, ...]:
    """The desks, and `operator`, that have a channel on Kafka."""
    table = configuration.desks
    whom = {**{desk.id: desk.notify for desk in table.desks}, OPERATOR: table.operator}
    return tuple(
        name for name, notify in whom.items() if any(isinstance(way, DeskTopic) for way in notify.channels.values())
    )


def payload_gone_after(spec: TopicSpec, retention_check_ms: int = RETENTION_CHECK_MS) -> timedelta:
    """How long after the broker appended a record its bytes are on no broker's disk any more, at the latest.

    A segment takes appends for `segment.ms` at most; it is deleted `retention.ms` after its last record, when
    the broker next looks; its files go `file.delete.delay.ms` later. A broker must be running for its own copy.
    """
    steps = ("segment.ms", "retention.ms", "file.delete.delay.ms")
    return timedelta(milliseconds=sum(int(spec.config[step]) for step in steps) + retention_check_ms)


def _plan(configuration: Configuration) -> Iterator[TopicSpec]:
    for partner in configuration.partners.partners:
        yield from _partner_topics(partner)
    for desk in configuration.desks.desks:
        for lane in Lane:
            # One partition: a reader sees a desk's lane in one order, and `referral-count` has one sequence.
            yield _spec(topics.queue(desk.id, lane), 1, QUEUE_DAYS, fixed=True)
        yield _spec(topics.status(desk.id), 1, STATUS_DAYS)
        if desk.track:
            yield _spec(topics.track(desk.id), 1, TRACK_DAYS)
    for whom in told_by_topic(configuration):
        yield _spec(topics.notice(whom), 1, DESK_NOTICE_DAYS)
    yield _spec(topics.QUARANTINE, 1, QUARANTINE_DAYS)
    yield _spec(topics.NOTICE, 1, NOTICE_DAYS)
    yield _spec(topics.REROUTE, 1, REROUTE_DAYS, fixed=True)
    yield _spec(topics.SEEN_REROUTE, 1, DEFAULT_WINDOW_DAYS + REROUTE_DAYS, _SEEN_SEGMENT_MS, fixed=True)


def _partner_topics(partner: Partner) -> Iterator[TopicSpec]:
    """Ingress, seen-log and receipts have the same partitions: dedupe and receipts go by partition.

    A seen-log outlives the window by the ingress retention, because the router may read a record that late.
    """
    count, window = partner.ingress_partitions, partner.window_days
    yield _ingress(topics.ingress(partner.id), count, INGRESS_DAYS, _INGRESS_SEGMENT_MS)
    yield _ingress(topics.ingress_test(partner.id), 1, TEST_INGRESS_DAYS, _TEST_SEGMENT_MS)
    yield _spec(topics.receipt(partner.id), count, RECEIPT_DAYS, fixed=True)
    yield _spec(topics.seen(partner.id), count, window + INGRESS_DAYS, _SEEN_SEGMENT_MS, fixed=True)
    yield _spec(topics.seen_test(partner.id), 1, window + TEST_INGRESS_DAYS, _SEEN_SEGMENT_MS, fixed=True)
    yield _spec(topics.outcome(partner.id), count, OUTCOME_DAYS)


def _ingress(name: str, partitions: int, days: int, segment_ms: int) -> TopicSpec:
    """`uncompressed` makes the broker take a batch apart and weigh it: it refuses a decompression bomb."""
    return _spec(name, partitions, days, segment_ms, compression="uncompressed", fixed=True)


def _spec(
    name: str,
    partitions: int,
    days: int,
    segment_ms: int = _SEGMENT_MS,
    *,
    compression: str = "producer",
    fixed: bool = False,
) -> TopicSpec:
    config = {
        "cleanup.policy": "delete",
        "compression.type": compression,
        "file.delete.delay.ms": str(FILE_DELETE_DELAY_MS),
        "max.message.bytes": str(BATCH_BYTES),
        "message.timestamp.type": "LogAppendTime",
        "retention.bytes": "-1",
        "retention.ms": str(days * _DAY_MS),
        "segment.ms": str(segment_ms),
        "unclean.leader.election.enable": "false",
    }
    return TopicSpec(name, partitions, MappingProxyType(config), fixed)
