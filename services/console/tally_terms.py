"""What the account of the topics is made of: records as far as they are checked, and what may be wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

NEVER: Final = 1 << 63
"""Beyond every offset."""


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}"


class Kind(StrEnum):
    """What the records of an input are."""

    INGRESS = "ingress"
    TEST = "test"
    """Answered, not routed."""
    REROUTE = "reroute"
    """Commands; one that names no partner is answered by its quarantine note alone."""


@dataclass(frozen=True, slots=True)
class Position:
    """What was known of an input before its records were read."""

    kind: Kind
    committed: int
    """The router's committed offset: everything below it must be settled. 0 when there is none."""
    start: int = 0
    """The first offset that retention has left."""
    trimmed_in: frozenset[str] = frozenset()
    """Receipt topics from which retention has deleted what may have been this input's."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One destination of a receipt: the queue's topic, and the roles in order, commas between."""

    queue: str
    roles: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A receipt. `identity` is `<partner>:<report>:<revision>`, as in the queue's `ce_id`."""

    stands_in: str
    source: Place
    offset: int
    outcome: str
    reason: str | None
    identity: str
    goals: Sequence[Goal]


@dataclass(frozen=True, slots=True)
class Queued:
    """A queue's record. `number` is its `referral-count`."""

    queue: str
    source: Place
    offset: int
    number: int
    identity: str
    roles: str


@dataclass(frozen=True, slots=True)
class Noted:
    """A quarantine note."""

    source: Place
    offset: int
    reason: str


class Wrong(StrEnum):
    """Every way in which the topics can fail to add up."""

    RECEIPT_MISSING = "receipt_missing"
    RECEIPT_TWICE = "receipt_twice"
    RECEIPT_OF_NOTHING = "receipt_of_nothing"
    RECEIPT_NOT_COMMITTED = "receipt_not_committed"
    RECEIPT_MISPLACED = "receipt_misplaced"
    NO_DESTINATION = "no_destination"
    DESTINATION_TWICE = "destination_twice"
    NOT_IN_QUEUE = "not_in_queue"
    IN_QUEUE_UNDECLARED = "in_queue_undeclared"
    QUEUE_DIFFERS = "queue_differs"
    COUNT_BROKEN = "count_broken"
    NOTE_MISSING = "note_missing"
    NOTE_TWICE = "note_twice"
    NOTE_UNDECLARED = "note_undeclared"
    NOTE_DIFFERS = "note_differs"
    SEEN_LOG_DISAGREES = "seen_log_disagrees"
    UNREADABLE = "unreadable"
    UNKNOWN_INPUT = "unknown_input"
    NEVER_ENDED = "never_ended"


@dataclass(frozen=True, slots=True)
class Finding:
    """What does not add up, where, how often, and an example. Coordinates only, never a report's number."""

    wrong: Wrong
    where: str
    count: int
    detail: str


@dataclass(frozen=True, slots=True)
class Sums:
    """An input in figures. `received` is the sum of the outcomes when all is right."""

    received: int
    outcomes: Mapping[str, int]
    waiting: int
    """Records at or past the committed offset."""
    unchecked: int
    """Records whose receipts retention has deleted."""
