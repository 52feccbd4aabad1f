"""Any interleaving of the same topics, cut into transactions anywhere, gives the same entries and the same counts.

The world: two partners, three desks, a few reports with revisions, withdrawals, forwards, returns, repeats and
nonsense. Each topic keeps its own order; between topics there is none.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codes import Disposition, EntryState, Lane, Outcome, RerouteAction
from schemas.records import RerouteCommand
from services.ledger.entry import Entry, rank_of
from services.ledger.history import ARRIVED, CLOSED, LOOKED
from services.ledger.known import Placed
from services.ledger.saying import is_unnamed
from services.ledger.streams import NONE, checkpoint, disagreements, residue
from services.ledger.tally import MAY_BE_TAKEN_BACK, TAKEN_BACK
from services.ledger.values import Arrival, Receipted
from tests.samples import NOW_MS
from tests.unit.ledger_world import DAY_MS, LATE_MS, REROUTED, Ledger, Value, arrival, receipt, status

DESKS = ("nl", "de", "nl-oost")
PARTNERS = ("ncmec", "inhope-nl")
REPORTS = ("R-1",)
SENT = ("new", "amend", "amend", "amend", "withdraw")
EVENTS = ("looked", "shelved", "taken_up", "returned", "closed", "reopened", "forwarded")

desks = st.sets(st.sampled_from(DESKS), min_size=1).map(sorted)
lanes = st.sampled_from(Lane)
reports = st.tuples(st.sampled_from(PARTNERS), st.sampled_from(REPORTS))
pairs = st.tuples(st.sampled_from(DESKS), st.sampled_from(DESKS)).filter(lambda pair: pair[0] != pair[1])
sends = st.tuples(st.just("send"), reports, st.sampled_from(SENT), desks, lanes, st.sampled_from([None, 20, 600]))
rejections = st.tuples(st.just("reject"), reports)
duplicates = st.tuples(st.just("duplicate"), reports)
doubles = st.tuples(st.just("double"), st.sampled_from(DESKS), lanes)
whom = st.one_of(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), reports)
"""Whose entry a status event is about: the how-manieth that a desk has, or any."""
statuses = st.tuples(
    st.just("status"),
    whom,
    pairs,
    st.sampled_from(EVENTS),
    st.sampled_from(["triage", "system"]),
    st.sampled_from([Disposition.PROSECUTION, Disposition.ADMINISTRATIVE]),
)
forwards = st.tuples(st.just("status"), whom, pairs, st.just("forwarded"), st.just("triage"), st.just(None))
backs = st.tuples(st.just("back"), st.integers(0, 5))
again = st.tuples(st.just("again"), st.sampled_from(DESKS))
refusals = st.tuples(st.just("refuse"))
by_hand = st.tuples(
    st.just("by_hand"), st.integers(0, 9), st.sampled_from(DESKS), st.sampled_from(["forward", "withdraw"])
)
returns = st.tuples(
    st.just("come_back"),
    st.integers(0, 9),
    st.sampled_from(DESKS),
    st.sampled_from(["closed", "closed", "forwarded"]),
    st.lists(st.sampled_from(["desk", "operator", "withdrawn"]), min_size=1, max_size=3),
)
"""A desk is done with an entry, and then it comes back: by another desk, by the operator's hand; or is withdrawn."""
happenings = st.one_of(
    *[sends] * 2,
    *[statuses] * 4,
    *[forwards] * 2,
    *[backs] * 2,
    *[returns] * 2,
    by_hand,
    rejections,
    duplicates,
    doubles,
    again,
    refusals,
)
plans = st.builds(lambda send, others: [send, *others], sends, st.lists(happenings, min_size=4, max_size=25))


