"""One referral at one desk: what it is, after all that was said about it. Pure, and the same in any order of reading.

Two parts that do not wait for each other: what the queue records say (`absorb`), and what the desk's status events
say (`settle`). The state is made of both, and of what the clock did.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schemas.codes import Disposition, EntryState, Lane
from schemas.lifecycle import Course, Refusals, Step, course, never
from schemas.records import MAX_DESKS
from schemas.returns import NO_RETURNS, Brought, Returns, newest, returns
from services.ledger.ranks import Rank, parsed, remembered, written
from services.ledger.reading import partner_term_ms
from services.ledger.values import Arrival

UNMET: Final = ""
"""The state of an entry that so far only status events speak of. It is in no count of entries."""


class Meaning(StrEnum):
    """What a queue record is to its entry: each record is one of these. The counter's name."""

    OPENED = "opened"
    AMENDED = "amended"
    REPEATED = "repeated"


@dataclass(slots=True)
class Entry:
    """A row of the ledger. Times are Unix ms, None where it has not happened.

    `chain`: the desks that had it before this stay. `brought`: when reroutes brought it here, each as moment, stay,
    revision and desk. `records` counts its queue records; `ranks` names theirs when there is more than one, and when
    each came first: so that repeats can be told, and when every stay began. `events` counts its status events.
    `passed`: the rank last passed on, and in which forwarding. `missed`: the time to look passed without a look.
    """

    key: str
    partner: str
    report: str
    desk: str
    lane: Lane
    state: str = UNMET
    tenure: int = 1
    revision: int = 0
    withdrawn: bool = False
    arrived_ms: int = 0
    expires_ms: int | None = None
    captured_ms: int | None = None
    chain: str = ""
    brought: str = ""
    roles: str = ""
    reasons: str = ""
    envelope: bytes | None = None
    records: int = 0
    ranks: str = ""
    events: int = 0
    looked_ms: int | None = None
    taken_ms: int | None = None
    closed_ms: int | None = None
    disposition: Disposition | None = None
    unlooked: bool = False
    forwarded_to: str | None = None
    looks: int = 0
    closings: int = 0
    forwards: int = 0
    contested: int = 0
    passed: str = ""
    missed: bool = False
    expired_ms: int | None = None
    id: int | None = None

    @property
    def met(self) -> bool:
        """Whether a queue record of it was read."""
        return self.records > 0

    @property
    def returns(self) -> Returns:
        """When it came back here."""
        if not self.brought:
            return NO_RETURNS
        return returns(_brought(self.brought), addressed=self.chain.split(",")[0] in ("", self.desk))

    @property
    def most_forwards(self) -> int | None:
        """How often it can have been forwarded in all; None where nothing stands against once more.

        What is erased can not be passed on any more, but what was passed on stays so.
        """
        return self.forwards if self.met and self.envelope is None else None

    @property
    def last_stay(self) -> int | None:
        """The stay in which its chain can name no more desks, so that only those before can have ended elsewhere."""
        return self.tenure if self.met and self.chain.count(",") + 2 >= MAX_DESKS else None


def opened(arrival: Arrival) -> Entry:
    """The entry that a first queue record makes."""
    return Entry(
        arrival.key,
        arrival.partner,
        arrival.report,
        arrival.desk,
        arrival.lane,
        EntryState.WITHDRAWN if arrival.withdrawn else EntryState.WAITING,
        arrival.tenure,
        arrival.revision,
        arrival.withdrawn,
        arrival.received_ms,
        arrival.expires_ms,
        arrival.captured_ms,
        arrival.chain,
        _bringing(arrival),
        arrival.roles,
        arrival.reasons,
        arrival.envelope,
        1,
    )


def unmet(key: str, partner: str, report: str, desk: str) -> Entry:
    """The entry of a status event whose queue record was not read yet. The lane is nobody's knowledge."""
    return Entry(key, partner, report, desk, Lane.ROUTINE)


