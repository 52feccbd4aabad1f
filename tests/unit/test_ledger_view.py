"""What the ledger's page takes for true of each desk."""

import pytest
from prometheus_client import CollectorRegistry

from policy.desks import Desk, Reporting
from schemas.codes import Disposition, EntryState, Lane
from services.ledger.figures import Figures
from services.ledger.metrics import LedgerMetrics
from services.ledger.page.ages import Band, bands, count_bands, say_age, say_share
from services.ledger.page.view import DeskView, Drain, Sign, World, drain, look
from services.ledger.spans import Spans
from services.ledger.tally import DAY_MS, EVIDENCE, EXPIRES, ORPHAN, OVERDUE
from tests.ledger_world import HOUR_MS, NOW_MS, Counted, configured, with_unreporting, world_figures

WEEK_MS = 7 * DAY_MS


def one(counted: Counted, desk: Desk | None = None, *, active: bool = True, caught_up: bool = True) -> DeskView:
    (view,) = of(counted, desk or Desk("aa", "Aa"), active=active, caught_up=caught_up).desks
    return view


def of(counted: Counted, *desks: Desk, active: bool = True, caught_up: bool = True) -> World:
    held = frozenset(desk.id for desk in desks)
    return look(counted.figures(active=active, caught_up=caught_up), configured(*desks), held, NOW_MS)


def waiting(hours: float, number: int = 5, lane: Lane = Lane.ROUTINE, desk: str = "aa") -> Counted:
    counted = Counted()
    counted.add(EntryState.WAITING, desk, lane, number, hours)
    return counted


def test_a_desk_that_never_said_anything_is_silent_from_its_oldest_on() -> None:
    assert one(waiting(24 * 7 + 1)).signs == (Sign.SILENT, Sign.WAITING)
    assert one(waiting(24 * 7 - 1)).signs == (Sign.WAITING,)


def test_a_desk_that_spoke_within_its_time_is_not_silent() -> None:
    counted = waiting(24 * 30)
    counted.heard["aa"] = NOW_MS - WEEK_MS + HOUR_MS
    assert not one(counted).silent
    counted.heard["aa"] = NOW_MS - WEEK_MS - 1
    assert one(counted).silent


def test_a_desk_where_nothing_waits_has_nothing_to_say() -> None:
    counted = Counted()
    counted.heard["aa"] = NOW_MS - 100 * DAY_MS
    assert one(counted).signs == (Sign.NOTHING_WAITS,)


def test_what_only_status_events_speak_of_is_an_orphan_from_a_day_on() -> None:
    figures = Figures()
    figures.load([(ORPHAN, "aa", "", NOW_MS, 2), (ORPHAN, "aa", "", NOW_MS + HOUR_MS, 1)], {}, {})
    desk = Desk("aa", "Aa")
    configuration, held = configured(desk), frozenset({"aa"})
    registry = CollectorRegistry()
    clock = [NOW_MS]
    LedgerMetrics(configuration, held, figures, lambda: clock[0], registry)
    for later_ms, orphans in ((0, 0), (DAY_MS - 1, 0), (DAY_MS, 2), (DAY_MS + HOUR_MS, 3)):
        clock[0] = NOW_MS + later_ms
        assert look(figures, configuration, held, clock[0]).desks[0].orphaned == orphans
        assert registry.get_sample_value("referral_orphaned_events", {"desk": "aa"}) == orphans


def test_silence_long_ago_does_not_count_against_what_came_just_now() -> None:
    counted = waiting(1)
    counted.heard["aa"] = NOW_MS - 100 * DAY_MS
    assert one(counted).signs == (Sign.WAITING,)


def test_a_desk_that_does_not_report_is_unknown_whatever_the_ledger_counts() -> None:
    counted = waiting(24 * 300)
    counted.add(OVERDUE, "aa", Lane.ROUTINE, 5)
    counted.add(EntryState.SHELVED, "aa", Lane.ROUTINE, 40)
    counted.add(EntryState.IN_HAND, "aa", Lane.URGENT, 2)
    found = of(counted, Desk("aa", "Aa", reporting=Reporting.NONE))
    assert found.reporting == ()
    assert found.unreporting[0].signs == (Sign.UNREPORTED,)
    assert (found.unreported, found.sum("waiting"), found.sum("overdue"), found.oldest_ms) == (47, 0, 0, None)


