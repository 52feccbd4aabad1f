"""What records say: arrivals from queues, receipts, status and track events; or why they say nothing. Pure.

Structs, since a process of its own reads them and passes them on (`services.ledger.feed`); not frozen where one is made
for each record: freezing takes three times as long. None can be part of a cycle, so the collector need not know them.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct

from schemas import topics
from schemas.codes import Lane, Outcome, TrackStep
from schemas.lifecycle import Step

_REROUTED: Final = f"{topics.REROUTE}/"


class FaultKind(StrEnum):
    """Why a record changes nothing. The metric's label and the log's key."""

    NULL_VALUE = "null_value"
    OVERSIZE = "oversize"
    UNREADABLE = "unreadable"
    FOREIGN_DESK = "foreign_desk"
    UNKNOWN_DESK = "unknown_desk"
    UNKNOWN_PARTNER = "unknown_partner"
    TOO_MANY = "too_many"


class Fault(Struct, frozen=True, gc=False):
    """A record that could not be taken for what its topic holds."""

    kind: FaultKind


class Arrival(Struct, array_like=True, tag="a", gc=False):
    """A queue record. Times are Unix ms of the broker's clock, but `expires_ms` and `captured_ms`: the partner's.

    `source` is the ingress partition it came from (`<topic>/<partition>`), `count` its running number there for this
    queue. `tenure`: the how-manieth stay at this desk it is about; `chain` names the desks that had it before that
    stay. `captured_ms` is the oldest of its identifiers.
    """

    key: str
    partner: str
    report: str
    desk: str
    lane: Lane
    revision: int
    withdrawn: bool
    tenure: int
    received_ms: int
    source: str
    ingress_offset: int
    count: int
    chain: str
    roles: str
    reasons: str
    expires_ms: int | None
    captured_ms: int | None
    envelope: bytes

    @property
    def rerouted(self) -> bool:
        """Whether a reroute command brought it, and not the partner: a withdrawal of the desk itself has no chain."""
        return self.source.startswith(_REROUTED)

    @property
    def rank(self) -> tuple[int, int, bool]:
        """Of two records of an entry the one of higher rank speaks."""
        return self.revision, self.tenure, self.withdrawn


class Commanded(Struct, array_like=True, frozen=True, gc=False):
    """Which reroute command a receipt answers: from which desk, and in which stay it was there."""

    command: str
    desk: str
    tenure: int
    refused: bool
    """Not so for `identity_conflict`: the router has carried out a command of that identity."""


class Receipted(Struct, array_like=True, tag="r", gc=False):
    """A receipt of the ingress or of a reroute command. `destinations`: desk → lane; `report` None: unreadable."""

    source: str
    offset: int
    received_ms: int
    outcome: Outcome
    partner: str
    report: str | None
    revision: int | None
    destinations: Mapping[str, str]
    command: Commanded | None = None
    claims_urgent: bool = False
    plain: bool = False
    """Whether it says no more than that a new report was routed: nearly all do."""


class Reported(Struct, array_like=True, gc=False):
    """A status event. `said_ms` is by the desk's clock, the step's time by the broker's: ours decides."""

    key: str
    partner: str
    report: str
    desk: str
    step: Step
    said_ms: int
    identity: str


class Tracked(Struct, array_like=True, tag="t", frozen=True, gc=False):
    """A country's own step after an outcome."""

    key: str
    step: TrackStep
    at_ms: int
    said_ms: int
    role: str
    from_day: str | None
    until: str | None
    identity: str


def entry_key(partner: str, report: str, desk: str) -> str:
    """An entry's identity as text. None of the three may hold a colon."""
    return f"{partner}:{report}:{desk}"
