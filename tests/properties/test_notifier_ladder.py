"""Groups and ladders under any sequence of notices, ends, answers and time: one ladder, never silent, always ends."""

import itertools
from datetime import UTC, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
from hypothesis import assume, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from policy.notify import Notify, Quiet, Rung
from schemas.codes import Lane, NoticeType
from services.notifier.group import Group
from services.notifier.ladder import UPDATE_MS, Answer, Reason, Told, advance, answer, due_ms, take
from services.notifier.notice import Notice

START_MS: Final = 1_790_000_000_000
LATE_MS: Final = 1_790_020_740_000
"""A minute before the quiet hours."""
LADDER: Final = (Rung(0, ("first",)), Rung(600, ("second",)), Rung(3_600, ("first", "third")))
QUIET: Final = Quiet(time(22), time(7))
PATIENCE_MS: Final = (86_400 + 12 * 3_600) * 1000
"""Longer than the longest wait for the next message: a repetition, and the quiet hours after it."""


def notice(sequence: int, type_: NoticeType, lane: Lane, added: int = 1) -> Notice:
    ending = type_ in (NoticeType.LOOKED, NoticeType.RESOLVED)
    return Notice(
        type=type_,
        group=f"nl/{lane}/target_missed",
        sequence=sequence,
        desk="nl",
        lane=lane,
        ends=NoticeType.TARGET_MISSED if ending else None,
        count=0 if ending else added,
        added=0 if ending else added,
    )


class Ladders(RuleBasedStateMachine):
    """One group, and what is known of it from outside alone: what was put in, and what came out."""

    @initialize(lane=st.sampled_from(Lane), quiet=st.sampled_from([None, QUIET]), late=st.booleans())
    def begin(self, lane: Lane, quiet: Quiet | None, late: bool) -> None:
        self.lane, self.quiet = lane, quiet
        self.notify = Notify(rungs=LADDER, repeat_seconds=86_400, time_zone="Europe/Amsterdam", quiet=quiet)
        self.now_ms = LATE_MS if late else START_MS
        self.group: Group | None = None
        self.sequence = 0
        self.open = False
        self.answered = 0
        self.sent: list[tuple[int, Told, int]] = []
        self.opening: list[tuple[int, Told, int]] = []

    def run_out(self) -> None:
        """Send what is due now; how much that may be is bounded."""
        for _ in range(3):
            assert self.group is not None
            before = self.group
            self.group, told = advance(self.group, self.notify, self.now_ms)
            if told is None:
                assert self.group == before
                return
            entry = (self.now_ms, told, self.group.covered)
            self.sent.append(entry)
            if told.reason is Reason.END:
                assert set(told.channels) == {name for _, each, _ in self.opening for name in each.channels}
                self.opening = []
            else:
                self.opening.append(entry)
        raise AssertionError("more and more is due at one moment")

    def put(self, made: Notice) -> None:
        self.group = take(self.group, made, self.now_ms)
        assert take(self.group, made, self.now_ms + 1) == self.group, "the same notice again changes something"
        self.run_out()

    @rule(burst=st.integers(1, 40))
    def cause(self, burst: int) -> None:
        told = len(self.sent)
        was_needed = self.group is not None and self.group.needs_answer
        for _ in range(burst):
            self.sequence += 1
            if not self.open:
                self.opening = self.opening if self.group is not None and self.group.end_owed else []
            self.open = True
            self.put(notice(self.sequence, NoticeType.TARGET_MISSED, self.lane))
        assert len(self.sent) - told <= (2 if not was_needed else 1), "a burst is one message"

    @rule(end=st.sampled_from([NoticeType.LOOKED, NoticeType.RESOLVED]))
    def end(self, end: NoticeType) -> None:
        self.sequence += 1
        self.open, self.answered = False, self.sequence
        self.put(notice(self.sequence, end, self.lane))

    @rule(seconds=st.one_of(st.integers(1, 90), st.integers(1, 100_000)))
    def pass_time(self, seconds: int) -> None:
        self.now_ms += seconds * 1000
        if self.group is not None:
            self.run_out()

    @rule()
    def sleep_until_due(self) -> None:
        assume(self.group is not None)
        assert self.group is not None
        due = due_ms(self.group, self.notify, self.now_ms)
        assume(due is not None)
        assert due is not None
        told = len(self.sent)
        self.now_ms = due
        self.run_out()
        assert len(self.sent) > told, "what is due is sent when it is due"

    @rule(back=st.integers(-1, 5))
    def reply(self, back: int) -> None:
        assume(self.group is not None)
        assert self.group is not None
        through = self.sequence - back
        assume(through > 0)
        self.group, came = answer(self.group, through, self.now_ms)
        if through > self.sequence:
            assert came is Answer.AHEAD
        elif came is Answer.TAKEN:
            assert self.open
            assert through > self.answered, "what was answered, or is over, says nothing of what came after it"
            self.answered = through
        self.run_out()

    @invariant()
    def an_answer_never_covers_what_came_after_it(self) -> None:
        if getattr(self, "group", None) is not None:
            assert self.group is not None
            assert self.group.needs_answer == (self.open and self.answered < self.sequence)

    @invariant()
    def it_is_never_silent_while_nobody_has_answered_and_ends_when_somebody_has(self) -> None:
        if getattr(self, "group", None) is None:
            return
        assert self.group is not None
        due = due_ms(self.group, self.notify, self.now_ms)
        if self.open and self.answered < self.sequence:
            assert due is not None
            assert self.now_ms < due <= self.now_ms + PATIENCE_MS
        else:
            assert (due is not None) == self.group.end_owed

    @invariant()
    def whoever_was_told_hears_of_the_end_once(self) -> None:
        if getattr(self, "group", None) is not None and not self.open:
            assert self.group is not None
            assert self.group.end_owed == bool(self.opening)

    @invariant()
    def numbers_and_what_they_cover_only_grow(self) -> None:
        numbers = [told.number for _, told, _ in getattr(self, "sent", [])]
        assert numbers == sorted(set(numbers))
        covers = [covered for _, _, covered in getattr(self, "sent", [])]
        assert covers == sorted(covers)

    @invariant()
    def an_open_group_is_updated_once_a_minute_at_most(self) -> None:
        opening = getattr(self, "opening", [])
        for (before_ms, _, _), (at_ms, told, _) in itertools.pairwise(opening):
            if told.reason is Reason.UPDATE or told.step == 1:
                assert at_ms - before_ms >= UPDATE_MS

    @invariant()
    def steps_go_up_one_by_one_and_have_their_time(self) -> None:
        """Two ladders at once would show two first steps without an answer or an end between, or a step too soon."""
        steps = [(at_ms, told.step) for at_ms, told, _ in getattr(self, "opening", []) if told.reason is Reason.STEP]
        for (before_ms, before), (at_ms, step) in itertools.pairwise(steps):
            assert step in (1, (before or 0) + 1)
            if step != 1:
                assert at_ms - before_ms >= 600_000

    @invariant()
    def quiet_hours_are_quiet_for_all_but_the_urgent_lane(self) -> None:
        if getattr(self, "quiet", None) is None or self.lane is Lane.URGENT:
            return
        for at_ms, _, _ in self.sent:
            local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo("Europe/Amsterdam"))
            assert 7 <= local.hour < 22


TestLadders = Ladders.TestCase
TestLadders.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