@dataclass
class World:
    """What the router and the desks wrote, each topic in its order."""

    topics: dict[str, list[Value]] = field(default_factory=dict)
    now_ms: int = NOW_MS
    revisions: Counter[tuple[str, str]] = field(default_factory=Counter)
    numbers: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    offsets: Counter[str] = field(default_factory=Counter)
    held: dict[tuple[str, str, str], tuple[str, dict[str, Any], Lane]] = field(default_factory=dict)
    """(partner, report, desk) → chain, envelope and lane of what the desk has now, as far as the router knows."""
    ledger: Ledger = field(default_factory=lambda: Ledger(now_ms=NOW_MS))
    """The one that was there while it happened, and said the commands."""
    ever: set[tuple[str, str, str]] = field(default_factory=set)
    """Whatever desk had whatever, in `held` or not any more."""
    sent: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """(partner, report) → its newest revision."""
    lanes: dict[tuple[str, str, int], Lane] = field(default_factory=dict)
    """(partner, report, revision) → lane: what is of one rank says one thing."""
    heard: int = 0
    refusing: bool = False

    def add(self, topic: str, value: Value) -> None:
        self.topics.setdefault(topic, []).append(value)
        self.ledger.apply(value)

    def commands(self) -> list[RerouteCommand]:
        """The forwardings that the ledger has said since."""
        said = [RerouteCommand.model_validate_json(message.value) for message in self.ledger.commands()]
        found, self.heard = said[self.heard :], len(said)
        return [command for command in found if command.action is RerouteAction.FORWARD]

    def refuse(self) -> None:
        """From now on the router refuses commands, or does not any more."""
        self.refusing = not self.refusing

    def turn_down(self, command: RerouteCommand) -> None:
        """The router refuses a command."""
        self.now_ms += 60_000
        envelope = command.envelope
        mark = {"command": command.command, "from": command.from_desk, "chain": [*command.chain, command.from_desk]}
        found = receipt(
            Outcome.REJECTED,
            [],
            self.now_ms,
            partner=envelope.partner,
            report=envelope.report,
            revision=envelope.revision,
            offset=self.offset(REROUTED),
            reroute=mark,
        )
        self.add(f"receipt {envelope.partner}", found)

    def happen(self, plan: tuple[Any, ...]) -> None:
        self.now_ms += 3_600_000
        getattr(self, plan[0])(*plan[1:])

    def queue(self, desk: str, lane: Lane, source: str, offset: int, chain: str, **changes: Any) -> None:
        self.numbers[desk, lane, source] += 1
        count = self.numbers[desk, lane, source]
        found = arrival(desk, lane, self.now_ms, source=source, offset=offset, count=count, chain=chain, **changes)
        self.ever.add((found.partner, found.report, desk))
        self.add(f"queue {desk} {lane}", found)

    def send(self, report: tuple[str, str], action: str, goals: Sequence[str], lane: Lane, days: int | None) -> None:
        partner, name = report
        self.revisions[report] += 1
        revision = self.revisions[report]
        action = "new" if revision == 1 and action == "amend" else action
        outcome = {"new": Outcome.ROUTED, "amend": Outcome.AMENDED, "withdraw": Outcome.WITHDRAWN}[action]
        expires = None if days is None else f"20{26 if days < 100 else 28}-12-{days % 28 + 1:02d}T00:00:00Z"
        changes: dict[str, Any] = {
            "partner": partner,
            "report": name,
            "revision": revision,
            "action": action,
            "expires_at": expires,
        }
        self.sent[report], self.lanes[partner, name, revision] = changes, lane
        source = f"referral.ingress.{partner}.v1/0"
        offset = self.offset(source)
        for desk in goals:
            self.queue(desk, lane, source, offset, "", **changes)
            if (partner, name, desk) not in self.held:
                self.held[partner, name, desk] = ("", changes, lane)
        self.answer(partner, outcome, goals, name, revision, lane, offset)
        for command in self.commands():
            if self.refusing:
                self.turn_down(command)
            else:  # an amendment that is passed on
                self.bring(command.to[0], [*command.chain, command.from_desk], _changes(command), command.command)

    def answer(
        self, partner: str, outcome: Outcome, goals: Sequence[str], report: str, revision: int, lane: Lane, offset: int
    ) -> None:
        found = receipt(
            outcome,
            goals,
            self.now_ms,
            partner=partner,
            report=report,
            revision=revision,
            lane=lane,
            offset=offset,
        )
        self.add(f"receipt {partner}", found)

    def offset(self, source: str) -> int:
        self.offsets[source] += 1
        return self.offsets[source]

    def reject(self, report: tuple[str, str]) -> None:
        """In the partition of its report: a rejection in another one is a case of its own (test_ledger_batch)."""
        offset = self.offset(f"referral.ingress.{report[0]}.v1/0")
        self.answer(report[0], Outcome.REJECTED, [], report[1], 1, Lane.ROUTINE, offset)

    def duplicate(self, report: tuple[str, str]) -> None:
        offset = self.offset(f"referral.ingress.{report[0]}.v1/0")
        self.answer(report[0], Outcome.DUPLICATE, [], report[1], 1, Lane.ROUTINE, offset)

    def status(
        self,
        whom: int | tuple[str, str],
        pair: tuple[str, str],
        event: str,
        role: str,
        disposition: str | None,
    ) -> None:
        desk, to = pair
        if isinstance(whom, int):
            if not self.held:
                return
            partner, name, desk = sorted(self.held)[whom % len(self.held)]
            if to == desk:  # back to where it came from, or on
                to = self.held[partner, name, desk][0].split(",")[-1] or pair[0]
        else:
            partner, name = whom
        fields: dict[str, Any] = {}
        if event == "forwarded":
            fields = {"to": to}
        elif event == "closed":
            fields = {"disposition": disposition}
        topic = f"status {desk}"
        self.commands()
        place = len(self.topics.get(topic, ()))
        self.add(
            topic,
            status(event, desk, self.now_ms, place=place, role=role, partner=partner, report=name, **fields),
        )
        said = [command for command in self.commands() if command.from_desk == desk]
        if event == "forwarded" and self.refusing and said:
            self.turn_down(said[-1])
        elif event == "forwarded" and (said or (partner, name, desk) in self.held):
            self.carry(partner, name, desk, to, said[-1] if said else None)

    def back(self, number: int) -> None:
        """A desk sends back what was forwarded to it."""
        passed = sorted(key for key, (chain, _, _) in self.held.items() if chain)
        if passed:
            partner, name, desk = passed[number % len(passed)]
            to = self.held[partner, name, desk][0].split(",")[-1]
            self.status((partner, name), (desk, to), "forwarded", "analyst", None)

    def come_back(self, number: int, other: str, end: str, ways: Sequence[str]) -> None:
        """A desk closes or forwards; then another one, or the operator, brings it back, or withdraws it."""
        if not self.ever:
            return
        partner, name, desk = sorted(self.ever)[number % len(self.ever)]
        if other == desk:
            other = DESKS[(DESKS.index(desk) + 1) % len(DESKS)]
        for way in ways:
            self.status((partner, name), (desk, other), end, "triage", Disposition.ADMINISTRATIVE)
            self.now_ms += 60_000
            if way == "desk":
                self.status((partner, name), (other, desk), "forwarded", "analyst", None)
            else:
                self.by_hand(number, other, "withdraw" if way == "withdrawn" else "forward")

    def by_hand(self, number: int, other: str, action: str) -> None:
        """The operator reroutes what a desk has or had to it, as from another desk."""
        if not self.ever:
            return
        partner, name, desk = sorted(self.ever)[number % len(self.ever)]
        if other != desk:
            changes = self.sent[partner, name]
            self.bring(desk, [other], {**changes, **({"action": action} if action == "withdraw" else {})}, None)

    def carry(self, partner: str, name: str, desk: str, to: str, command: RerouteCommand | None) -> None:
        """The router carries the forwarding out; also one that no ledger said."""
        before, changes, lane = self.held.pop((partner, name, desk), ("", {}, Lane.ROUTINE))
        chain = [*(before.split(",") if before else []), desk]
        if command is not None:
            chain, changes = [*command.chain, desk], _changes(command)
        self.bring(to, chain, changes, command.command if command else None)
        self.held[partner, name, to] = (",".join(chain), changes, lane)

    def bring(self, to: str, chain: list[str], changes: dict[str, Any], command: str | None) -> None:
        """The router writes what a command says, and its receipt."""
        self.now_ms += 60_000
        lane = self.lanes[changes["partner"], changes["report"], changes["revision"]]
        offset = self.offset(REROUTED)
        self.queue(to, lane, REROUTED, offset, ",".join(chain), **changes)
        mark = {"command": command or f"c-{offset}", "from": chain[-1], "chain": chain}
        found = receipt(
            Outcome.ROUTED,
            [to],
            self.now_ms,
            partner=changes["partner"],
            report=changes["report"],
            lane=lane,
            offset=offset,
            reroute=mark,
        )
        self.add(f"receipt {changes['partner']}", found)

    def double(self, desk: str, lane: Lane) -> None:
        """What may not happen: a queue record stands twice."""
        if there := self.topics.get(f"queue {desk} {lane}"):
            there.append(there[-1])

    def again(self, desk: str) -> None:
        """A desk says the same twice."""
        if there := self.topics.get(f"status {desk}"):
            last = there[-1]
            assert isinstance(last, Placed)
            there.append(Placed(last.reported, len(there)))


