"""What becomes of one record. Pure but for the window it is given: no Kafka, no clock, no metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

from pydantic import ValidationError

from policy.configuration import Configuration
from policy.intake import Accepted, Headers, examine
from schemas.canonical import canonical
from schemas.codes import Action, Outcome, RejectReason, RerouteAction
from schemas.reading import Rejection
from schemas.records import RerouteCommand
from services.router.placement import partition_of
from services.router.route import Route, Routes
from services.router.source import Kind, Source
from services.router.window import Seen, Window

MAX_COMMAND_BYTES: Final = 20 * 1024


class Record(Protocol):
    """The part of a consumed Kafka record that a decision depends on. `timestamp` is the broker's, Unix ms."""

    timestamp: int
    key: bytes | None
    value: bytes | None

    @property
    def headers(self) -> Headers:
        """Name and value, in order; a name may stand twice."""


@dataclass(slots=True)
class Decision:
    """Exactly one outcome, and all that must be written for it. Not frozen: one is made a record, in the hot loop."""

    outcome: Outcome
    reason: RejectReason | None = None
    partner: str | None = None
    """Whose receipt it is; None when an unreadable command names nobody."""
    report: bytes | None = None
    """As it is written in a key."""
    revision: int | None = None
    claims_urgent: bool = False
    route: Route | None = None
    """Where it goes; None when it goes nowhere."""
    form: bytes = b""
    """The canonical form: what is written to each queue of the route."""
    submitted_at: str = ""
    dropped: Mapping[str, int] | None = None
    clock_ahead: bool = False
    misplaced: bool = False
    command: RerouteCommand | None = None


_BY_ACTION: Final = {
    Action.NEW: Outcome.ROUTED,
    Action.AMEND: Outcome.AMENDED,
    Action.WITHDRAW: Outcome.WITHDRAWN,
}


class Decider:
    """Decides by one configuration. Everything bad in a record is a value here: nothing a partner sends raises."""

    def __init__(self, configuration: Configuration) -> None:
        self._desks = frozenset(desk.id for desk in configuration.desks.desks)
        self._partners = configuration.partners.by_id
        self._routes = Routes(configuration)

    def decide(self, record: Record, source: Source, partition: int, window: Window) -> Decision:
        """The outcome of a record of this partition; what it adds to the window is there when this returns."""
        if source.kind is Kind.REROUTE:
            return self._reroute(record, window)
        partner = source.partner
        assert partner is not None  # only reroute commands have no partner
        found = examine(record.value, record.key, record.headers, partner, record.timestamp)
        if isinstance(found, Rejection):
            return _rejected(found, partner.id)
        key = record.key
        assert key is not None  # a record without a key is rejected
        return self._judge(
            found,
            key,
            window.admit(b"%b:%d" % (key, found.envelope.revision), found.digest, record.timestamp // 1000),
            misplaced=source.partitions > 1 and partition_of(key, source.partitions) != partition,
        )

    def _judge(self, found: Accepted, report: bytes, seen: Seen, misplaced: bool) -> Decision:
        envelope = found.envelope
        decision = Decision(
            Outcome.DUPLICATE,
            None,
            envelope.partner,
            report,
            envelope.revision,
            clock_ahead=found.clock_ahead,
            misplaced=misplaced,
        )
        if seen is Seen.SAME:
            return decision
        if seen is Seen.OTHER:
            decision.outcome, decision.reason = Outcome.REJECTED, RejectReason.IDENTITY_CONFLICT
            decision.claims_urgent = envelope.urgency == "urgent"
            return decision
        route = self._routes.of(envelope)
        lost = not route.resolves and envelope.action is not Action.WITHDRAW
        decision.outcome = Outcome.UNROUTABLE if lost else _BY_ACTION[envelope.action]
        decision.route, decision.form, decision.dropped = route, found.canonical, found.dropped
        decision.submitted_at = envelope.submitted_at
        return decision

    def _reroute(self, record: Record, window: Window) -> Decision:
        """A command of a ledger or an operator: to other desks, by the same triage, with the chain made longer."""
        command = _command(record.value)
        if isinstance(command, Rejection):
            return _rejected(command, None)
        envelope = command.envelope
        decision = Decision(
            Outcome.DUPLICATE, None, envelope.partner, envelope.report.encode(), envelope.revision, command=command
        )
        if fault := self._fault_in(command):
            decision.outcome, decision.reason = Outcome.REJECTED, fault
            decision.partner = envelope.partner if envelope.partner in self._partners else None
            return decision
        digest = int.from_bytes(sha256(command.model_dump_json().encode()).digest()[:8], "big")
        seen = window.admit(command.command.encode(), digest, record.timestamp // 1000)
        if seen is Seen.SAME:
            return decision
        if seen is Seen.OTHER:
            decision.outcome, decision.reason = Outcome.REJECTED, RejectReason.IDENTITY_CONFLICT
            return decision
        withdrawn = command.action is RerouteAction.WITHDRAW
        sent = envelope.model_copy(update={"action": Action.WITHDRAW}) if withdrawn else envelope
        route = self._routes.to(sent, command.to) if command.to else self._routes.of(sent)
        decision.outcome = _rerouted(withdrawn, route)
        if route.resolves or command.to:  # what still resolves nowhere stays where it is
            decision.route, decision.form, decision.submitted_at = route, canonical(sent), sent.submitted_at
        return decision

    def _fault_in(self, command: RerouteCommand) -> RejectReason | None:
        if command.envelope.partner not in self._partners:
            return RejectReason.PARTNER_MISMATCH
        if not self._desks.issuperset([command.from_desk, *command.to, *command.chain]):
            return RejectReason.UNKNOWN_DESK
        return None


def _rerouted(withdrawn: bool, route: Route) -> Outcome:
    if withdrawn:
        return Outcome.WITHDRAWN
    return Outcome.ROUTED if route.resolves else Outcome.UNROUTABLE


def _rejected(rejection: Rejection, partner: str | None) -> Decision:
    return Decision(
        Outcome.REJECTED,
        rejection.reason,
        partner,
        None if rejection.report is None else rejection.report.encode(),
        rejection.revision,
        claims_urgent=rejection.claims_urgent,
    )


def _command(value: bytes | None) -> RerouteCommand | Rejection:
    if value is None:
        return Rejection(RejectReason.NULL_VALUE)
    if len(value) > MAX_COMMAND_BYTES:
        return Rejection(RejectReason.OVERSIZE)
    try:
        return RerouteCommand.model_validate_json(value)
    except ValidationError:
        return Rejection(RejectReason.INVALID_VALUE)
