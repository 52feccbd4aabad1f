"""What somebody has to be told: from the ledger to the notifier, on `referral.notice.v1`, keyed by the desk.

A notice speaks of a group: what is open at one desk, in one lane, for one reason. Each says how things stand now, so
that the newest of a group stands for all before it; `looked` and `resolved` say that nothing of it is open any more.
"""

from typing import Annotated, Any, Final, Self

from pydantic import Field, model_validator

from schemas.codes import CLOSING_NOTICES, Lane, NoticeType
from schemas.envelope import Contract, Report, Slug
from schemas.records import BrokerTime, Day, Moment

OPERATOR: Final = "operator"
"""Whom a notice addresses that concerns no desk: who runs the system. No desk may be called so."""
MAX_REPORTS: Final = 20
GROUP_PATTERN: Final = r"^[a-z][a-z0-9-]*/(urgent|priority|routine|all)/[a-z_]+(/[0-9]{1,18})?$"

NoticeId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", description="The same however often it is sent")]
Group = Annotated[
    str,
    Field(pattern=GROUP_PATTERN, max_length=96, description="<desk>/<lane or all>/<type>, for readers an opaque key"),
]
Sequence = Annotated[int, Field(ge=1, le=2**53 - 1, description="Grows within the group, by any amount")]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]


class NoticedReport(Contract):
    """A referral by its partner's own number; only for a desk whose configuration asks for numbers."""

    partner: Slug
    report: Report


class LaneCounts(Contract):
    """How a desk's lane stands, for the digest."""

    lane: Lane
    waiting: Count
    shelved: Count
    in_hand: Count
    overdue: Annotated[int, Field(ge=0, le=2**53 - 1, description="Waiting, and past the time to look")]
    oldest_at: BrokerTime | None = None


_ENDS_ONLY_WITH_AN_END: Final[dict[str, Any]] = {
    "if": {"properties": {"type": {"enum": [code.value for code in NoticeType if code in CLOSING_NOTICES]}}},
    "then": {"required": ["ends"], "properties": {"ends": {"not": {"type": "null"}}, "count": {"const": 0}}},
    "else": {"properties": {"ends": {"type": "null"}}},
}


class Notice(Contract):
    """How a group stands, and that there is something to tell of it.

    `count`: what is open in it now, `added`: how much came since the notice before; `oldest_at`: since when the
    oldest waits; `through`: the broker's time of the newest that this notice covers. `ends`: of `looked` and
    `resolved`, the type of what they end. `day`: the desk's own day of a digest; of `supervision_ending`, the first
    last day. `lanes`: of a digest.
    """

    model_config = {"json_schema_extra": {"allOf": [_ENDS_ONLY_WITH_AN_END]}}

    id: NoticeId
    type: NoticeType
    group: Group
    sequence: Sequence
    desk: Slug
    at: Moment
    lane: Lane | None = None
    ends: NoticeType | None = None
    count: Count
    added: Count = 0
    oldest_at: BrokerTime | None = None
    through: BrokerTime | None = None
    day: Day | None = None
    reports: Annotated[list[NoticedReport], Field(max_length=MAX_REPORTS)] = []
    lanes: Annotated[list[LaneCounts], Field(max_length=len(Lane))] = []

    @model_validator(mode="after")
    def _type_fits(self) -> Self:
        ending = self.type in CLOSING_NOTICES
        if ending != (self.ends is not None):
            raise ValueError("`ends` stands with looked and resolved, and with no other")
        if ending and self.count:
            raise ValueError("what has ended holds nothing")
        if self.ends is not None and self.ends in CLOSING_NOTICES:  # not in the schema
            raise ValueError("an end can not be ended")
        if not self.group.startswith(f"{self.desk}/"):  # not in the schema
            raise ValueError("the group is another desk's")
        return self