@pytest.mark.parametrize(("active", "caught_up"), [(False, False), (True, False), (False, True)])
def test_no_desk_is_clear_while_the_ledger_is_not_up_to_date(active: bool, caught_up: bool) -> None:
    assert one(Counted(), active=active, caught_up=caught_up).signs == (Sign.NOT_COUNTED,)


def test_what_is_known_to_be_late_is_said_also_while_the_ledger_catches_up() -> None:
    counted = waiting(9, lane=Lane.URGENT)
    counted.add(OVERDUE, "aa", Lane.URGENT, 5)
    assert one(counted, caught_up=False).signs == (Sign.URGENT_OVERDUE, Sign.NOT_COUNTED)


def test_a_count_in_doubt_is_never_clear() -> None:
    figures = Counted().figures()
    figures.residue = {("aa", "routine"): 2}
    found = look(figures, configured(Desk("aa", "Aa")), frozenset({"aa"}), NOW_MS)
    assert found.desks[0].signs == (Sign.IN_DOUBT,)
    assert found.residue == 2


def test_what_is_shelved_is_said_where_nothing_waits() -> None:
    counted = Counted()
    counted.add(EntryState.SHELVED, "aa", Lane.ROUTINE, 4, 30)
    assert one(counted).signs == (Sign.SHELVED,)


def test_desks_are_in_order_of_trouble() -> None:
    counted = Counted()
    for desk, hours in (("calm", 1), ("old", 100), ("late", 50), ("later", 40), ("urgent", 9), ("mute", 24 * 8)):
        counted.add(EntryState.WAITING, desk, Lane.ROUTINE, 9, hours)
        if desk != "mute":
            counted.heard[desk] = NOW_MS
    counted.add(OVERDUE, "late", Lane.ROUTINE, 1)
    counted.add(OVERDUE, "later", Lane.PRIORITY, 8)
    counted.add(OVERDUE, "urgent", Lane.URGENT, 1)
    names = ("calm", "empty", "late", "later", "mute", "old", "urgent")
    found = of(counted, *(Desk(name, name) for name in names))
    assert [view.desk.id for view in found.reporting] == ["urgent", "later", "late", "mute", "old", "calm", "empty"]


def test_bands_hold_every_entry_once_and_their_upper_bound_is_theirs() -> None:
    cut = bands([90 * 86_400])
    assert cut[0] == Band(0, 3_600)
    assert cut[-1] == Band(31_536_000, None)
    slots = {NOW_MS: 1, NOW_MS - HOUR_MS: 2, NOW_MS - HOUR_MS - 1: 4, NOW_MS - 400 * DAY_MS: 8, NOW_MS + 5: 16}
    spans = Spans()
    for slot, number in slots.items():
        spans.add(slot, number)
    assert count_bands(spans, cut, NOW_MS) == (19, 4, 0, 0, 0, 0, 0, 8)


def test_bands_are_of_seconds_where_seconds_are_expected() -> None:
    assert bands([20, 45, 45])[0] == Band(0, 5)
    assert bands([])[0] == Band(0, 3_600)


def test_bands_agree_with_the_number_waiting_for_every_desk() -> None:
    configuration = with_unreporting()
    for view in look(world_figures(), configuration, frozenset(configuration.desks.by_id), NOW_MS).desks:
        for lane in view.lanes:
            assert sum(lane.bands) == lane.waiting


def test_the_oldest_is_the_exact_time_unless_that_one_no_longer_waits() -> None:
    figures = waiting(5.5).figures()
    begin = NOW_MS - 6 * HOUR_MS
    for exact, expected in ((begin + 1_000, begin + 1_000), (begin - WEEK_MS, begin)):
        figures.oldest = {("aa", "routine"): exact}
        found = look(figures, configured(Desk("aa", "Aa")), frozenset({"aa"}), NOW_MS)
        assert found.oldest_ms == expected


def test_evidence_counts_as_ending_30_days_before_its_end() -> None:
    counted = Counted()
    for days in (151, 149, 400):
        counted.add_day(EVIDENCE, "aa", Lane.URGENT, 1, days)
    assert one(counted).sum("evidence_expiring") == 2


def test_expiring_is_what_ends_within_30_days() -> None:
    counted = Counted()
    for days in (29, 31):
        counted.add_day(EXPIRES, "aa", Lane.URGENT, 1, days)
    assert one(counted).sum("expiring") == 1