def absorb(entry: Entry, arrival: Arrival) -> Meaning:
    """Take in one more queue record: what it is to the entry. The entry's term is then the partner's alone.

    Its term, and then `settle`, have to follow: nothing here looks at the clock or at what the desk said.
    """
    ranks, rank = _ranks(entry), arrival.rank
    meaning = _meaning(ranks, rank)
    if not entry.met or rank > max(ranks):
        _take_over(entry, arrival)
    elif entry.envelope is not None:  # else it is erased, and only what speaks for it can make its term longer
        entry.expires_ms = partner_term_ms(entry.envelope)
    _stay(entry, arrival)
    entry.records += 1
    ranks[rank] = min(arrival.received_ms, ranks.get(rank, arrival.received_ms))
    if entry.records > 1:
        entry.ranks = " ".join(f"{written(one)}@{at_ms}" for one, at_ms in remembered(ranks))
    return meaning


def _meaning(ranks: Collection[Rank], rank: Rank) -> Meaning:
    """One record opens each stay, whichever is read first; the others amend, or say what was said before.

    A repeat of what is forgotten is taken for an amendment.
    """
    if rank in ranks:
        return Meaning.REPEATED
    return Meaning.AMENDED if any(other[1] == rank[1] for other in ranks) else Meaning.OPENED


def stays(entry: Entry) -> Iterable[int]:
    """When each stay of it here began (broker's time, Unix ms)."""
    if not entry.ranks:
        return (entry.arrived_ms,) if entry.met else ()
    began: dict[int, int] = {}
    for (_, tenure, _), at_ms in _ranks(entry).items():
        began[tenure] = min(at_ms, began.get(tenure, at_ms))
    return began.values()


def course_of(entry: Entry, steps: Sequence[Step], is_refused: Refusals = never) -> Course:
    """What its status events say, in the order of their topic, of the entry as its queue records have it.

    `is_refused`: which forwardings the router has refused.
    """
    return course(
        steps,
        entry.tenure,
        entry.most_forwards,
        entry.returns,
        last_stay=entry.last_stay,
        is_refused=is_refused,
    )


def settle(entry: Entry, steps: Sequence[Step], target_ms: int, now_ms: int, is_refused: Refusals = never) -> Course:
    """Make of the entry what its status events say, in the order of their topic. `target_ms`: by when to look."""
    found = course_of(entry, steps, is_refused)
    entry.events = len(steps)
    entry.looked_ms, entry.taken_ms = found.looked_ms, found.taken_ms
    entry.closed_ms, entry.disposition, entry.unlooked = found.closed_ms, found.disposition, found.unlooked
    if None not in (entry.forwarded_to, found.forwarded_to) and entry.forwarded_to != found.forwarded_to:
        entry.passed = ""  # what was read later has it forwarded elsewhere
    entry.forwarded_to = found.forwarded_to
    entry.looks, entry.closings, entry.forwards = found.looks, len(found.closings), found.forwards
    entry.contested = found.contested
    entry.state = _state(entry, found)
    if entry.met:
        entry.missed = _missed(entry, found, entry.arrived_ms + target_ms, now_ms)
    return found


def _missed(entry: Entry, found: Course, due_ms: int, now_ms: int) -> bool:
    """Whether the time to look passed: told by the desk's act, else by the sweep, for as long as it is still so."""
    acts = (found.looked_ms, found.closed_ms, found.forwarded_ms)
    acted_ms = next((at_ms for at_ms in acts if at_ms is not None), None)
    if acted_ms is not None:
        return acted_ms > due_ms
    return entry.missed and now_ms > due_ms


def renew(entry: Entry, now_ms: int) -> None:
    """After a record for an entry that was erased: it lives again where its term is longer now, else it stays erased.

    So a longer term that is read after the sweep does what it would have done before it.
    """
    if entry.expired_ms is None:
        return
    if entry.expires_ms is not None and entry.expires_ms > now_ms:
        entry.expired_ms = None
    else:
        _erase_content(entry)


