"""Quiet hours end when the desk's clock says so, on the nights too on which it is set."""

from datetime import UTC, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.notify import Quiet
from services.notifier.quiet import loud_from_ms

AMSTERDAM: Final = "Europe/Amsterdam"
NIGHT: Final = Quiet(time(22), time(7))


def ms(text: str) -> int:
    """Of a time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("at", "quiet", "loud"),
    [
        ("2026-11-18T12:00", NIGHT, "2026-11-18T12:00"),
        ("2026-11-18T21:00", NIGHT, "2026-11-19T06:00"),
        ("2026-11-19T05:59:59", NIGHT, "2026-11-19T06:00"),
        ("2026-11-19T06:00", NIGHT, "2026-11-19T06:00"),
        ("2026-03-28T22:00", NIGHT, "2026-03-29T05:00"),  # the night is an hour shorter
        ("2026-10-24T22:00", NIGHT, "2026-10-25T06:00"),  # and an hour longer
        ("2026-03-28T22:00", Quiet(time(22), time(2, 30)), "2026-03-29T01:00"),  # 2:30 does not exist: from 3:00 on
        ("2026-10-24T22:00", Quiet(time(22), time(2, 30)), "2026-10-25T00:30"),  # 2:30 for the first time
        ("2026-10-25T01:10", Quiet(time(22), time(2, 30)), "2026-10-25T01:30"),  # 2:10 again, until 2:30 again
        ("2026-03-29T01:00", Quiet(time(2, 30), time(4)), "2026-03-29T02:00"),  # 3:00, which follows 1:59
        ("2026-11-18T12:00", Quiet(time(12), time(14)), "2026-11-18T13:00"),
        ("2026-11-18T12:00", None, "2026-11-18T12:00"),
    ],
)
def test_quiet_hours_end_by_the_desks_clock(at: str, quiet: Quiet | None, loud: str) -> None:
    assert loud_from_ms(ms(at), quiet, AMSTERDAM) == ms(loud)


times = st.times().map(lambda found: found.replace(microsecond=0))


@given(
    at=st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1)),
    start=times,
    end=times,
    zone=st.sampled_from([AMSTERDAM, "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo"]),
)
def test_what_quiet_hours_let_through_is_never_in_them(at: datetime, start: time, end: time, zone: str) -> None:
    at_ms = int(at.replace(tzinfo=UTC).timestamp() * 1000)
    loud_ms = loud_from_ms(at_ms, Quiet(start, end), zone)
    assert at_ms <= loud_ms <= at_ms + 26 * 3_600_000
    wall = datetime.fromtimestamp(loud_ms / 1000, ZoneInfo(zone)).time()
    assert not (start <= wall < end if start <= end else wall >= start or wall < end)
