"""Whether the ledger says what the topics say: in tables and metrics, to partners and to the router. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.faults.ledger.harvest import Harvest
from tests.faults.ledger.reckoning import OPEN, WORKED, Account, Key, Reckoning

GAUGES: Final = {"waiting": "entries_waiting", "shelved": "entries_shelved", "in_hand": "entries_in_hand"}
OF_QUEUES: Final = ("opened", "amended", "repeated", "withdrawn", "looked", "forwarded")
KINDS: Final = ("entries", "history", "tallies", "counters", "metrics", "outcomes", "commands", "residue", "topics")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it must be. `kind` is one of KINDS."""

    kind: str
    at: str
    expected: object
    found: object


@dataclass(frozen=True, slots=True)
class Held:
    """What the ledger has at the end. `metrics`: (name, its labels' values in their order) → value."""

    entries: Mapping[Key, Mapping[str, Any]]
    places: Mapping[Key, list[int]]
    tallies: Mapping[tuple[str, str, str, int], int]
    counters: Mapping[tuple[str, str, str], int]
    rejected: Mapping[str, int]
    metrics: Mapping[tuple[str, ...], float]
    unsent: int


def judge(expected: Reckoning, harvest: Harvest, held: Held) -> list[Difference]:
    """Every difference; empty when all is well."""
    return [
        *_entries(expected, held),
        *_tallies(expected, held),
        *_counters(expected, held),
        *_metrics(expected, held),
        *_outcomes(expected, harvest),
        *_commands(expected, harvest),
        *_residue(harvest, held),
    ]


def _entries(expected: Reckoning, held: Held) -> Iterable[Difference]:
    for key in sorted(expected.accounts.keys() | held.entries.keys()):
        account, row = expected.accounts.get(key), held.entries.get(key)
        at = ":".join(key)
        if account is None or row is None:
            yield Difference("entries", at, account is not None, row is not None)
            continue
        wanted = _row(account)
        found = {name: row[name] for name in wanted}
        if found != wanted:
            apart = [name for name in wanted if wanted[name] != found[name]]
            yield Difference(
                "entries", at, {name: wanted[name] for name in apart}, {name: found[name] for name in apart}
            )
        if held.places.get(key, []) != expected.places[key]:
            yield Difference("history", at, expected.places[key], held.places.get(key, []))


def _row(account: Account) -> dict[str, Any]:
    wanted: dict[str, Any] = {
        "records": account.records,
        "events": account.events,
        "contested": account.contested,
        "looks": account.looks,
        "closings": len(account.closings),
        "forwards": len(account.forwards),
    }
    if account.met:
        wanted |= {
            "state": account.state,
            "lane": account.lane,
            "tenure": account.tenure,
            "revision": account.revision,
            "withdrawn": account.withdrawn,
            "chain": ",".join(account.chain),
            "arrived_ms": account.arrived_ms,
            "looked_ms": account.looked_ms,
            "taken_ms": account.taken_ms,
            "disposition": account.disposition,
            "unlooked": account.unlooked,
        }
    return wanted


def _tallies(expected: Reckoning, held: Held) -> Iterable[Difference]:
    kinds = {kind for kind, _, _, _ in expected.tallies} | {*OPEN, "closed", "forwarded", "withdrawn", "expired"}
    found: Counter[tuple[str, str, str, int]] = Counter()
    for (kind, desk, lane, slot), number in held.tallies.items():
        if kind in kinds:
            found[kind, desk, lane, 0 if kind == "orphan" else slot] += number
    yield from _apart("tallies", expected.tallies, found)
    yield from _apart("tallies", expected.rejected, held.rejected)


def _apart(kind: str, wanted: Mapping[Any, int], found: Mapping[Any, int]) -> Iterable[Difference]:
    for key in wanted.keys() | found.keys():
        if wanted.get(key, 0) != found.get(key, 0):
            yield Difference(kind, str(key), wanted.get(key, 0), found.get(key, 0))