def erase(entry: Entry, now_ms: int) -> None:
    """Its term is over: what it holds is erased; where the desk had not ended it, that is its end."""
    entry.expired_ms = now_ms
    _erase_content(entry)
    if entry.state in _IN_THE_DESKS_HANDS:
        entry.state = EntryState.EXPIRED


def _erase_content(entry: Entry) -> None:
    entry.envelope, entry.reasons, entry.roles, entry.captured_ms = None, "", "", None


_IN_THE_DESKS_HANDS: Final = frozenset({EntryState.WAITING, EntryState.SHELVED, EntryState.IN_HAND})


def _state(entry: Entry, found: Course) -> str:
    """A desk's own end outlasts a withdrawal and the clock, in either order."""
    if not entry.met:
        return UNMET
    if found.state in (EntryState.CLOSED, EntryState.FORWARDED):
        return found.state
    if entry.withdrawn:
        return EntryState.WITHDRAWN
    if entry.expired_ms is not None:
        return EntryState.EXPIRED
    return found.state


def _take_over(entry: Entry, arrival: Arrival) -> None:
    """This record speaks for the entry now."""
    entry.lane, entry.revision, entry.withdrawn = arrival.lane, arrival.revision, arrival.withdrawn
    entry.expires_ms, entry.envelope = arrival.expires_ms, arrival.envelope
    entry.roles, entry.reasons, entry.captured_ms = arrival.roles, arrival.reasons, arrival.captured_ms


def _stay(entry: Entry, arrival: Arrival) -> None:
    """How it came here, and when, is of the newest stay, whichever record speaks: an amendment knows no chain.

    Of two ways that led here at once the shorter one is kept, whatever was read first.
    """
    if bringing := _bringing(arrival):
        found = newest([*_brought(entry.brought), *_brought(bringing)])
        entry.brought = " ".join("/".join(map(str, one)) for one in found)
    if not entry.met or arrival.tenure > entry.tenure:
        entry.tenure, entry.arrived_ms, entry.chain = arrival.tenure, arrival.received_ms, arrival.chain
        entry.missed = False
    elif arrival.tenure == entry.tenure:
        entry.arrived_ms = min(entry.arrived_ms, arrival.received_ms)
        entry.chain = min(entry.chain, arrival.chain, key=lambda chain: (len(chain), chain))


def _bringing(arrival: Arrival) -> str:
    if not arrival.chain or arrival.withdrawn:
        return ""
    return f"{arrival.received_ms}/{arrival.tenure}/{arrival.revision}/{arrival.chain.rpartition(',')[2]}"


def _brought(text: str) -> Iterable[Brought]:
    for one in text.split():
        at_ms, tenure, revision, sender = one.split("/")
        yield Brought(int(at_ms), int(tenure), int(revision), sender)


def rank_of(entry: Entry) -> str:
    """What it is now, as far as its queue records say: the revision that speaks, in which stay."""
    return written((entry.revision, entry.tenure, entry.withdrawn))


def _ranks(entry: Entry) -> dict[Rank, int]:
    """The ranks of its records, and when the first of each came (Unix ms)."""
    if not entry.met:
        return {}
    if not entry.ranks:
        return {(entry.revision, entry.tenure, entry.withdrawn): entry.arrived_ms}
    found = ((parsed(rank), at_ms) for rank, _, at_ms in (one.partition("@") for one in entry.ranks.split(" ")))
    return {rank: int(at_ms or _unsaid_ms(entry, rank)) for rank, at_ms in found}


def _unsaid_ms(entry: Entry, rank: Rank) -> int:
    """Of a rank that was written down without its time, by a version before: the stay's, 0 for one that is over."""
    return entry.arrived_ms if rank[1] == entry.tenure else 0
