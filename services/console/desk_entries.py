"""What a desk's own topics say of each of its referrals: queue records and status events, folded. Pure.

The same fold as the ledger's (`schemas.lifecycle`), so that a desk sees what the ledger counts; a test holds the two
together. Whatever is read first, the result is the same. No envelope is kept: some 600 bytes an entry.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from pydantic import ValidationError
from pydantic_core import from_json

from policy.desks import Desk
from schemas.codes import EntryState, Lane, StatusType
from schemas.lifecycle import MAX_STEPS, STEPS, Course, Step, course
from schemas.records import MAX_DESKS, StatusEvent
from schemas.returns import Brought, newest, returns

Key = tuple[str, str]
"""Partner and report."""
Rank = tuple[int, int, bool]
"""Revision, stay, withdrawn: of two records of an entry the one of higher rank speaks."""

OPEN: Final = frozenset({EntryState.WAITING, EntryState.SHELVED, EntryState.IN_HAND})


@dataclass(slots=True)
class Came:
    """A queue record, as far as a desk's list shows it. Times are Unix ms."""

    key: Key
    lane: Lane
    rank: Rank
    received_ms: int
    chain: str
    roles: str
    reasons: str
    expires_ms: int | None
    captured_ms: int | None


class Said(NamedTuple):
    """A status event with its offset in the desk's topic, which is the order that counts."""

    place: int
    event: StatusEvent
    step: Step


@dataclass(slots=True)
class DeskEntry:
    """One referral at the desk. `arrived_ms` and `chain` are those of the newest stay."""

    key: Key
    said: list[Said] = field(default_factory=list)
    speaking: Came | None = None
    tenure: int = 1
    arrived_ms: int = 0
    brought: tuple[Brought, ...] = ()
    chain: str = ""

    @property
    def report(self) -> str:
        """The partner's number."""
        return self.key[1]

    @property
    def partner(self) -> str:
        """Whose number it is."""
        return self.key[0]

    def take(self, came: Came) -> None:
        """One more queue record."""
        if self.speaking is None or came.rank > self.speaking.rank:
            first, self.speaking = self.speaking is None, came
        else:
            first = False
        if came.chain and not came.rank[2]:
            brought = Brought(came.received_ms, came.rank[1], came.rank[0], came.chain.rpartition(",")[2])
            self.brought = newest([*self.brought, brought])
        tenure = came.rank[1]
        if first or tenure > self.tenure:
            self.tenure, self.arrived_ms, self.chain = tenure, came.received_ms, came.chain
        elif tenure == self.tenure:
            self.arrived_ms = min(self.arrived_ms, came.received_ms)
            self.chain = min(self.chain, came.chain, key=lambda chain: (len(chain), chain))

    def hear(self, said: Said) -> None:
        """One more status event; the same one again counts once."""
        if len(self.said) < MAX_STEPS and all(said.event != known.event for known in self.said):
            self.said.append(said)
            self.said.sort(key=lambda known: known.place)

    def expires_ms(self, desk: Desk) -> int:
        """When its term ends: the partner's or the desk's own, whichever is sooner."""
        own = self.arrived_ms + desk.keep_seconds * 1000
        theirs = None if self.speaking is None else self.speaking.expires_ms
        return own if theirs is None else min(own, theirs)

    def course(self, desk: Desk, now_ms: int, more: Iterable[Step] = ()) -> Course:
        """What the desk's own events make of it; `more`: and these after them."""
        steps = [known.step for known in self.said]
        back = returns(self.brought, addressed=self.chain.split(",")[0] in ("", desk.id))
        most = self.tenure - 1 if self.chain.count(",") + 2 >= MAX_DESKS else None
        if (ends_ms := self.expires_ms(desk)) <= now_ms:  # what is erased cannot be passed on any more
            before = [step for step in steps if step.at_ms <= ends_ms]
            most = course(before, self.tenure, most, back).forwards
        return course([*steps, *more], self.tenure, most, back)

    def state(self, desk: Desk, now_ms: int, found: Course | None = None) -> EntryState:
        """Where it stands. A desk's own end outlasts a withdrawal and the clock."""
        found = found or self.course(desk, now_ms)
        if found.state not in OPEN:
            return found.state
        if self.speaking is not None and self.speaking.rank[2]:
            return EntryState.WITHDRAWN
        return EntryState.EXPIRED if self.expires_ms(desk) <= now_ms else found.state


