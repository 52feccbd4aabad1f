"""Durations as an operator writes them: a whole number and a unit, `30s`, `10m`, `4h`, `7d`. Pure."""

import re
from typing import Final

LEAST_SECONDS: Final = 1
MOST_SECONDS: Final = 3650 * 86_400
_SECONDS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
"""Of each unit, the longest first. No week and no month: a month is not always as long."""
_WRITTEN: Final = re.compile(r"([1-9][0-9]{0,8})([smhd])", re.ASCII)


def parse_duration(text: str) -> int | None:
    """Seconds; None for what is no duration, and for one that is shorter than 1s or longer than 3650d."""
    if (found := _WRITTEN.fullmatch(text)) is None:
        return None
    seconds = int(found[1]) * _SECONDS[found[2]]
    return seconds if LEAST_SECONDS <= seconds <= MOST_SECONDS else None


def write_duration(seconds: int) -> str:
    """In the longest unit that leaves nothing over: 86400 is `1d`, 5400 is `90m`."""
    unit = next(unit for unit, of_it in _SECONDS.items() if seconds % of_it == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"
