"""What topics look like when everything is right: one ingress partition, a test ingress, two commands."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from schemas import topics
from services.console.tally_account import PASSED_ON, Account
from services.console.tally_terms import Answer, Finding, Goal, Kind, Noted, Place, Position, Queued

INGRESS = Place(topics.ingress("p"), 0)
TEST = Place(topics.ingress_test("p"), 0)
COMMANDS = Place(topics.REROUTE, 0)
KINDS = {INGRESS: Kind.INGRESS, TEST: Kind.TEST, COMMANDS: Kind.REROUTE}
NL = topics.queue("nl", "routine")
ZZ = topics.queue("zz", "urgent")


@dataclass(frozen=True)
class World:
    """Records in the order of their topics, and the committed offsets."""

    committed: Mapping[Place, int]
    received: list[tuple[Place, int]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    queued: list[Queued] = field(default_factory=list)
    notes: list[Noted] = field(default_factory=list)

    def positions(self, committed: Mapping[Place, int] | None = None) -> dict[Place, Position]:
        at = {**self.committed, **(committed or {})}
        return {source: Position(_kind(source), at[source]) for source in at}

    def account(self, committed: Mapping[Place, int] | None = None) -> Account:
        return self.fold(Account(self.positions(committed), {}))

    def fold(self, account: Account) -> Account:
        for source, offset in self.received:
            account.received(source, offset)
        for answer in self.answers:
            account.answered(answer, "there")
        for record in self.queued:
            account.queued(record, "there")
        for note in self.notes:
            account.noted(note, "there")
        return account

    def findings(self) -> list[Finding]:
        return self.account().findings()


def _kind(source: Place) -> Kind:
    return KINDS.get(source, Kind.INGRESS)


@dataclass(frozen=True)
class Plan:
    """What becomes of one record of an input."""

    source: Place
    outcome: str
    queues: Sequence[str] = ()
    reason: str | None = None
    named: bool = True
    """False for a command that names no partner."""


def settle(plans: Sequence[Plan]) -> World:
    """The world in which a right router settled these records, in this order."""
    offsets: Counter[Place] = Counter()
    numbers: Counter[tuple[str, Place]] = Counter()
    world = World(committed=offsets)
    for plan in plans:
        offset = offsets[plan.source]
        offsets[plan.source] += 1
        world.received.append((plan.source, offset))
        identity = f"p:R-{offset}:1"
        goals = [Goal(queue, "download,upload") for queue in plan.queues]
        if plan.named:
            world.answers.append(
                Answer(topics.receipt("p"), plan.source, offset, plan.outcome, plan.reason, identity, goals)
            )
        if _kind(plan.source) is Kind.TEST:
            continue
        if plan.outcome in PASSED_ON:
            for goal in goals:
                numbers[goal.queue, plan.source] += 1
                number = numbers[goal.queue, plan.source]
                world.queued.append(Queued(goal.queue, plan.source, offset, number, identity, goal.roles))
        if plan.outcome == "rejected":
            world.notes.append(Noted(plan.source, offset, str(plan.reason)))
    return world


def world() -> World:
    """Every outcome, test and command once at least."""
    return settle(
        [
            Plan(INGRESS, "routed", [NL]),
            Plan(INGRESS, "routed", [NL, ZZ]),
            Plan(INGRESS, "routed", [NL]),
            Plan(TEST, "routed", [NL]),
            Plan(INGRESS, "amended", [NL]),
            Plan(COMMANDS, "routed", [NL]),
            Plan(TEST, "rejected", reason="oversize"),
            Plan(INGRESS, "withdrawn", [ZZ]),
            Plan(COMMANDS, "rejected", reason="invalid_value", named=False),
            Plan(INGRESS, "routed", [ZZ]),
            Plan(INGRESS, "duplicate"),
            Plan(INGRESS, "rejected", reason="invalid_json"),
        ]
    )
