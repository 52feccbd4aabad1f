"""When a desk wants to hear only what is urgent, by its own clock. Pure; right across daylight-saving changes."""

from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from policy.notify import Quiet

_STEPS: Final = 4
"""Ends of quiet hours that are tried: on the night that the clock is set back one hour can be quiet twice."""


def loud_from_ms(at_ms: int, quiet: Quiet | None, time_zone: str) -> int:
    """`at_ms` itself, or, where that is in the quiet hours, when they end."""
    if quiet is None:
        return at_ms
    zone = ZoneInfo(time_zone)
    for _ in range(_STEPS):
        local = datetime.fromtimestamp(at_ms / 1000, zone)
        if not _is_within(local.time(), quiet):
            return at_ms
        at_ms = _end_ms(local, at_ms, quiet, zone)
    return at_ms


def _is_within(wall: time, quiet: Quiet) -> bool:
    if quiet.start <= quiet.end:
        return quiet.start <= wall < quiet.end
    return wall >= quiet.start or wall < quiet.end


def _end_ms(local: datetime, at_ms: int, quiet: Quiet, zone: ZoneInfo) -> int:
    """The first moment after `at_ms` at which the clock shows the end, or has jumped over it."""
    day = local.date() if local.time() < quiet.end else local.date() + timedelta(days=1)
    shown = datetime.combine(day, quiet.end, zone)
    first, second = (_milliseconds(shown.replace(fold=fold)) for fold in (0, 1))
    if second < first:  # PEP 495: a time that the clock jumps over
        return _jump_ms(second, first, zone)
    return first if first > at_ms else second


def _jump_ms(before_ms: int, after_ms: int, zone: ZoneInfo) -> int:
    """The moment in between at which the clock is set ahead, to the second."""
    old = datetime.fromtimestamp(before_ms / 1000, zone).utcoffset()
    low, high = before_ms // 1000, after_ms // 1000
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == old:
            low = middle
        else:
            high = middle
    return high * 1000


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
