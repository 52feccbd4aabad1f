"""What is written beside the envelope: receipts, quarantine notes, desks' events, reroute commands.

The same rules as for the envelope: closed, every string a code, a bounded pattern or a time. A rule between
fields stands in the published JSON Schema too, but for those marked `not in the schema`.

A field that JSON calls `from` is `from_desk` or `from_day` here and known by its JSON name alone when it is
read or made: `RerouteCommand.model_validate({"from": "nl", ...})`.
"""

from datetime import date, datetime
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from schemas.codes import (
    ActorRole,
    Disposition,
    Lane,
    Outcome,
    OutcomeClass,
    RejectReason,
    RerouteAction,
    Role,
    StatusType,
    TrackStep,
)
from schemas.envelope import Contract, CountryCode, Envelope, Report, Revision, Slug, Time

MAX_DESKS: Final = 16
"""Of one referral, at most one a jurisdiction; and of a chain of forwardings, the desk that forwards included."""

CHECKED_TOPIC_PATTERN: Final = r"^referral\.(ingress\.[a-z][a-z0-9]*(-[a-z0-9]+)*(\.test)?|reroute)\.v1$"
"""The topics whose records the router may refuse."""

BROKER_TIME_PATTERN: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"


def _is_a_time(text: str) -> str:
    """A pattern alone would let a thirteenth month pass. The error names no input: it may be logged."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("no such time") from None
    return text


def _is_a_day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError("no such day") from None
    return text


Moment = Annotated[Time, AfterValidator(_is_a_time), Field(json_schema_extra={"format": "date-time"})]
"""A time that exists, by the clock of who wrote it."""
BrokerTime = Annotated[
    str,
    Field(
        pattern=BROKER_TIME_PATTERN,
        description="RFC 3339 in UTC with milliseconds: the broker's time of the record",
        json_schema_extra={"format": "date-time"},
    ),
    AfterValidator(_is_a_time),
]
Day = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        description="RFC 3339 full-date",
        json_schema_extra={"format": "date"},
    ),
    AfterValidator(_is_a_day),
]
Partition = Annotated[int, Field(ge=0, le=2**31 - 1)]
Offset = Annotated[int, Field(ge=0, le=2**63 - 1)]
RuleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$", description="A triage rule")]
PolicyVersion = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,31}$")]
CommandId = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]


def serialise(record: BaseModel) -> bytes:
    """UTF-8 JSON under the contract's field names; what is at its default is left out."""
    return record.__pydantic_serializer__.to_json(record, by_alias=True, exclude_defaults=True)


_NOT_NULL: Final[dict[str, Any]] = {"not": {"type": "null"}}


def _only_with(field: str, discriminator: str, *codes: str) -> dict[str, Any]:
    """JSON Schema for: `field` is there exactly when `discriminator` has one of the codes."""
    return {
        "if": {"properties": {discriminator: {"enum": list(codes)}}, "required": [discriminator]},
        "then": {"properties": {field: _NOT_NULL}, "required": [field]},
        "else": {"properties": {field: {"type": "null"}}},
    }


class ReceiptDestination(Contract):
    """One desk that got the referral, in which lane, and what made it theirs."""

    desk: Slug
    lane: Lane
    roles: Annotated[list[Role], Field(min_length=1, max_length=len(Role))]


class ReceiptReroute(Contract):
    """Which reroute command this is the receipt of; `chain` names the desks that had it, `from` the last."""

    command: CommandId
    from_desk: Annotated[Slug, Field(alias="from")]
    chain: Annotated[list[Slug], Field(max_length=MAX_DESKS)] = []


