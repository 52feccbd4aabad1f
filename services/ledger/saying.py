"""What an entry's change makes the ledger say: outcomes to partners, commands to the router. Pure.

Everything said has an identity made of what it says, so that saying it twice (after a crash, or after the database
was made again from the topics) is recognised: the router drops a command it has carried out.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from msgspec import Struct
from msgspec.json import Encoder

from schemas import topics
from schemas.codes import (
    ACTION_DISPOSITIONS,
    ActorRole,
    EntryState,
    OutcomeClass,
    RerouteAction,
)
from schemas.envelope import Envelope
from schemas.records import MAX_DESKS, RerouteCommand, serialise
from services.ledger.entry import Entry, rank_of
from services.ledger.tally import Before


@dataclass(frozen=True, slots=True)
class Amendment:
    """The newest revision of a report after its first, and the desks it went to."""

    revision: int
    desks: frozenset[str]


OUTCOME: Final = "referral.outcome.v1"
REROUTE: Final = ""
"""Commands are no CloudEvents: their contract is the command itself."""


@dataclass(frozen=True, slots=True)
class Message:
    """A record to publish. `event_type` is its `ce_type`, empty where it is no CloudEvent."""

    topic: str
    key: str
    identity: str
    event_type: str
    at_ms: int
    value: bytes


class _Outcome(Struct):
    """`schemas.records.OutcomeEvent`, of what was held to its contract when it was read: thousands in a transaction."""

    partner: str
    report: str
    desk: str
    outcome_class: OutcomeClass
    at: str


_ENCODER: Final = Encoder()


def outcomes(was: Before, entry: Entry, rfc3339: str, now_ms: int) -> list[Message]:
    """What the partner learns of this change, coarsely."""
    if not entry.met:
        return []
    said: list[tuple[OutcomeClass, int]] = []
    if entry.looks > was.looks:
        said.append((OutcomeClass.LOOKED, entry.looks))
    if entry.taken_ms is not None and was.taken_ms is None:
        said.append((OutcomeClass.WORKED, entry.tenure))
    if entry.closings > was.closings and entry.disposition is not None:
        acted = entry.disposition in ACTION_DISPOSITIONS
        said.append((OutcomeClass.CLOSED_ACTION if acted else OutcomeClass.CLOSED_NO_ACTION, entry.closings))
    if entry.state != was.state and entry.state in (EntryState.WITHDRAWN, EntryState.EXPIRED):
        said.append((OutcomeClass(entry.state), entry.revision))
    topic = topics.outcome(entry.partner)
    return [
        Message(
            topic,
            entry.report,
            _identity("outcome", entry.key, word, number),
            OUTCOME,
            now_ms,
            _ENCODER.encode(_Outcome(entry.partner, entry.report, entry.desk, word, rfc3339)),
        )
        for word, number in said
    ]


def pass_on(entry: Entry, by: ActorRole, now_ms: int) -> Message | None:
    """The command that brings a forwarded entry's newest record to the desk that has it; None when it has it.

    Sets `passed`: what was passed on, and in the how-manieth forwarding. `by`: who forwarded it, so that the same
    command said again is the same.
    """
    if entry.state != EntryState.FORWARDED or entry.envelope is None:
        return None
    occasion = f"{rank_of(entry)} {entry.forwards}"
    if entry.passed == occasion:
        return None
    assert entry.forwarded_to is not None  # the event forwarded names a desk
    entry.passed = occasion
    action = RerouteAction.WITHDRAW if entry.withdrawn else RerouteAction.FORWARD
    return _command(entry, action, entry.forwarded_to, by, occasion, now_ms)


def is_unnamed(entry: Entry, amendment: Amendment | None) -> bool:
    """Whether a later revision went elsewhere, and the desk was not told. Only of a report that was sent to it first.

    What another desk forwarded to it is withdrawn by way of that desk.
    """
    if amendment is None or not entry.met or entry.withdrawn or amendment.revision <= entry.revision:
        return False
    return entry.desk not in amendment.desks and entry.chain.split(",")[0] in ("", entry.desk)


def unname(entry: Entry, now_ms: int) -> Message | None:
    """The command that tells a desk that a later revision no longer names it; None where nothing is left to withdraw.

    Its identity is of what is withdrawn, not of the revision that does it: two that do are one command.
    """
    if entry.envelope is None or entry.chain.count(",") + 2 > MAX_DESKS:
        return None
    return _command(entry, RerouteAction.WITHDRAW, entry.desk, ActorRole.SYSTEM, f"unnamed {rank_of(entry)}", now_ms)


def forwarding(key: str, rank: str, number: int, to: str) -> str:
    """The identity of the command that passes this rank of an entry on, in its how-manieth forwarding."""
    return _identity("reroute", key, RerouteAction.FORWARD, f"{to} {rank} {number}")


def _command(entry: Entry, action: RerouteAction, to: str, by: ActorRole, occasion: str, now_ms: int) -> Message:
    identity = _identity("reroute", entry.key, action, f"{to} {occasion}")
    assert entry.envelope is not None  # asked before
    command = RerouteCommand.model_validate(
        {
            "command": identity,
            "action": action,
            "from": entry.desk,
            "to": [to],
            "chain": entry.chain.split(",") if entry.chain else [],
            "by": by,
            "envelope": Envelope.model_validate_json(entry.envelope),
        }
    )
    return Message(topics.REROUTE, entry.report, identity, REROUTE, now_ms, serialise(command))


def is_command(identity: str) -> bool:
    """Whether a ledger made this identity of a command: an operator's has another form."""
    return _OURS.fullmatch(identity) is not None


_OURS: Final = re.compile(r"reroute-[0-9a-f]{40}")


def _identity(what: str, key: str, word: str, number: int | str) -> str:
    """At most 64 of a-z, 0-9 and hyphens; the same for the same said of the same entry."""
    return f"{what}-{sha256(f'{key} {word} {number}'.encode()).hexdigest()[:40]}"
