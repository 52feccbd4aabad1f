"""Numbers and ages as a person says them. Pure."""

from typing import Final

_UNITS: Final = (("year", 31_536_000), ("month", 2_592_000), ("day", 86_400), ("hour", 3_600), ("minute", 60))


def say_age(seconds: float) -> str:
    """In the largest unit of which there are at least two, or exactly one: `36 hours`, `3 days`, `1 year`."""
    whole = max(0, int(seconds))
    for unit, length in _UNITS:
        if whole >= 2 * length or whole == length:
            return _plural(whole // length, unit)
    return _plural(whole, "second")


def say_number(number: int) -> str:
    """With separators between thousands."""
    return f"{number:,}"


def _plural(number: int, unit: str) -> str:
    return f"{number:,} {unit}" if number == 1 else f"{number:,} {unit}s"
