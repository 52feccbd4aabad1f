"""When a message that was not taken is tried again, given up, or kept for later."""

from services.notifier.pace import DEAD_AFTER, Pace
from services.notifier.retry import JITTER, SCHEDULE_S, WHOLE_MS, Again, Decision, Disabled, Done, GivenUp, decide
from services.notifier.verdict import Delivered, Gone, Refused, Retry, Verdict
from tests.notifier_world import NOW_MS


def decided(verdict: Verdict, tries: int = 1, age_ms: int = 0) -> Decision:
    return decide(verdict, tries, NOW_MS - age_ms, NOW_MS, 0.0)


def test_tries_go_over_28_hours_and_then_it_is_given_up() -> None:
    waited_ms = 0
    for tries, wait_s in enumerate(SCHEDULE_S, start=1):
        assert decided(Retry("timeout"), tries, waited_ms) == Again(NOW_MS + wait_s * 1000, "timeout")
        waited_ms += wait_s * 1000
    assert waited_ms == WHOLE_MS
    assert 27 * 3_600_000 < waited_ms < 29 * 3_600_000
    assert decided(Refused("http_4xx"), len(SCHEDULE_S) + 1, waited_ms) == GivenUp("http_4xx")


def test_a_receiver_is_given_the_time_that_it_asks_for() -> None:
    assert decided(Retry("http_429", 90)) == Again(NOW_MS + 90_000, "http_429")
    assert decided(Retry("http_429", -5)) == Again(NOW_MS + 1_000, "http_429")
    assert decided(Delivered()) == Done()
    assert decided(Gone("http_410")) == Disabled("http_410")


def test_a_receiver_that_asks_for_short_waits_uses_up_no_message() -> None:
    many = 10 * len(SCHEDULE_S)
    assert decided(Retry("http_429", 1), many, WHOLE_MS - 1) == Again(NOW_MS + 1_000, "http_429")
    assert decided(Retry("timeout"), many, WHOLE_MS - 1) == Again(NOW_MS + SCHEDULE_S[-1] * 1000, "timeout")
    assert decided(Retry("http_429", 1), many, WHOLE_MS) == GivenUp("http_429")


def test_a_message_that_waited_long_without_being_tried_is_not_given_up() -> None:
    assert decided(Retry("timeout"), 1, 2 * WHOLE_MS) == Again(NOW_MS + SCHEDULE_S[0] * 1000, "timeout")


def test_what_failed_together_is_not_tried_together() -> None:
    assert decide(Retry("timeout"), 1, NOW_MS, NOW_MS, 1.0) == Again(
        NOW_MS + int(SCHEDULE_S[0] * (1 + JITTER) * 1000), "timeout"
    )


def test_what_waits_goes_out_at_the_first_success_and_when_a_dead_one_comes_back() -> None:
    pace = Pace()
    assert pace.succeed(), "what a process before knew of it is in no memory"
    assert not pace.succeed()
    for _ in range(DEAD_AFTER - 1):
        pace.fail(NOW_MS)
    assert not pace.succeed()
    for _ in range(DEAD_AFTER):
        pace.fail(NOW_MS)
    assert pace.dead
    assert pace.succeed()
