"""What the campaign saw, as plain values. Nothing here knows Kafka."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from json import dumps, loads

from schemas.codes import Outcome, RejectReason

Coordinates = tuple[int, int]
"""Partition and offset of an ingress record: what everything else is held against."""


class Kind(StrEnum):
    """Why a record was sent."""

    ORIGINAL = "original"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Ingress:
    """One record as it stands in the ingress topic."""

    at: Coordinates
    report: str
    content: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Sent:
    """One record the broker acknowledged to the campaign's publisher. `acked_s`: seconds, monotonic."""

    at: Coordinates
    phase: int
    kind: Kind
    report: str
    acked_s: float


@dataclass(frozen=True, slots=True)
class Expected:
    """What must become of an ingress record; `queues` are topics, empty unless it is routed."""

    outcome: Outcome
    reason: RejectReason | None
    queues: frozenset[str]


@dataclass(frozen=True, slots=True)
class Queued:
    """One record of a queue. `source` and `count` are its referral-ingress and referral-count headers."""

    topic: str
    offset: int
    report: str
    content: bytes
    source: Coordinates
    count: int


@dataclass(frozen=True, slots=True)
class Receipted:
    """One receipt: where it stands (`partition`, `offset`), and which ingress record (`source`) it is of."""

    partition: int
    offset: int
    source: Coordinates
    outcome: str
    reason: str | None
    report: str | None
    queues: frozenset[str]


@dataclass(frozen=True, slots=True)
class Noted:
    """One quarantine note."""

    partition: int
    offset: int
    source: Coordinates
    reason: str


@dataclass(frozen=True, slots=True)
class View:
    """All that one read_committed reader was given, in the order of each partition."""

    queued: Sequence[Queued]
    receipts: Sequence[Receipted]
    notes: Sequence[Noted]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One campaign, at rest. `committed`, `ends`: offset by ingress partition; None is nothing committed."""

    sent: Sequence[Sent]
    ingress: Sequence[Ingress]
    views: Mapping[str, View]
    committed: Mapping[int, int | None]
    ends: Mapping[int, int]


def content(value: bytes) -> bytes:
    """Eight bytes for an envelope without `submitted_at`: not the router's digest, so that both can err.

    Raises ValueError when the value is no JSON object.
    """
    fields = loads(value)
    if not isinstance(fields, dict):
        raise ValueError("not an object")
    fields.pop("submitted_at", None)
    return blake2b(dumps(fields, sort_keys=True).encode(), digest_size=8).digest()