def _counters(expected: Reckoning, held: Held) -> Iterable[Difference]:
    wanted, found = Counter(expected.counters), Counter(held.counters)
    found.subtract(_taken_back(held))
    desks = {desk for _, desk, _ in wanted}
    for desk in desks:
        # What came back makes steps possible that were contested before, or the other way round: which, depends on
        # when that was read.
        wanted.pop(("status", desk, "contested"), 0)
        least, most = expected.contested_least[desk], expected.contested_most[desk]
        contested, applied = found.pop(("status", desk, "contested"), 0), found.pop(("status", desk, "applied"), 0)
        if not least <= contested <= most:
            yield Difference("counters", f"contested {desk}", f"{least}..{most}", contested)
        found["status", desk, "counted"] = contested + applied
    names = {name for name, _, _ in wanted}
    yield from _apart("counters", wanted, {key: number for key, number in found.items() if key[0] in names})


def _taken_back(held: Held) -> Counter[tuple[str, str, str]]:
    """What was counted and then turned out not to have happened: a counter only grows."""
    return Counter(
        {
            (name.removesuffix("_back"), desk, code): number
            for (name, desk, code), number in held.counters.items()
            if name.endswith("_back")
        }
    )


def _metrics(expected: Reckoning, held: Held) -> Iterable[Difference]:
    """The gauges of what waits, the counters, and the last word of each desk, as a scrape gives them."""
    wanted: Counter[tuple[str, ...]] = Counter()
    for (state, desk, lane, _), number in expected.tallies.items():
        if state in GAUGES:
            wanted[f"referral_{GAUGES[state]}", desk, lane] += number
    for (name, desk, code), number in (expected.counters + _taken_back(held)).items():
        if name in OF_QUEUES:
            wanted[f"referral_{name}_total", desk] += number
        elif name == "closed":
            wanted["referral_closed_total", desk, code] += number
        elif name == "closed_unlooked":
            wanted["referral_closed_unlooked_total", desk] += number
        elif code not in ("counted", "contested"):
            wanted["referral_status_events_total", desk, code] += number
    for partner, number in expected.rejected.items():
        wanted["referral_rejected_not_resent", partner] += number
    found: Counter[tuple[str, ...]] = Counter()
    of_queues = {f"referral_{name}_total" for name in OF_QUEUES}
    names = {key[0] for key in wanted}
    for key, value in held.metrics.items():
        if key[0] in of_queues:
            found[key[:2]] += int(value)
        elif key[0] in names and key[2:] not in (("applied",), ("contested",)):
            found[key] += int(value)
    yield from _apart("metrics", wanted, found)
    for desk, at_ms in expected.heard.items():
        heard = held.metrics.get(("referral_desk_last_status_timestamp_seconds", desk), 0.0)
        if round(heard * 1000) != at_ms:
            yield Difference("metrics", f"last status of {desk}", at_ms, round(heard * 1000))
    if held.unsent:
        yield Difference("outcomes", "unsent", 0, held.unsent)


def _residue(harvest: Harvest, held: Held) -> Iterable[Difference]:
    """What the topics themselves are in doubt about is the router's doing, and the ledger must say so."""
    numbers: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
    for record in harvest.queued:
        numbers[record.desk, record.lane, record.source].append(record.count)
    wanted: Counter[tuple[str, str]] = Counter()
    for (desk, lane, source), counts in numbers.items():
        doubled, missing = len(counts) - len(set(counts)), max(counts) - len(set(counts))
        if doubled or missing:
            yield Difference("topics", f"{desk} {lane} {source}", "1, 2, 3 …", f"{doubled} twice, {missing} missing")
            wanted[desk, lane] += doubled + missing
    found = {
        (key[1], key[2]): int(value)
        for key, value in held.metrics.items()
        if key[0] == "referral_conservation_residue" and value
    }
    yield from _apart("residue", wanted, found)


