"""A duration is a whole number and a unit, and nothing else."""

import pytest

from policy.durations import parse_duration, write_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("90s", 90),
        ("10m", 600),
        ("4h", 14_400),
        ("7d", 604_800),
        ("3650d", 315_360_000),
        ("87600h", 315_360_000),
        ("315360000s", 315_360_000),
    ],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "s", "7", "0s", "07d", "+7d", "-7d", "7D", "7 d", " 7d", "7d\n", "7dd", "1d12h", "1.5h", "1e3s", "1w", "1y",
     "3651d", "87601h", "315360001s", "9999999999s", "\u0667d", "½d", "7\uff44", "true", "~"],
)  # fmt: skip
def test_anything_else_is_none(text: str) -> None:
    assert parse_duration(text) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "1s"), (60, "1m"), (90, "90s"), (3_600, "1h"), (5_400, "90m"), (86_400, "1d"), (90_000, "25h")],
)
def test_a_duration_is_written_in_the_longest_unit_that_leaves_nothing_over(seconds: int, text: str) -> None:
    assert write_duration(seconds) == text
