"""What simulated desks do with what they get: each of those that everybody should see, for what it is."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from threading import Event

import pytest

from policy.configuration import load
from policy.desks import Reporting
from schemas.codes import Disposition, Lane, StatusType
from schemas.lifecycle import Step, course
from schemas.records import StatusEvent
from services.runtime.exits import WrongUse
from services.simulator.desks.__main__ import behave
from services.simulator.desks.conduct import CONDUCTS, ORDINARY, conduct_of
from services.simulator.desks.desk import SimulatedDesk
from services.simulator.desks.streams import headers_of
from tests.samples import DEPLOY

DESKS = load(DEPLOY / "demo").desks
START_MS = 1_790_000_000_000
EVERY_MS = 250


class World:
    """One desk, and a clock that goes as the test says."""

    def __init__(self, desk: str, seed: int = 1) -> None:
        self.desk = SimulatedDesk(DESKS.by_id[desk], DESKS, conduct_of(desk), seed, START_MS)
        self.now_ms = START_MS
        self.said: list[tuple[int, StatusEvent]] = []

    def take_in(self, number: int, lane: Lane = Lane.ROUTINE, first: int = 0) -> None:
        for report in range(first, first + number):
            self.desk.take_in("ncmec", f"R-{report}", lane, withdrawn=False, now_ms=self.now_ms)

    def withdraw(self, report: str) -> None:
        self.desk.take_in("ncmec", report, Lane.ROUTINE, withdrawn=True, now_ms=self.now_ms)

    def go_on(self, seconds: float) -> list[StatusEvent]:
        """What it says in that time."""
        before, end_ms = len(self.said), self.now_ms + int(seconds * 1000)
        while self.now_ms < end_ms:
            self.now_ms += EVERY_MS
            self.said += [(self.now_ms - START_MS, event) for event in self.desk.decide(self.now_ms)]
        return [event for _, event in self.said[before:]]


def reports(events: Iterable[StatusEvent]) -> set[str]:
    return {event.report for event in events}


@pytest.mark.parametrize("lane", Lane)
def test_the_one_that_keeps_up_looks_at_everything_within_its_target(lane: Lane) -> None:
    world = World("nl")
    world.take_in(200, lane)
    looked = world.go_on(DESKS.by_id["nl"].targets[lane] * 0.6)
    assert len(reports(looked)) == 200


def test_the_one_that_keeps_up_closes_with_many_dispositions_and_forwards_to_its_region_alone() -> None:
    world = World("nl")
    world.take_in(500)
    events = world.go_on(120)
    assert len({event.disposition for event in events} - {None}) > 5
    assert {event.to for event in events if event.event is StatusType.FORWARDED} == {"nl-oost"}


def test_the_slow_one_never_gets_to_most_of_it() -> None:
    world = World("de")
    world.take_in(500)
    assert 0 < len(reports(world.go_on(600))) < 150


def test_the_silent_one_says_nothing() -> None:
    world = World("fr")
    for lane in Lane:
        world.take_in(50, lane)
    assert world.go_on(600) == []


def test_on_its_friday_everything_is_closed_and_nobody_has_looked() -> None:
    world = World("it")
    world.take_in(50)
    assert world.go_on(39) == []
    friday = world.go_on(2)
    assert len(friday) == len(reports(friday)) == 50
    for event in friday:
        found = course([Step(event.event, event.role, 0, event.disposition)])
        assert found.unlooked
        assert event.disposition is Disposition.ADMINISTRATIVE
    world.take_in(5, first=50)
    assert world.go_on(36) == []
    assert len(world.go_on(5)) == 5


def test_the_one_for_the_grave_alone_never_takes_up_the_bulk() -> None:
    world = World("us")
    world.take_in(100, Lane.URGENT)
    world.take_in(300, Lane.ROUTINE, first=100)
    events = world.go_on(600)
    bulk = [event for event in events if int(event.report[2:]) >= 100]
    assert {event.event for event in bulk} == {StatusType.LOOKED, StatusType.SHELVED}
    assert 50 < len(reports(bulk)) < 150
    assert len(reports(events) - reports(bulk)) == 100


def test_700_are_flushed_to_one_desk_at_once_and_not_before_there_are_700() -> None:
    world = World("zz")
    world.take_in(699)
    assert world.go_on(60) == []
    world.take_in(1, first=699)
    world.go_on(1)
    moments = Counter(moment for moment, event in world.said if event.event is StatusType.FORWARDED)
    assert list(moments.values()) == [700]
    assert {event.to for _, event in world.said} == {"gb"}


def test_a_burst_of_700_is_not_looked_at_within_the_target() -> None:
    world = World("gb")
    world.take_in(60)
    target_s = DESKS.by_id["gb"].targets[Lane.ROUTINE]
    assert len(reports(world.go_on(target_s))) == 60, "an ordinary day"
    world.take_in(700, first=60)
    assert 0 < len(reports(world.go_on(target_s))) < 350


def test_urgent_ones_do_not_wait_behind_a_burst() -> None:
    world = World("gb")
    world.take_in(700)
    world.take_in(1, Lane.URGENT, first=700)
    assert "R-700" in reports(world.go_on(DESKS.by_id["gb"].targets[Lane.URGENT]))


def test_every_ordinary_desk_does_something_and_each_manner_is_found() -> None:
    ordinary = [desk.id for desk in DESKS.desks if desk.id not in CONDUCTS and desk.reporting is Reporting.STATUS]
    for name in ordinary:
        world = World(name)
        world.take_in(20, Lane.URGENT)
        assert world.go_on(30), name
    assert {id(conduct_of(name)) for name in ordinary} == {id(conduct) for conduct in ORDINARY}


def test_every_desk_of_the_table_is_in_the_policy() -> None:
    assert CONDUCTS.keys() <= DESKS.by_id.keys()
    assert {conduct.dam.to for conduct in CONDUCTS.values() if conduct.dam} <= DESKS.by_id.keys()


def test_those_that_do_not_report_are_those_of_the_demonstration() -> None:
    assert {desk.id for desk in DESKS.desks if desk.reporting is Reporting.NONE} == {"in", "pk", "bd", "ph"}


def test_what_is_withdrawn_is_left_alone() -> None:
    for name in ("nl", "it", "zz"):
        world = World(name)
        world.take_in(1)
        world.withdraw("R-0")
        assert world.go_on(120) == [], name


def test_an_amendment_begins_nothing_anew() -> None:
    world = World("nl")
    world.take_in(1)
    first = world.go_on(200)
    world.take_in(1)
    assert first
    assert world.go_on(200) == []


def test_a_clock_that_is_wrong_is_wrong_in_what_is_said_alone() -> None:
    world = World("es")
    world.take_in(30, Lane.URGENT)
    (first, *_) = world.go_on(30)
    told = Step(first.event, first.role, 0)
    assert told.is_look
    assert first.at.startswith("2026-09-21T16:"), "two hours ahead of 14:13"


def test_some_events_are_said_twice_under_one_identity() -> None:
    world = World("nl")
    world.take_in(1000)
    events = world.go_on(200)
    twice = [one for one, number in Counter(event.model_dump_json() for event in events).items() if number == 2]
    assert 2 < len(twice) < 80
    once = {event.model_dump_json(): dict(headers_of(event))["ce_id"] for event in events}
    assert len(set(once.values())) == len(once)


def test_what_one_run_began_the_next_one_ends() -> None:
    first = World("nl")
    first.take_in(100)
    said = first.go_on(9)
    following = World("nl")
    for event in said:
        following.desk.remember(event)
    following.take_in(100)
    rest = following.go_on(300)
    whole = World("nl")
    whole.take_in(100)
    expected = whole.go_on(300)
    assert steps([*said, *rest]) == steps(expected)


def steps(events: Iterable[StatusEvent]) -> dict[str, list[tuple[str, str | None]]]:
    found: dict[str, list[tuple[str, str | None]]] = {}
    for event in dict.fromkeys((event.report, str(event.event), event.disposition, event.at) for event in events):
        found.setdefault(event[0], []).append(event[1:3])
    return found


def test_without_permission_no_desk_says_anything() -> None:
    for environment in ({}, {"SIMULATE": "0"}, {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}):
        with pytest.raises(WrongUse, match="SIMULATE=1"):
            behave(environment, Event())


def test_an_event_is_one_of_the_published_contract() -> None:
    schema = json.loads(Path("schemas/json/status.v1.json").read_text())
    world = World("nl")
    world.take_in(50)
    for event in world.go_on(200):
        assert set(event.model_dump(exclude_none=True)) <= schema["properties"].keys()