def refusal(entry: DeskEntry, step: Step, desk: Desk, now_ms: int, before: Iterable[Step] = ()) -> str | None:
    """Why this step would be contested after those before it: what the entry is, and what may follow. None: it may."""
    if len(entry.said) >= MAX_STEPS:
        return f"it has {MAX_STEPS} status events already, and no more count"
    present = entry.course(desk, now_ms, before)
    if entry.course(desk, now_ms, [*before, step]).contested == present.contested:
        return None
    state = entry.state(desk, now_ms, present)
    able = [event.value for event, leads in STEPS.items() if present.state in leads]
    if step.event is StatusType.FORWARDED and present.state in STEPS[step.event]:
        why = "its term is over" if state is EntryState.EXPIRED else f"{MAX_DESKS} desks have had it"
        return f"{state}, and {why}: it cannot be forwarded any more"
    follow = f"may follow: {', '.join(able)}" if able else "nothing may follow until it comes back"
    to = f" to {present.forwarded_to}" if present.forwarded_to else ""
    return f"it is {state}{to}; {step.event} cannot follow ({follow})"


class DeskEntries:
    """Every entry of one desk, by partner and report. `unreadable`: records that changed nothing."""

    def __init__(self, desk: Desk, partners: Iterable[str], desks: Iterable[str]) -> None:
        self.desk = desk
        self._partners, self._desks = frozenset(partners), frozenset(desks)
        self._entries: dict[Key, DeskEntry] = {}
        self._of_report: dict[str, list[Key]] = {}
        self.unreadable = 0

    def _entry(self, key: Key) -> DeskEntry:
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = DeskEntry(key)
            self._of_report.setdefault(key[1], []).append(key)
        return entry

    def take_record(self, lane: Lane, value: bytes | None, headers: Mapping[str, Any]) -> None:
        """A record of the desk's queue of this lane."""
        came = read_came(self.desk.id, lane, value, headers)
        if came is None:
            self.unreadable += 1
        else:
            self._entry(came.key).take(came)

    def take_status(self, value: bytes | None, at_ms: int, place: int) -> None:
        """A record of the desk's status topic; what the ledger would refuse is left out here too."""
        try:
            event = StatusEvent.model_validate_json(value or b"")
        except ValidationError:
            self.unreadable += 1
            return
        known = event.partner in self._partners and (event.to is None or event.to in self._desks)
        if event.desk != self.desk.id or not known:
            self.unreadable += 1
            return
        self._entry((event.partner, event.report)).hear(Said(place, event, step_of(event, at_ms)))

    def __iter__(self) -> Iterator[DeskEntry]:
        """Those of which a queue record is kept."""
        return (entry for entry in self._entries.values() if entry.speaking is not None)

    def find(self, report: str, partner: str | None = None) -> list[DeskEntry]:
        """Those of this number: more than one where two partners use it."""
        found = [self._entries[key] for key in self._of_report.get(report, ()) if partner in (None, key[0])]
        return [entry for entry in found if entry.speaking is not None]

    def worklist(self, now_ms: int, lane: Lane | None = None) -> list[DeskEntry]:
        """What nobody has looked at: the gravest lane first, the oldest first within it."""
        order = {known: number for number, known in enumerate(Lane)}
        waiting = [
            (order[entry.speaking.lane], entry.arrived_ms, entry.key, entry)
            for entry in self
            if entry.speaking is not None
            and lane in (None, entry.speaking.lane)
            and entry.state(self.desk, now_ms) is EntryState.WAITING
        ]
        return [entry for *_, entry in sorted(waiting, key=lambda found: found[:3])]


def step_of(event: StatusEvent, at_ms: int) -> Step:
    """What counts of an event that the broker took at this moment (Unix ms)."""
    return Step(event.event, event.role, at_ms, event.disposition, event.to)


def read_came(desk: str, lane: Lane, value: bytes | None, headers: Mapping[str, Any]) -> Came | None:
    """A queue record of this desk; None for what the router does not write."""
    try:
        partner, report, revision = headers["ce_id"].decode().split(":")
        envelope = from_json(value or b"")
        withdrawn = envelope["action"] == "withdraw"
        chain = headers["referral-chain"].decode() if "referral-chain" in headers else ""
        desks = chain.split(",") if chain else []
        if withdrawn and desks and desks[-1] == desk:  # it is about the stay it is in, and adds none
            del desks[-1]
        expires = envelope.get("expires_at")
        seen = [unix_ms(found["captured_at"]) for found in envelope.get("identifiers", ()) if found.get("captured_at")]
        return Came(
            (partner, report),
            lane,
            (int(revision), desks.count(desk) + 1, withdrawn),
            unix_ms(headers["referral-received"].decode()),
            ",".join(desks),
            headers["referral-roles"].decode(),
            headers["referral-reasons"].decode(),
            None if expires is None else unix_ms(expires),
            min(seen, default=None),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def unix_ms(text: str) -> int:
    """RFC 3339 with an offset as Unix milliseconds. ValueError for what is none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no offset")
    return round(moment.timestamp() * 1000)
