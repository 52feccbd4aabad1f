"""A notice exists if and only if its cause does: once, until it ends, and never for what was told before."""

import json
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from policy.desks import DeskTable
from policy.notify import Notify
from schemas.codes import Lane, NoticeType, Outcome
from schemas.notices import OPERATOR, Notice
from services.ledger.announcing import STALE_DIGEST_MS, Announcer
from services.ledger.figures import Figures
from services.ledger.levels import Ending, latest_morning
from services.ledger.noticing import CALM_MS, KEPT_MS, Group, Told, adopt, rfc3339
from services.ledger.saying import Message
from tests.samples import NOW_MS, configuration
from tests.unit.ledger_world import TERMS, Ledger, Value, arrival, receipt, status

URGENT = Group("nl", "urgent", NoticeType.URGENT_ARRIVED)
MISSED = Group("nl", "routine", NoticeType.TARGET_MISSED)
FIRST = NOW_MS + 60_000
"""The sequence of a group's first notice: when it was made."""
REJECTED = Group(OPERATOR, "", NoticeType.URGENT_REJECTED)


def table(**notify: Any) -> DeskTable:
    """Every desk as deployed; `nl` with this."""
    return DeskTable(
        tuple(
            replace(desk, notify=Notify(**notify)) if desk.id == "nl" else desk for desk in configuration().desks.desks
        )
    )


class World:
    """A ledger that tells."""

    def __init__(self, *, live: bool = True, **notify: Any) -> None:
        self.ledger = Ledger()
        self.figures = Figures()
        desks = table(**notify)
        self.announcer = Announcer(desks, frozenset(desks.by_id))
        self.live = live
        self.now_ms = FIRST

    def apply(self, *values: Value) -> list[dict[str, Any]]:
        """One transaction: the notices it makes."""
        self.ledger.now_ms = self.now_ms
        return self._after(self.ledger.apply(*values))

    def sweep(self) -> list[dict[str, Any]]:
        return self._after(self.ledger.sweep(self.now_ms))

    def _after(self, batch: Any) -> list[dict[str, Any]]:
        messages = self.announcer.after(batch, self.figures, self.now_ms, live=self.live)
        self.figures.committed(batch, self.now_ms)
        waiting = [entry for entry in self.ledger.entries.values() if entry.state == "waiting"]
        self.figures.oldest = {
            (entry.desk, entry.lane.value): min(
                other.arrived_ms for other in waiting if (other.desk, other.lane) == (entry.desk, entry.lane)
            )
            for entry in waiting
        }
        return read(messages)

    def look(self) -> list[dict[str, Any]]:
        return read(self.announcer.look(self.figures, self.now_ms))

    def go_on(self) -> list[dict[str, Any]]:
        """As the ledger does each second, with what its database says."""
        groups = self.announcer.rested(self.now_ms)
        waiting = [entry for entry in self.ledger.entries.values() if entry.state == "waiting"]
        newest = {
            group: max((e.arrived_ms for e in waiting if (e.desk, e.lane.value) == group[:2]), default=0)
            for group in groups
        }
        return read(self.announcer.go_on(groups, self.figures, newest, self.now_ms))

    def catch_up(self, **newest: int) -> list[dict[str, Any]]:
        self.live = True
        found = {URGENT: newest.get("urgent", 0), MISSED: newest.get("missed", 0)}
        return read(self.announcer.catch_up(self.figures, found, self.now_ms))


def read(messages: list[Message]) -> list[dict[str, Any]]:
    for message in messages:
        Notice.model_validate_json(message.value)
    return [json.loads(message.value) for message in messages]


def urgent(report: str = "R1", at_ms: int = NOW_MS, **fields: Any) -> Any:
    return arrival(lane=Lane.URGENT, at_ms=at_ms, report=report, **fields)