class Receipt(Contract):
    """What became of one ingress record, for its partner. One a record, with the record's coordinates.

    `report` and `revision` are null where they can not be read. `lane_reasons` names the triage rules that
    decided, `policy` their version; `dropped` counts country codes that were ignored beside valid ones.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                _only_with("reason", "outcome", Outcome.REJECTED),
                {
                    "if": {"properties": {"outcome": {"const": Outcome.REJECTED}}},
                    "then": {"properties": {"destinations": {"maxItems": 0}}},
                    "else": {"properties": {"report": _NOT_NULL, "revision": _NOT_NULL}},
                },
            ]
        }
    )

    partition: Partition
    offset: Offset
    received_at: BrokerTime
    outcome: Outcome
    reason: RejectReason | None = None
    report: Report | None
    revision: Revision | None
    destinations: Annotated[list[ReceiptDestination], Field(max_length=MAX_DESKS)] = []
    lane_reasons: Annotated[list[RuleName], Field(max_length=64)] = []
    policy: PolicyVersion | None = None
    dropped: dict[CountryCode, Annotated[int, Field(ge=1, le=16)]] = {}
    test: Annotated[bool, Field(description="From the test ingress: nothing was routed")] = False
    claims_urgent: Annotated[bool, Field(description="Rejected, and claims urgency as far as it can be read")] = False
    reroute: ReceiptReroute | None = None

    @model_validator(mode="after")
    def _outcome_fits(self) -> Self:
        rejected = self.outcome is Outcome.REJECTED
        if rejected != (self.reason is not None):
            raise ValueError("a reason stands with the outcome rejected, and with no other")
        if self.claims_urgent and not rejected:  # not in the schema
            raise ValueError("claims_urgent stands with the outcome rejected, and with no other")
        if rejected and self.destinations:
            raise ValueError("what is rejected has no destinations")
        if not rejected and (self.report is None or self.revision is None):
            raise ValueError("report and revision may be null only where the outcome is rejected")
        return self


class QuarantineNote(Contract):
    """Where a refused record is, why, and how big: for operators. Never a byte of it.

    `size_bytes` is of the value, null where the record had none; `claims_urgent` is a best effort.
    """

    topic: Annotated[str, Field(pattern=CHECKED_TOPIC_PATTERN, max_length=64)]
    partition: Partition
    offset: Offset
    received_at: BrokerTime
    reason: RejectReason
    size_bytes: Annotated[int, Field(ge=0, le=2**31 - 1)] | None
    claims_urgent: bool


class StatusEvent(Contract):
    """What a desk says it did with an entry. `role` is the function of who acted, never a person."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                _only_with("to", "event", StatusType.FORWARDED),
                _only_with("disposition", "event", StatusType.CLOSED),
            ]
        }
    )

    partner: Slug
    report: Report
    desk: Slug
    event: StatusType
    role: ActorRole
    at: Moment
    to: Annotated[Slug | None, Field(description="The desk that has it now; another than `desk`")] = None
    disposition: Disposition | None = None

    @model_validator(mode="after")
    def _event_fits(self) -> Self:
        if (self.event is StatusType.FORWARDED) != (self.to is not None):
            raise ValueError("`to` stands with the event forwarded, and with no other")
        if (self.event is StatusType.CLOSED) != (self.disposition is not None):
            raise ValueError("a disposition stands with the event closed, and with no other")
        if self.to == self.desk:  # not in the schema
            raise ValueError("a desk can not forward to itself")
        return self


class TrackEvent(Contract):
    """One of a country's own steps after an outcome; supervision alone has a first and a last day."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                _only_with("from", "step", TrackStep.SUPERVISION),
                _only_with("until", "step", TrackStep.SUPERVISION),
            ]
        },
    )

    partner: Slug
    report: Report
    desk: Slug
    step: TrackStep
    role: ActorRole
    at: Moment
    from_day: Annotated[Day | None, Field(alias="from")] = None
    until: Annotated[Day | None, Field(description="The last day, not before `from`")] = None

    @model_validator(mode="after")
    def _step_fits(self) -> Self:
        supervision = self.step is TrackStep.SUPERVISION
        if supervision != (self.from_day is not None) or supervision != (self.until is not None):
            raise ValueError("`from` and `until` stand with the step supervision, and with no other")
        if self.from_day is not None and self.until is not None and self.until < self.from_day:
            raise ValueError("`until` is before `from`")  # not in the schema
        return self


class OutcomeEvent(Contract):
    """What a partner learns of its referral at one desk: a coarse code, at the ledger's time."""

    partner: Slug
    report: Report
    desk: Slug
    outcome_class: OutcomeClass
    at: Moment


class RerouteCommand(Contract):
    """Asks the router to pass a referral on from a desk's queue, in its transactions and with a receipt.

    `forward`: to the desks `to`. `withdraw`: tell the desks `to` that it is withdrawn. `resolve`: to whom the
    desk table names now; `to` is empty. `envelope` is the canonical one of the queue record, `chain` names
    the desks that had it before `from`.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"action": {"const": RerouteAction.RESOLVE}}},
            "then": {"properties": {"to": {"maxItems": 0}}},
            "else": {"properties": {"to": {"minItems": 1}}},
        },
    )

    command: CommandId
    action: RerouteAction
    from_desk: Annotated[Slug, Field(alias="from")]
    to: Annotated[list[Slug], Field(max_length=MAX_DESKS)]
    chain: Annotated[list[Slug], Field(max_length=MAX_DESKS - 1)]
    by: ActorRole
    envelope: Envelope

    @model_validator(mode="after")
    def _action_fits(self) -> Self:
        if (self.action is RerouteAction.RESOLVE) == bool(self.to):
            raise ValueError("`to` is empty for resolve, and names desks for any other action")
        if len(set(self.to)) != len(self.to):  # not in the schema
            raise ValueError("`to` names a desk twice")
        if self.action is RerouteAction.FORWARD and self.from_desk in self.to:  # not in the schema
            raise ValueError("a desk can not forward to itself")
        return self
