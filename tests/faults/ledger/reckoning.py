"""What a ledger must say, computed from the topics alone. Pure, plain, and of no part of `services.ledger`.

Everything at once and in no hurry: all queue records of an entry, all its events, then one fold. The table of what may
follow what is that of docs/ledger.md, written a second time.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from json import dumps, loads
from typing import Any, Final

SLOT_MS: Final = 3_600_000
MAX_EVENT_BYTES: Final = 4_096
MAX_EVENTS: Final = 256
OPEN: Final = ("waiting", "shelved", "in_hand")
WORKED: Final = frozenset({"prosecution", "indigo", "warning_letter", "victim_safeguarded", "merged"})
DISPOSITIONS: Final = WORKED | {
    "no_offence", "ip_not_resolvable", "insufficient_information", "outside_jurisdiction", "administrative",
}  # fmt: skip
ROLES: Final = frozenset({"triage", "investigator", "analyst", "supervisor", "prosecutor", "system"})
EVENTS: Final = frozenset({"looked", "shelved", "taken_up", "forwarded", "returned", "closed", "reopened"})
FIELDS: Final = frozenset({"partner", "report", "desk", "event", "role", "at"})

Key = tuple[str, str, str]
"""Partner, report and desk."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A queue record. `chain`: the desks before, as its header names them. `source`: topic/partition of its cause."""

    desk: str
    lane: str
    partner: str
    report: str
    revision: int
    withdrawn: bool
    chain: tuple[str, ...]
    received_ms: int
    source: str
    count: int

    @property
    def stay(self) -> tuple[tuple[str, ...], int]:
        """The desks before this stay, and the how-manieth stay it is: a desk's own withdrawal begins none."""
        chain = self.chain[:-1] if self.withdrawn and self.chain[-1:] == (self.desk,) else self.chain
        return chain, chain.count(self.desk) + 1

    @property
    def rank(self) -> tuple[int, int, bool]:
        """Of two records the one of higher rank speaks; two of one rank are a repeat."""
        return self.revision, self.stay[1], self.withdrawn


@dataclass(frozen=True, slots=True)
class Said:
    """A record of a desk's status topic, as it stands there; `at_ms` is the broker's."""

    desk: str
    place: int
    at_ms: int
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Answered:
    """A receipt. `command` where it is of a reroute command."""

    partner: str
    report: str | None
    revision: int | None
    outcome: str
    received_ms: int
    desks: tuple[str, ...]
    command: str | None


@dataclass(slots=True)
class Account:
    """One entry as it must be at the end; `met` False where only events speak of it."""

    met: bool = False
    state: str = ""
    lane: str = ""
    tenure: int = 1
    revision: int = 0
    withdrawn: bool = False
    chain: tuple[str, ...] = ()
    arrived_ms: int = 0
    records: int = 0
    events: int = 0
    looked_ms: int | None = None
    taken_ms: int | None = None
    forwarded_ms: int = 0
    closed_ms: int = 0
    forwarded_to: str | None = None
    disposition: str | None = None
    unlooked: bool = False
    looks: int = 0
    closings: list[tuple[str, bool]] = field(default_factory=list)
    forwards: list[str] = field(default_factory=list)
    contested: int = 0
    ever_taken: bool = False


@dataclass(slots=True)
class Reckoning:
    """All of it. `counters`: (name, desk, code) → number; `tallies`: (state, desk, lane, slot) → entries.

    `contested_least` and `contested_most`, by desk: what is contested depends on which returns were read by then, and
    the counter only grows, so that it may stand anywhere between.
    """

    accounts: dict[Key, Account] = field(default_factory=dict)
    counters: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    tallies: Counter[tuple[str, str, str, int]] = field(default_factory=Counter)
    contested_least: Counter[str] = field(default_factory=Counter)
    contested_most: Counter[str] = field(default_factory=Counter)
    heard: dict[str, int] = field(default_factory=dict)
    rejected: Counter[str] = field(default_factory=Counter)
    places: dict[Key, list[int]] = field(default_factory=dict)
    """Offsets of an entry's events that count, in their order: its history."""