def short(notices: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    return [(found["type"], found["group"], found["count"]) for found in notices]


def test_an_urgent_arrival_is_told_once_and_ends_when_a_human_has_looked_at_all_of_it() -> None:
    world = World()
    assert short(world.apply(urgent("R1"), urgent("R2"))) == [("urgent_arrived", "nl/urgent/urgent_arrived", 2)]
    assert world.apply(urgent("R1")) == []
    assert world.apply(status("looked", report="R1")) == []
    (ended,) = world.apply(status("looked", report="R2"))
    assert (ended["type"], ended["ends"], ended["sequence"]) == ("looked", "urgent_arrived", FIRST + 1)
    assert ended["count"] == 0


def test_what_a_system_looked_at_is_still_open() -> None:
    world = World()
    world.apply(urgent())
    assert world.apply(status("looked", report="R1", role="system")) == []


def test_a_later_arrival_goes_on_with_the_sequence_and_says_how_many_came() -> None:
    world = World()
    world.apply(urgent("R1"))
    (second,) = world.apply(urgent("R2", NOW_MS + 5), urgent("R3", NOW_MS + 6))
    assert (second["sequence"], second["count"], second["added"]) == (FIRST + 1, 3, 2)
    assert second["through"] == rfc3339(NOW_MS + 6)


def test_what_is_withdrawn_is_resolved_and_not_looked_at() -> None:
    world = World()
    world.apply(urgent("R1"))
    (ended,) = world.apply(urgent("R1", NOW_MS + 9, action="withdraw", revision=2))
    assert (ended["type"], ended["ends"]) == ("resolved", "urgent_arrived")


def amended(lane: Lane, **fields: Any) -> Any:
    return arrival(lane=lane, at_ms=NOW_MS + 9, revision=2, action="amend", offset=1, **fields)


def test_what_an_amendment_makes_urgent_is_told_as_if_it_had_come_so() -> None:
    world = World(report_numbers=True)
    assert world.apply(arrival(report="R1")) == []
    (told,) = world.apply(amended(Lane.URGENT, report="R1"))
    assert short([told]) == [("urgent_arrived", "nl/urgent/urgent_arrived", 1)]
    assert told["reports"] == [{"partner": "ncmec", "report": "R1"}]


def test_what_a_human_has_looked_at_is_not_told_when_it_becomes_urgent() -> None:
    world = World()
    world.apply(arrival(report="R1"), status("looked", report="R1"))
    assert world.apply(amended(Lane.URGENT, report="R1")) == []


def test_what_is_no_longer_urgent_ends_without_a_look_also_where_it_is_looked_at_afterwards() -> None:
    world = World()
    world.apply(urgent("R1"), urgent("R2"))
    assert world.apply(amended(Lane.ROUTINE, report="R1")) == []
    assert world.apply(status("looked", report="R1")) == []
    (ended,) = world.apply(status("looked", report="R2"))
    assert (ended["type"], ended["ends"], ended["sequence"]) == ("resolved", "urgent_arrived", FIRST + 1)


def test_what_is_late_is_told_in_the_lane_that_an_amendment_brings_it_to_and_ends_in_the_other() -> None:
    world = World()
    world.apply(arrival(report="R1"))
    world.now_ms = NOW_MS + TERMS.target_ms("nl", Lane.ROUTINE) + 1
    world.sweep()
    assert short(world.apply(amended(Lane.PRIORITY, report="R1"))) == [
        ("resolved", "nl/routine/target_missed", 0),
        ("target_missed", "nl/priority/target_missed", 1),
    ]


def test_what_no_country_resolves_goes_over_to_the_lane_of_its_amendment() -> None:
    world = World()
    world.apply(arrival("zz", report="R1"))
    assert short(world.apply(amended(Lane.PRIORITY, desk="zz", report="R1"))) == [
        ("resolved", "zz/routine/unroutable_waiting", 0),
        ("unroutable_waiting", "zz/priority/unroutable_waiting", 1),
    ]


def test_what_was_urgent_and_late_ends_with_the_look_at_it() -> None:
    world = World()
    world.apply(urgent("R1"))
    world.now_ms = NOW_MS + TERMS.target_ms("nl", Lane.URGENT) + 1
    world.sweep()
    ended = world.apply(status("looked", report="R1", at_ms=world.now_ms))
    assert {(found["type"], found["ends"]) for found in ended} == {
        ("looked", "urgent_arrived"),
        ("looked", "target_missed"),
    }


def test_what_waits_again_is_told_again_although_nothing_new_came() -> None:
    world = World()
    world.apply(urgent("R1"))
    world.apply(status("closed", report="R1", disposition="administrative"))
    assert short(world.apply(status("reopened", report="R1", at_ms=NOW_MS + 2000, place=1))) == [
        ("urgent_arrived", "nl/urgent/urgent_arrived", 1)
    ]


def test_a_ledger_that_catches_up_says_nothing_and_then_once_what_is_open() -> None:
    world = World(live=False)
    assert world.apply(urgent("R1"), urgent("R2")) == []
    world.apply(status("looked", report="R1"))
    assert short(world.catch_up(urgent=NOW_MS)) == [("urgent_arrived", "nl/urgent/urgent_arrived", 1)]
    assert world.catch_up(urgent=NOW_MS) == []


def test_a_rebuilt_ledger_learns_from_the_topic_what_was_told_and_tells_what_was_not() -> None:
    world = World()
    told = world.apply(urgent("R1"))
    rebuilt = World(live=False)
    for notice in told:
        rebuilt.announcer.hear(Notice.model_validate_json(json.dumps(notice)))
    rebuilt.apply(urgent("R1"))
    assert rebuilt.catch_up(urgent=NOW_MS) == []
    (after,) = rebuilt.apply(urgent("R2", NOW_MS + 7))
    assert after["sequence"] == FIRST + 1


def test_what_is_over_when_the_ledger_has_caught_up_is_never_told() -> None:
    world = World(live=False)
    world.apply(urgent("R1"))
    world.apply(status("looked", report="R1"))
    assert world.catch_up() == []


def test_a_missed_target_is_told_and_then_once_an_hour() -> None:
    world = World()
    world.apply(arrival(report="R1"), arrival(report="R2", at_ms=NOW_MS + 1000, offset=1, count=2))
    world.now_ms = NOW_MS + TERMS.target_ms("nl", Lane.ROUTINE) + 1
    assert short(world.sweep()) == [("target_missed", "nl/routine/target_missed", 1)]
    world.now_ms += 1000
    assert world.sweep() == []
    assert world.apply(arrival(report="R3", at_ms=NOW_MS + 1100, offset=2, count=3)) == []
    world.now_ms += CALM_MS
    assert [found["count"] for found in world.sweep()] == [3]


def nowhere(report: str, at_ms: int = NOW_MS, count: int = 1) -> Any:
    return arrival("zz", report=report, at_ms=at_ms, offset=count, count=count)


def test_what_came_in_the_hour_of_peace_is_told_when_it_is_over_though_nothing_else_comes() -> None:
    world = World()
    (first,) = world.apply(nowhere("R1"))
    world.now_ms += 1000
    assert world.apply(nowhere("R2", world.now_ms, 2)) == []
    world.now_ms = FIRST + CALM_MS - 1
    assert world.go_on() == []
    world.now_ms += 1
    assert short(world.go_on()) == [("unroutable_waiting", first["group"], 2)]
    world.now_ms += CALM_MS
    assert world.go_on() == []


def test_what_came_in_the_hour_of_peace_and_is_gone_again_is_not_told() -> None:
    world = World()
    world.apply(nowhere("R1"))
    world.now_ms += 1000
    world.apply(nowhere("R2", world.now_ms, 2))
    world.apply(status("looked", desk="zz", report="R2", at_ms=world.now_ms))
    world.now_ms += CALM_MS
    assert world.go_on() == []


def test_a_ledger_that_begins_in_the_hour_of_peace_tells_when_it_is_over() -> None:
    before, after = World(), World(live=False)
    (first,) = before.apply(nowhere("R1"))
    after.announcer.told = dict(before.announcer.told)
    after.now_ms += 1000
    after.apply(nowhere("R1"), nowhere("R2", after.now_ms, 2))
    assert after.catch_up() == []
    after.now_ms += CALM_MS
    assert short(after.go_on()) == [("unroutable_waiting", first["group"], 2)]


def test_the_operator_is_told_of_what_was_rejected_although_it_claims_urgency_until_it_is_resent() -> None:
    world = World()
    refused = receipt(Outcome.REJECTED, [], NOW_MS + 10, claims_urgent=True)
    assert short(world.apply(refused)) == [("urgent_rejected", "operator/all/urgent_rejected", 1)]
    assert world.apply(refused) == []
    (ended,) = world.apply(receipt(Outcome.ROUTED, ["nl"], NOW_MS + 20))
    assert (ended["type"], ended["desk"]) == ("resolved", "operator")


def test_a_rejection_that_claims_nothing_is_not_told() -> None:
    assert World().apply(receipt(Outcome.REJECTED, [], NOW_MS + 10)) == []


def test_one_that_names_no_report_stays_open_as_long_as_notices_are_kept() -> None:
    world = World()
    found = world.apply(receipt(Outcome.REJECTED, [], NOW_MS, report=None, revision=None, claims_urgent=True))
    assert short(found) == [("urgent_rejected", "operator/all/urgent_rejected", 1)]
    assert world.catch_up() == []
    world.now_ms = NOW_MS + KEPT_MS
    (ended,) = world.catch_up()
    assert ended["type"] == "resolved"


def test_a_ledger_that_does_not_hold_zz_tells_the_operator_nothing() -> None:
    world = World()
    world.announcer.desks = frozenset({"nl"})
    assert world.apply(receipt(Outcome.REJECTED, [], NOW_MS, claims_urgent=True)) == []


def test_what_no_country_resolves_is_told_to_the_owner_of_zz_in_its_lane() -> None:
    world = World()
    assert short(world.apply(arrival(desk="zz"))) == [("unroutable_waiting", "zz/routine/unroutable_waiting", 1)]


def test_a_silent_desk_is_told_once_and_resolved_when_it_speaks() -> None:
    world = World()
    world.apply(arrival())
    silent_ms = table().by_id["nl"].silent_after_seconds * 1000
    world.now_ms = NOW_MS + silent_ms
    assert world.look() == []
    world.now_ms += 1
    assert ("desk_silent", "nl/all/desk_silent", 1) in short(world.look())
    assert world.look() == []
    world.apply(status("looked", at_ms=world.now_ms))
    assert ("resolved", "nl/all/desk_silent", 0) in short(world.look())


def test_a_ledger_that_remembers_nothing_is_heard_by_whoever_remembers_it() -> None:
    before, told = World(), 0
    for number in range(5):
        for notice in before.apply(urgent(f"R{number}")):
            told = notice["sequence"]
    anew = World()
    anew.now_ms += 8 * 86_400_000
    (found,) = anew.apply(urgent("R9"))
    assert found["sequence"] > told


def test_the_oldest_is_told_at_twice_its_target_and_again_at_four_times() -> None:
    world = World()
    world.apply(arrival())
    target_ms = TERMS.target_ms("nl", Lane.ROUTINE)

    def oldest(after: float) -> list[int]:
        world.now_ms = int(NOW_MS + after * target_ms)
        return [found["sequence"] for found in world.look() if found["type"] == "oldest_waiting"]

    first = int(NOW_MS + 2.1 * target_ms)
    assert [oldest(after) for after in (2, 2.1, 3.9, 4.1, 5, 8.1)] == [[], [first], [], [first + 1], [], [first + 2]]


def test_what_ends_soon_is_told_with_its_first_day() -> None:
    world = World()
    assert world.announcer.look_ahead(world.figures, {}, world.now_ms) == []
    (found,) = read(world.announcer.look_ahead(world.figures, {"nl": Ending(2, "2026-08-01")}, world.now_ms))
    assert (found["type"], found["count"], found["day"]) == ("supervision_ending", 2, "2026-08-01")
    (ended,) = read(world.announcer.look_ahead(world.figures, {}, world.now_ms))
    assert (ended["type"], ended["ends"]) == ("resolved", "supervision_ending")


@pytest.mark.parametrize(("days", "told"), [(28, 1), (32, 0)])
def test_an_entry_that_ends_within_a_month_is_told(days: int, told: int) -> None:
    world = World()
    world.apply(arrival(expires_at=rfc3339(world.now_ms + days * 86_400_000)))
    found = short(read(world.announcer.look_ahead(world.figures, {}, world.now_ms)))
    assert found == [("expiring_soon", "nl/all/expiring_soon", 1)] * told


def test_report_numbers_are_told_only_where_the_desk_asks_for_them() -> None:
    assert "reports" not in World().apply(urgent("R1"))[0]
    asked = World(report_numbers=True).apply(urgent("R1"))[0]
    assert asked["reports"] == [{"partner": "ncmec", "report": "R1"}]


def test_a_digest_comes_each_morning_of_the_desk_and_not_hours_late() -> None:
    world = World(digest=time(8, 30), time_zone="Europe/Amsterdam")
    world.apply(urgent("R1"))
    day, due_ms = latest_morning(time(8, 30), ZoneInfo("Europe/Amsterdam"), NOW_MS + 2 * 86_400_000)
    world.now_ms = due_ms
    (digest,) = [found for found in world.look() if found["type"] == "daily_digest"]
    assert (digest["day"], digest["count"], digest["lanes"][0]["waiting"]) == (day.isoformat(), 1, 1)
    assert all(found["type"] != "daily_digest" for found in world.look())
    world.now_ms = due_ms + 86_400_000 + STALE_DIGEST_MS + 1
    assert all(found["type"] != "daily_digest" for found in world.look())


@pytest.mark.parametrize(
    ("at", "now", "day", "due"),
    [
        (time(2, 30), "2026-03-29T00:30:00Z", "2026-03-28", "2026-03-28T01:30:00Z"),  # 02:30 does not come that day
        (time(2, 30), "2026-03-29T01:30:00Z", "2026-03-29", "2026-03-29T01:30:00Z"),
        (time(2, 30), "2026-10-25T00:30:00Z", "2026-10-25", "2026-10-25T00:30:00Z"),  # it comes twice: the first counts
        (time(2, 30), "2026-10-25T02:00:00Z", "2026-10-25", "2026-10-25T00:30:00Z"),
        (time(0, 0), "2026-06-30T22:00:00Z", "2026-07-01", "2026-06-30T22:00:00Z"),
    ],
)
def test_mornings_hold_through_changes_of_the_clock(at: time, now: str, day: str, due: str) -> None:

    now_ms = round(datetime.fromisoformat(now).timestamp() * 1000)
    due_ms = round(datetime.fromisoformat(due).timestamp() * 1000)
    assert latest_morning(at, ZoneInfo("Europe/Amsterdam"), now_ms) == (date.fromisoformat(day), due_ms)


def test_an_older_notice_changes_nothing_that_is_known() -> None:
    told = Told(FIRST + 4, True, NOW_MS, 3, NOW_MS)
    (first,) = World().apply(urgent("R1"))
    assert adopt(told, Notice.model_validate_json(json.dumps(first))) == told
