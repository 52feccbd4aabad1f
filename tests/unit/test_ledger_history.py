"""History: each arrival, first look and closing in the span in which it happened, whatever was read first."""

from collections import Counter

from schemas.codes import Lane
from services.ledger.history import (
    ARRIVED,
    CLOSED,
    LOOKED,
    SPANS,
    MomentKey,
    PastSpans,
    Span,
    first_kept,
    span_ms,
)
from tests.samples import NOW_MS
from tests.unit.ledger_world import SLOT_MS, Ledger, arrival, status

WIDTH = span_ms(SLOT_MS)
START = NOW_MS // WIDTH * WIDTH


def key(what: str, spans: int = 0, desk: str = "nl", lane: str = "routine") -> MomentKey:
    return MomentKey(desk, lane, START + spans * WIDTH, what)


def test_each_moment_is_counted_in_its_own_span_once() -> None:
    ledger = Ledger().each(
        arrival(at_ms=START),
        status("looked", at_ms=START + WIDTH, place=0),
        status("shelved", at_ms=START + 2 * WIDTH, place=1),
        status("closed", at_ms=START + 3 * WIDTH, place=2, disposition="prosecution"),
        status("reopened", at_ms=START + 4 * WIDTH, place=3),
        status("closed", at_ms=START + 5 * WIDTH, place=4, disposition="prosecution"),
    )
    assert ledger.history == Counter({key(ARRIVED): 1, key(LOOKED, 1): 1, key(CLOSED, 3): 1, key(CLOSED, 5): 1})


def test_what_a_desk_said_counts_when_its_referral_is_met_at_the_time_it_was_said() -> None:
    ledger = Ledger().each(status("looked", at_ms=START + WIDTH))
    assert not ledger.history
    ledger.apply(arrival(at_ms=START))
    assert ledger.history == Counter({key(ARRIVED): 1, key(LOOKED, 1): 1})


def test_an_amendment_that_is_read_before_its_first_record_gives_the_arrival_back() -> None:
    later = arrival(lane=Lane.URGENT, at_ms=START + 3 * WIDTH, revision=2, action="amend")
    ledger = Ledger().each(later)
    assert ledger.history == Counter({key(ARRIVED, 3, lane="urgent"): 1})
    ledger.apply(arrival(at_ms=START))
    assert ledger.history == Counter({key(ARRIVED, lane="urgent"): 1})


def test_a_referral_that_changes_its_lane_takes_its_history_with_it() -> None:
    ledger = Ledger().each(arrival(at_ms=START), status("looked", at_ms=START + WIDTH))
    ledger.apply(arrival(lane=Lane.URGENT, at_ms=START + WIDTH, revision=2, action="amend"))
    assert ledger.history == Counter({key(ARRIVED, lane="urgent"): 1, key(LOOKED, 1, lane="urgent"): 1})


def test_each_stay_arrives_in_whatever_order_the_records_are_read() -> None:
    first = arrival(at_ms=START)
    away = status("forwarded", at_ms=START + WIDTH, place=0, to="de")
    back = arrival(at_ms=START + 2 * WIDTH, chain="nl,de")
    looked = status("looked", at_ms=START + 3 * WIDTH, place=1)
    amended = arrival(at_ms=START + 4 * WIDTH, revision=2, action="amend")
    wanted = Counter({key(ARRIVED): 1, key(ARRIVED, 2): 1, key(LOOKED, 3): 1})
    assert Ledger().each(first, away, back, looked, amended).history == wanted
    assert Ledger().each(amended, away, looked, back, first).history == wanted
    assert Ledger().each(away, looked, back, amended, first).history == wanted


def test_what_was_written_down_without_its_time_moves_nothing_that_is_kept() -> None:
    """An entry of a version before, whose records were amended then."""
    ledger = Ledger().each(arrival(at_ms=START), arrival(at_ms=START + WIDTH, revision=2, action="amend"))
    ledger.entry().ranks = "1.1 2.1"
    ledger.apply(arrival(at_ms=START + 2 * WIDTH, revision=3, action="amend"))
    assert ledger.history == Counter({key(ARRIVED): 1})


def loaded(history: dict[MomentKey, int], whole_from_ms: int | None = None) -> PastSpans:
    spans = PastSpans()
    spans.load(history, SLOT_MS, whole_from_ms)
    return spans


def shown(spans: PastSpans, now_ms: int) -> tuple[Span, ...]:
    return spans.of([("nl", "routine"), ("de", "urgent")], spans.starts(now_ms))


def test_spans_without_anything_are_there_from_the_first_to_now() -> None:
    spans = loaded({key(ARRIVED): 5, key(LOOKED, 2, "de", "urgent"): 3, key(ARRIVED, 0, "zz"): 9})
    assert shown(spans, START + 3 * WIDTH + 1) == (
        Span(START, 5, 0, 0),
        Span(START + WIDTH, 0, 0, 0),
        Span(START + 2 * WIDTH, 0, 3, 0),
        Span(START + 3 * WIDTH, 0, 0, 0),
    )


def test_nothing_is_known_before_anything_happened() -> None:
    assert shown(loaded({}), NOW_MS) == shown(PastSpans(), NOW_MS) == ()


def test_no_more_spans_are_kept_than_are_shown_and_what_went_leaves_the_rest_known() -> None:
    spans = loaded({key(ARRIVED): 5, key(ARRIVED, 3): 1})
    later_ms = START + (SPANS + 1) * WIDTH
    assert first_kept(later_ms, SLOT_MS) == START + 2 * WIDTH
    spans.forget(first_kept(later_ms, SLOT_MS))
    assert spans.oldest() == START + 3 * WIDTH
    found = shown(spans, later_ms)
    assert (len(found), found[0], found[1].arrived) == (SPANS, Span(START + 2 * WIDTH, 0, 0, 0), 1)
    assert sum(span.arrived for span in found) == 1


def test_a_quiet_month_is_known_to_have_been_quiet() -> None:
    spans = loaded({key(ARRIVED): 5})
    spans.forget(START + WIDTH)
    assert spans.oldest() is None
    assert len(shown(spans, START + SPANS * WIDTH)) == SPANS


def test_sums_are_those_of_the_spans() -> None:
    spans = loaded({key(ARRIVED, -200): 7, key(ARRIVED): 5, key(LOOKED): 2, key(CLOSED, 1): 1})
    assert spans.sums("nl", "routine", spans.starts(START + WIDTH)) == (5, 2, 1)
    assert spans.sums("de", "routine", spans.starts(START + WIDTH)) == (0, 0, 0)