def reckon(
    queued: Iterable[Queued], said: Iterable[Said], answered: Iterable[Answered], desks: Iterable[str],
    partners: Iterable[str],
) -> Reckoning:  # fmt: skip
    """The whole account."""
    found = Reckoning()
    records: defaultdict[Key, list[Queued]] = defaultdict(list)
    for record in queued:
        records[record.partner, record.report, record.desk].append(record)
    events = _events(found, said, frozenset(desks), frozenset(partners))
    for key in records.keys() | events.keys():
        found.accounts[key] = _account(found, key, records.get(key, []), events.get(key, []))
        found.places[key] = [event["place"] for event in events.get(key, [])]
    _reject(found, answered)
    return found


def _events(
    found: Reckoning, said: Iterable[Said], desks: frozenset[str], partners: frozenset[str]
) -> dict[Key, list[dict[str, Any]]]:
    """The events that count, by entry, in the order of their topic; the others are counted as what they are."""
    events: defaultdict[Key, list[dict[str, Any]]] = defaultdict(list)
    known: set[str] = set()
    for one in sorted(said, key=lambda one: (one.desk, one.place)):
        event = _readable(one, desks, partners)
        if isinstance(event, str):
            found.counters["status", one.desk, event] += 1
            continue
        found.heard[one.desk] = max(one.at_ms, found.heard.get(one.desk, 0))
        words = dumps(event, sort_keys=True)
        if words in known:
            found.counters["status", one.desk, "repeated"] += 1
            continue
        key = event["partner"], event["report"], one.desk
        if len(events[key]) >= MAX_EVENTS:
            found.counters["status", one.desk, "too_many"] += 1
            continue
        known.add(words)
        event |= {"at_ms": one.at_ms, "place": one.place}
        events[key].append(event)
    return events


def _readable(one: Said, desks: frozenset[str], partners: frozenset[str]) -> dict[str, Any] | str:
    """The event, or why there is none."""
    if one.value is None:
        return "null_value"
    if len(one.value) > MAX_EVENT_BYTES:
        return "oversize"
    try:
        event = loads(one.value)
    except ValueError:
        return "unreadable"
    more = {"forwarded": {"to"}, "closed": {"disposition"}}
    if not isinstance(event, dict) or event.keys() != FIELDS | more.get(event.get("event", ""), set()):
        return "unreadable"
    if event["event"] not in EVENTS or event["role"] not in ROLES:
        return "unreadable"
    if event.get("disposition", "merged") not in DISPOSITIONS or event.get("to") == event["desk"]:
        return "unreadable"
    if event["desk"] != one.desk:
        return "foreign_desk"
    if event["partner"] not in partners:
        return "unknown_partner"
    return event if event.get("to", one.desk) in desks else "unknown_desk"


def _account(found: Reckoning, key: Key, records: Sequence[Queued], events: Sequence[dict[str, Any]]) -> Account:
    desk = key[2]
    account = Account(met=bool(records), records=len(records), events=len(events))
    back: list[tuple[int, int]] = []
    if records:
        speaks = max(records, key=lambda record: record.rank)
        account.lane, account.revision, account.withdrawn = speaks.lane, speaks.revision, speaks.withdrawn
        account.tenure = max(record.stay[1] for record in records)
        newest = [record for record in records if record.stay[1] == account.tenure]
        account.arrived_ms = min(record.received_ms for record in newest)
        account.chain = min((record.stay[0] for record in newest), key=lambda chain: (len(",".join(chain)), chain))
        back = _returns(records, addressed=account.chain[:1] in ((), (desk,)))
    follow(account, events, account.tenure, back)
    contested = [account.contested]
    for known, tenure in [(0, 1), *((number, account.tenure) for number in range(len(back)))]:
        before = Account()
        follow(before, events, tenure, back[:known])
        contested.append(before.contested)
    found.contested_least[desk] += min(contested)
    found.contested_most[desk] += max(contested)
    if account.met and account.withdrawn and account.state in OPEN:
        account.state = "withdrawn"
    _count(found, desk, account, records)
    return account


def _returns(records: Sequence[Queued], *, addressed: bool) -> list[tuple[int, int]]:
    """When it was brought back here, and in which stay by its chain.

    To a desk that the report does not name the first record only brought it, and a revision after another from the same
    desk, in the same stay, is its amendment.
    """
    rerouted = [record for record in records if record.stay[0] and not record.withdrawn]
    rerouted.sort(key=lambda record: record.received_ms)
    found: list[tuple[int, int]] = []
    revisions: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for record in rerouted:
        chain, stay = record.stay
        is_first = record.received_ms == rerouted[0].received_ms
        is_amendment = record.revision > min(revisions[chain[-1], stay], default=record.revision)
        if addressed or not (is_first or is_amendment):
            found.append((record.received_ms, stay))
        revisions[chain[-1], stay].append(record.revision)
    return found