def test_moved_not_worked_is_of_all_that_left() -> None:
    counted = Counted()
    counted.happen("closed", "aa", 6, code=Disposition.ADMINISTRATIVE)
    counted.happen("closed_unlooked", "aa", 5)
    counted.happen("forwarded", "aa", 2, Lane.ROUTINE)
    counted.happen("withdrawn", "aa", 1, Lane.ROUTINE)
    counted.happen("expired", "aa", 1, Lane.URGENT)
    view = one(counted)
    assert (view.moved, view.left) == (7, 10)


def test_what_was_taken_back_is_neither_closed_nor_forwarded() -> None:
    counted = Counted()
    counted.happen("closed", "aa", 6, code=Disposition.ADMINISTRATIVE)
    counted.happen("closed_back", "aa", 1, code=Disposition.ADMINISTRATIVE)
    counted.happen("closed_unlooked", "aa", 5)
    counted.happen("closed_unlooked_back", "aa", 2)
    counted.happen("forwarded", "aa", 3, Lane.ROUTINE)
    counted.happen("forwarded_back", "aa", 1)
    view = one(counted)
    assert (view.closed[Disposition.ADMINISTRATIVE], view.closed_unlooked, view.forwarded) == (5, 3, 2)
    assert (view.moved, view.left) == (5, 7)


def test_a_drain_is_not_known_without_history_and_never_where_no_more_is_looked_at_than_comes() -> None:
    assert drain(40, 20, None, NOW_MS) == drain(0, 0, None, NOW_MS) == Drain(False)
    assert drain(40, 20, NOW_MS - 10 * DAY_MS, NOW_MS) == Drain(True, 20 * 86_400)
    assert drain(40, 0, NOW_MS - 10 * DAY_MS, NOW_MS) == Drain(True, None)
    assert drain(0, -5, NOW_MS - 10 * DAY_MS, NOW_MS) == Drain(True, 0.0)


def test_a_pace_is_told_from_a_day_on_and_not_while_the_ledger_reads() -> None:
    def told(spans: int, *, caught_up: bool = True) -> bool:
        counted = waiting(10)
        counted.turn_over("aa", Lane.ROUTINE, [(1, 2, 0)] * spans)
        return one(counted, caught_up=caught_up).drain.known

    assert [told(0), told(4), told(5)] == [False, False, True]
    assert not told(5, caught_up=False)


def test_a_ledger_shows_only_the_desks_it_holds() -> None:
    found = look(waiting(1).figures(), configured(Desk("aa", "Aa"), Desk("bb", "Bb")), frozenset({"bb"}), NOW_MS)
    assert [view.desk.id for view in found.desks] == ["bb"]
    assert found.find("aa") is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"), (1, "1 second"), (60, "1 minute"), (119, "119 seconds"), (3_600, "1 hour"),
        (86_400, "1 day"), (100_000, "27 hours"), (8 * 86_400, "8 days"), (2_592_000, "1 month"),
        (400 * 86_400, "13 months"), (-5, "0 seconds"),
    ],
)  # fmt: skip
def test_an_age_is_said_in_a_unit_a_person_uses(seconds: float, words: str) -> None:
    assert say_age(seconds) == words


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [
        (0, 0, "-"),
        (0, 9, "0 %"),
        (9, 9, "100 %"),
        (1, 3, "33 %"),
        (9_999, 10_000, "over 99 %"),
        (1, 9_999, "under 1 %"),
    ],
)
def test_a_share_is_never_rounded_to_all_or_to_none(part: int, whole: int, words: str) -> None:
    assert say_share(part, whole) == words


def test_all_that_a_desk_holds_that_does_not_report_is_unknown_in_metrics_too() -> None:
    configuration, figures, registry = (
        configured(Desk("aa", "Aa", reporting=Reporting.NONE)),
        Figures(),
        CollectorRegistry(),
    )
    counted = waiting(1)
    counted.add(EntryState.SHELVED, "aa", Lane.ROUTINE, 40)
    counted.add(EntryState.IN_HAND, "aa", Lane.URGENT, 2)
    counted.add_day(EVIDENCE, "aa", Lane.ROUTINE, 5, 100)
    figures.load(sorted((*key, number) for key, number in counted.tallies.items()), counted.counters, counted.heard)
    LedgerMetrics(configuration, frozenset({"aa"}), figures, lambda: NOW_MS, registry)
    assert registry.get_sample_value("referral_entries_unreported", {"desk": "aa"}) == 47
    assert registry.get_sample_value("referral_evidence_age_seconds_gcount", {"lane": "routine"}) == 0