def _changes(command: RerouteCommand) -> dict[str, Any]:
    found = command.envelope.model_dump(mode="json")
    return {name: found.get(name) for name in ("partner", "report", "revision", "action", "expires_at")}


def world_of(plan: Sequence[tuple[Any, ...]]) -> World:
    world = World()
    for happening in plan:
        world.happen(happening)
    return world


def interleaved(topics: dict[str, list[Value]], random: Random) -> list[list[Value]]:
    """Transactions: any merge of the topics, cut anywhere."""
    left = {topic: list(reversed(values)) for topic, values in topics.items()}
    order = [topic for topic, values in topics.items() for _ in values]
    random.shuffle(order)
    batches: list[list[Value]] = [[]]
    most = random.choice([1, 2, 5, 100])
    for topic in order:
        batches[-1].append(left[topic].pop())
        if random.randrange(most) == 0:
            batches.append([])
    return [batch for batch in batches if batch]


def read(batches: Sequence[Sequence[Value]]) -> Ledger:
    ledger = Ledger(now_ms=NOW_MS)
    done: list[Value] = []
    for batch in batches:
        ledger.apply(*batch)
        done += batch
        assert_adds_up(ledger, done)
    for now_ms in (NOW_MS + 60 * DAY_MS, LATE_MS):
        ledger.sweep(now_ms)
        assert_adds_up(ledger, done)
    return ledger


