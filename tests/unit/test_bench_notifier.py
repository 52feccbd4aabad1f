"""What the notifier's bench makes of a sink's log."""

from dataclasses import replace

import pytest

from services.runtime.exits import CannotRun
from tests.bench.notifier.volume import delivered
from tests.notices.account import Request
from tests.notices.load import Course, courses

OPEN: list[Course] = courses(20, 1, ("C",), 7, seed=1)
REQUEST = Request(
    at_ms=0, path="/d000", id="msg", group="", sequence=1, covers=7, type="referral.notice.urgent_arrived",
    made="2026-11-18T11:06:40.000Z", sha256="a", verified=True, status=204,
)  # fmt: skip


def log(*statuses: int) -> list[Request]:
    """A request each 100 ms, of one group after the other."""
    return [
        replace(REQUEST, at_ms=100 * place, group=course.group, status=status)
        for place, (course, status) in enumerate(zip(OPEN, statuses, strict=False), 1)
    ]


def test_the_rate_is_taken_until_nine_of_ten_groups_are_told() -> None:
    assert delivered(OPEN, log(*[204] * 20), 0.0) == (18, 1.8)


def test_what_failed_is_no_delivery() -> None:
    assert delivered(OPEN, log(500, 204, *[204] * 18), 0.0) == (18, 1.9)


def test_a_load_that_is_not_told_has_no_rate() -> None:
    with pytest.raises(CannotRun):
        delivered(OPEN, log(*[500] * 20), 0.0)