def _outcomes(expected: Reckoning, harvest: Harvest) -> Iterable[Difference]:
    """Each coarse code is told at least once, never of what was not, and an identity tells one thing.

    Two looks in one transaction are told as one: of the identities there are at most as many as looks.
    """
    told: defaultdict[tuple[Key, str], set[str]] = defaultdict(set)
    means: dict[str, tuple[Key, str]] = {}
    for one in harvest.told:
        key = (one.partner, one.report, one.desk)
        if means.setdefault(one.identity, (key, one.word)) != (key, one.word):
            yield Difference("outcomes", one.identity, means[one.identity], (key, one.word))
        told[key, one.word].add(one.identity)
    for key, account in expected.accounts.items():
        for word, (least, most) in _words(account).items():
            number = len(told.pop((key, word), ()))
            if not least <= number <= most:
                yield Difference("outcomes", f"{':'.join(key)} {word}", f"{least}..{most}", number)
    for (key, word), identities in told.items():
        yield Difference("outcomes", f"{':'.join(key)} {word}", 0, len(identities))


def _words(account: Account) -> dict[str, tuple[int, int]]:
    """Each code of an entry: how many identities there are, at least and at most."""
    if not account.met:
        return {}
    acted = sum(disposition in WORKED for disposition, _ in account.closings)
    rest = len(account.closings) - acted
    last = account.disposition in WORKED
    closed = account.state == "closed"
    return {
        "looked": (min(1, account.looks), account.looks),
        "worked": (int(account.taken_ms is not None), account.tenure if account.ever_taken else 0),
        "closed_action": (int(closed and last), acted),
        "closed_no_action": (int(closed and not last), rest),
        "withdrawn": (int(account.state == "withdrawn"), account.revision),
    }


def _commands(expected: Reckoning, harvest: Harvest) -> Iterable[Difference]:
    """Each forwarding is carried out, each at most once; and each desk that is not named any more was told."""
    answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in harvest.answered:
        if one.command is not None:
            answers[one.command][one.outcome] += 1
    sent = Counter(command.identity for command in harvest.commanded)
    for identity, times in sent.items():
        done = sum(number for outcome, number in answers[identity].items() if outcome != "duplicate")
        if done != 1 or sum(answers[identity].values()) != times:
            yield Difference("commands", identity, f"1 of {times}", dict(answers[identity]))
    once: defaultdict[tuple[Key, str, str, int], set[str]] = defaultdict(set)
    for command in harvest.commanded:
        key = (command.partner, command.report, command.desk)
        once[key, command.action, command.to[0], command.revision].add(command.identity)
    for (key, action, to, revision), identities in once.items():
        account = expected.accounts.get(key, Account())
        most = account.forwards.count(to) if to != key[2] else account.tenure
        if len(identities) > most:
            at = f"{':'.join(key)} {action} {to} {revision}"
            yield Difference("commands", at, f"at most {most}", len(identities))
    yield from _arrived(expected, harvest)


def _arrived(expected: Reckoning, harvest: Harvest) -> Iterable[Difference]:
    amended: dict[tuple[str, str], tuple[int, tuple[str, ...]]] = {}
    for one in harvest.answered:
        if one.command is None and one.report is not None and one.outcome in ("amended", "withdrawn", "unroutable"):
            report = one.partner, one.report
            amended[report] = max((one.revision or 0, one.desks), amended.get(report, (0, ())))
    for key, account in expected.accounts.items():
        if not account.met:
            continue
        revision, desks = amended.get(key[:2], (0, ()))
        own = account.chain[:1] in ((), (key[2],))
        if revision > max(1, account.revision) and not account.withdrawn and own and key[2] not in desks:
            yield Difference("commands", ":".join(key), f"told of revision {revision}", f"has {account.revision}")
        if account.state == "forwarded" and account.forwarded_to is not None:
            other = expected.accounts.get((*key[:2], account.forwarded_to), Account())
            if not other.met or other.revision < account.revision:
                yield Difference("commands", ":".join(key), f"{account.forwarded_to} has it", other.revision)