def assert_adds_up(ledger: Ledger, done: Sequence[Value]) -> None:
    """Conservation: nothing that was read is in no count, or in two."""
    arrivals = [value for value in done if isinstance(value, Arrival)]
    events = [value for value in done if isinstance(value, Placed)]
    assert ledger.tallies == ledger.recounted()
    assert ledger.history == ledger.retold()
    assert min(ledger.history.values(), default=1) > 0
    assert min(ledger.counters.values(), default=0) >= 0, "a counter fell"
    sums: Counter[str] = Counter()
    for (name, _, _), number in counted(ledger).items():
        sums[name] += number
    for what, counter in ((ARRIVED, "opened"), (LOOKED, "looked"), (CLOSED, "closed")):
        assert sums[counter] == sum(number for key, number in ledger.history.items() if key.what == what)
    met_ones = [entry for entry in ledger.entries.values() if entry.met]
    assert (sums["forwarded"], sums["looked"], sums["closed"]) == (
        sum(entry.forwards for entry in met_ones),
        sum(entry.looks for entry in met_ones),
        sum(entry.closings for entry in met_ones),
    )
    for desk in DESKS:
        met = [entry for entry in ledger.entries.values() if entry.met and entry.desk == desk]
        there = [value for value in arrivals if value.desk == desk]
        assert sum(ledger.tallied(state, desk) for state in EntryState) == len(met)
        assert sum(entry.records for entry in met) == len(there)
        assert sum(ledger.counted(name, desk=desk) for name in ("opened", "amended", "repeated")) == len(there)
        assert ledger.counted("opened", desk=desk) == len({(value.key, value.tenure) for value in there})
        heard = [value for value in events if value.reported.desk == desk]
        results = ("applied", "contested", "repeated")
        assert sum(ledger.counted("status", result, desk) for result in results) == len(heard)
    numbered = sum(stream.numbered - stream.missing + stream.doubled for stream in ledger.streams.values())
    assert numbered == len(arrivals)
    assert sum(stream.records for stream in ledger.streams.values()) == len(arrivals)
    said = [goal for value in done if isinstance(value, Receipted) for goal in value.destinations]
    assert sum(stream.receipts for stream in ledger.streams.values()) == len(said)


def settled(entry: Entry) -> Entry:
    """Without what depends on how it was read: its row, and whether a command was said that a return has overtaken."""
    return replace(entry, id=None, passed="")


COUNTED = ("opened", "amended", "repeated", "withdrawn", "looked", "forwarded", "closed", "closed_unlooked", "expired")


ALIKE = (("status", "repeated"), ("reroutes", "carried_out"), ("reroutes", "rejected"))


def counted(ledger: Ledger) -> Counter[tuple[str, str, str]]:
    """Counters less what was taken back, over all lanes: which one an entry was in is of the moment.

    Not in here: the split of status events into applied and contested (one that was contested applies once its queue
    record is read; a counter can not go back), and by how much and in which lane a target was missed or a time was
    taken, since an amendment that is read later changes the lane.
    """
    found: Counter[tuple[str, str, str]] = Counter()
    for key, number in ledger.counters.items():
        if key.name in COUNTED or (key.name, key.code) in ALIKE:
            found[key.name, key.desk, key.code] += number
        elif key.name.removesuffix(TAKEN_BACK) in MAY_BE_TAKEN_BACK:
            found[key.name.removesuffix(TAKEN_BACK), key.desk, key.code] -= number
    return Counter({key: number for key, number in found.items() if number})


