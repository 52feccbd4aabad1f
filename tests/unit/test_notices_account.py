"""The judge of the notifier's campaign: what is left out, what changed and what was never sent is found."""

from dataclasses import replace

import pytest

from tests.notices import load
from tests.notices.account import Request, judge, repeats, told
from tests.notices.load import Course

COURSE = Course("d000", "d000/urgent/urgent_arrived/0", 10, "CEC")
ENDED = Course("d001", "d001/urgent/urgent_arrived/1", 10, "CE")
FIRST = Request(
    at_ms=1, path="/d000", id="msg_1", group=COURSE.group, sequence=100, covers=10,
    type="referral.notice.urgent_arrived", made="2026-11-18T11:06:40.000Z", sha256="a", verified=True, status=204,
)  # fmt: skip
LAST = replace(FIRST, id="msg_2", sequence=102, covers=12, sha256="b")
OF_ENDED = replace(FIRST, path="/d001", id="msg_3", group=ENDED.group, sha256="c")
END = replace(OF_ENDED, id="msg_4", sequence=101, covers=11, type="referral.notice.looked", sha256="d")


def kinds(*log: Request, courses: tuple[Course, ...] = (COURSE,)) -> list[str]:
    return [fault.kind for fault in judge(courses, log)]


def test_what_was_told_to_its_end_is_right() -> None:
    assert kinds(FIRST, LAST) == []
    assert kinds(LAST) == [], "the newest stands for all before it"
    assert kinds(LAST, FIRST) == [], "an older one that comes later can be dropped"
    assert told([COURSE, ENDED], [LAST]) == 1.0


@pytest.mark.parametrize("log", [(), (FIRST,), (FIRST, replace(LAST, status=500)), (replace(LAST, covers=11),)])
def test_an_open_group_whose_newest_notice_nobody_took_is_uncovered(log: tuple[Request, ...]) -> None:
    assert kinds(*log) == ["uncovered"]
    assert told([COURSE], log) == 0.0


def test_a_group_that_ended_before_anybody_heard_of_it_needs_no_message() -> None:
    assert kinds(courses=(ENDED,)) == []


@pytest.mark.parametrize("log", [(OF_ENDED,), (replace(OF_ENDED, status=0),), (OF_ENDED, replace(END, status=500))])
def test_one_that_was_begun_to_be_told_has_its_end_told(log: tuple[Request, ...]) -> None:
    assert kinds(*log, courses=(ENDED,)) == ["unfinished"]
    assert kinds(*log, END, courses=(ENDED,)) == []


def test_one_number_with_two_bodies_is_found_also_where_one_was_not_taken() -> None:
    assert kinds(replace(LAST, status=500, sha256="other"), LAST) == ["two_bodies"]


def test_one_message_with_two_ids_and_one_id_for_two_messages_are_found() -> None:
    assert kinds(replace(LAST, status=0, id="msg_9"), LAST) == ["two_ids"]
    assert kinds(FIRST, replace(LAST, id=FIRST.id)) == ["two_ids"]


def test_what_is_not_signed_and_what_nobody_sent_is_found() -> None:
    assert kinds(replace(LAST, verified=False)) == ["unsigned"]
    assert kinds(LAST, OF_ENDED) == ["unknown"]


def test_a_message_that_comes_again_after_it_was_taken_is_counted_and_right() -> None:
    assert repeats([FIRST, replace(LAST, status=500), LAST, LAST, FIRST]) == 2
    assert kinds(FIRST, LAST, LAST, FIRST) == []


def test_a_load_keeps_each_groups_order_and_gives_no_id_twice() -> None:
    courses = load.courses(300, 7, load.COURSES, 1, seed=4)
    sent = load.mixed(courses, seed=4)
    assert len(sent) == load.count(courses) == len({notice.id for notice in sent})
    for course in courses:
        own = [notice.sequence for notice in sent if notice.group == course.group]
        assert own == list(range(1, len(course.steps) + 1))
    assert sent == load.mixed(load.courses(300, 7, load.COURSES, 1, seed=4), seed=4)
    assert [notice.group for notice in sent] != sorted(notice.group for notice in sent)