def follow(account: Account, events: Iterable[dict[str, Any]], tenure: int, back: Sequence[tuple[int, int]]) -> None:
    """What the desk's events make of it, in their order. `back`: when it was brought back here.

    After a forwarding the next stay has whatever follows; after a closing only what follows its return, since a desk
    may open again by itself what it has closed. `tenure`: how many stays chains tell of.
    """
    state, stay = "waiting", 1
    for event in [*events, None]:
        begun = 0
        if state == "forwarded" and (stay < tenure or any(ms > account.forwarded_ms for ms, _ in back)):
            begun = stay + (stay < tenure)
        elif state == "closed":
            until = float("inf") if event is None else event["at_ms"]
            begun = max((max(stay, its) for ms, its in back if account.closed_ms < ms <= until), default=0)
        if begun:
            state, stay = "waiting", begun
            account.looked_ms = account.taken_ms = account.forwarded_to = None
        if event is not None:
            state = _step(account, state, event)
    account.state = state
    if state != "closed":
        account.disposition, account.unlooked = None, False


def _step(account: Account, state: str, event: dict[str, Any]) -> str:
    """The state after one event. It changes nothing where it can not follow."""
    name, at_ms = event["event"], event["at_ms"]
    wants = {"returned": ("in_hand",), "reopened": ("closed",)}.get(name, OPEN)
    if state not in wants:
        account.contested += 1
        return state
    human = event["role"] != "system"
    if human and (name in ("looked", "shelved", "taken_up") or event.get("disposition") in WORKED):
        account.looks += account.looked_ms is None
        account.looked_ms = at_ms if account.looked_ms is None else account.looked_ms
    seen = account.looked_ms is not None
    if name == "closed":
        account.closings.append((event["disposition"], not seen))
        account.disposition, account.unlooked, account.closed_ms = event["disposition"], not seen, at_ms
        return "closed"
    if name == "forwarded":
        account.forwards.append(event["to"])
        account.forwarded_to, account.forwarded_ms = event["to"], at_ms
        return "forwarded"
    if not seen:
        return "waiting"
    if name == "taken_up" or (name == "looked" and state == "in_hand"):
        account.taken_ms = at_ms if account.taken_ms is None else account.taken_ms
        account.ever_taken = True
        return "in_hand"
    return "shelved"


def _count(found: Reckoning, desk: str, account: Account, records: Sequence[Queued]) -> None:
    counters = found.counters
    counters["status", desk, "counted"] += account.events
    counters["status", desk, "contested"] += account.contested
    if not account.met:
        found.tallies["orphan", desk, "", 0] += 1
        return
    slot = account.arrived_ms // SLOT_MS * SLOT_MS if account.state in OPEN else 0
    found.tallies[account.state, desk, account.lane, slot] += 1
    ranks = {record.rank for record in records}
    opened = len({tenure for _, tenure, _ in ranks})
    for name, number in (
        ("opened", opened),
        ("amended", len(ranks) - opened),
        ("repeated", len(records) - len(ranks)),
        ("withdrawn", sum(withdrawn for _, _, withdrawn in ranks)),
        ("looked", account.looks),
        ("forwarded", len(account.forwards)),
        ("closed_unlooked", sum(unlooked for _, unlooked in account.closings)),
    ):
        counters[name, desk, ""] += number
    for disposition, _ in account.closings:
        counters["closed", desk, disposition] += 1


def _reject(found: Reckoning, answered: Iterable[Answered]) -> None:
    """Reports whose last word from the partner was rejected."""
    rejected: dict[tuple[str, str], int] = {}
    accepted: dict[tuple[str, str], int] = {}
    for one in answered:
        if one.report is None or one.command is not None or one.outcome == "duplicate":
            continue
        last = rejected if one.outcome == "rejected" else accepted
        report = one.partner, one.report
        last[report] = max(one.received_ms, last.get(report, 0))
    for report, at_ms in rejected.items():
        found.rejected[report[0]] += at_ms >= accepted.get(report, 0)