@settings(max_examples=50, deadline=None)
@given(plans, st.randoms(use_true_random=False))
def test_any_interleaving_cut_anywhere_gives_the_same_tables(plan: list[tuple[Any, ...]], random: Random) -> None:
    topics = world_of(plan).topics
    one = read([[value for values in topics.values() for value in values]])
    other = read(interleaved(topics, random))
    assert {key: settled(entry) for key, entry in other.entries.items()} == {
        key: settled(entry) for key, entry in one.entries.items()
    }
    assert other.tallies == one.tallies
    assert other.history == one.history
    assert counted(other) == counted(one)
    assert (other.amendments, other.rejections) == (one.amendments, one.rejections)
    assert other.refusals == one.refusals
    assert other.streams == one.streams
    assert sorted(other.gaps) == sorted(one.gaps) == []


@settings(max_examples=50, deadline=None)
@given(plans, st.randoms(use_true_random=False))
def test_whatever_was_read_first_every_desk_is_told_what_it_must_know(
    plan: list[tuple[Any, ...]], random: Random
) -> None:
    ledger = Ledger(now_ms=NOW_MS)
    for batch in interleaved(world_of(plan).topics, random):
        ledger.apply(*batch)
    said: dict[str, bytes] = {}
    for command in ledger.commands():
        assert said.setdefault(command.identity, command.value) == command.value, "one identity, two commands"
    for entry in ledger.entries.values():
        if entry.state == EntryState.FORWARDED:
            assert entry.passed == f"{rank_of(entry)} {entry.forwards}"
        if is_unnamed(entry, ledger.amendments.get((entry.partner, entry.report))):
            wanted = [
                command
                for command in ledger.commands()
                if f'"from":"{entry.desk}","to":["{entry.desk}"]'.encode() in command.value
                and f'"report":"{entry.report}","revision":{entry.revision},'.encode() in command.value
                and f'"partner":"{entry.partner}"'.encode() in command.value
            ]
            assert wanted


@settings(max_examples=50, deadline=None)
@given(plans, st.randoms(use_true_random=False))
def test_what_came_back_after_all_that_was_said_of_it_is_in_view(plan: list[tuple[Any, ...]], random: Random) -> None:
    topics = world_of(plan).topics
    ledger = Ledger(now_ms=NOW_MS)
    for batch in interleaved(topics, random):
        ledger.apply(*batch)
    values = [value for found in topics.values() for value in found]
    said: Counter[str] = Counter()
    for event in values:
        if isinstance(event, Placed):
            key = event.reported.key
            said[key] = max(said[key], event.reported.step.at_ms)
    for back in values:
        if isinstance(back, Arrival) and back.chain and not back.withdrawn and back.received_ms > said[back.key]:
            entry = ledger.entries[back.key]
            if entry.chain.split(",")[0] in ("", entry.desk):
                assert entry.state not in (EntryState.CLOSED, EntryState.FORWARDED)


@settings(max_examples=50, deadline=None)
@given(plans, st.randoms(use_true_random=False))
def test_each_missed_target_is_counted(plan: list[tuple[Any, ...]], random: Random) -> None:
    ledger = read(interleaved(world_of(plan).topics, random))
    assert ledger.counted("target_missed") >= sum(entry.missed for entry in ledger.entries.values())


@given(plans, st.randoms(use_true_random=False), st.data())
def test_a_queue_record_that_never_came_leaves_a_residue(
    plan: list[tuple[Any, ...]], random: Random, data: st.DataObject
) -> None:
    topics = world_of(plan).topics
    queues = [topic for topic in topics if topic.startswith("queue")]
    if not queues:
        return
    lost = topics[data.draw(st.sampled_from(queues))]
    gone = lost.pop(data.draw(st.integers(0, len(lost) - 1)))
    ledger = read(interleaved(topics, random))
    left = disagreements(checkpoint(ledger.streams), ledger.streams)
    doubled = any(value is gone for value in lost)
    found = sum(residue(stream, left.get(key, NONE)) for key, stream in ledger.streams.items())
    assert found or doubled
