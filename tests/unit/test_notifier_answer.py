"""`Retry-After`, in both forms, and in none."""

import pytest

from services.notifier.sending.answer import judge, wait_seconds
from services.notifier.verdict import Delivered, Refused, Retry

NOW_MS = 1_790_000_000_000  # 2026-09-21T14:13:20Z


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 120 ", 120),
        ("3600", 3600),
        ("3601", 3600),
        ("9" * 60, 3600),
        ("Mon, 21 Sep 2026 14:14:20 GMT", 60),
        ("Monday, 21-Sep-26 14:14:20 GMT", 60),
        ("Mon Sep 21 14:14:20 2026", 60),
        ("Mon, 21 Sep 2026 14:13:19 GMT", 0),
        ("Mon, 21 Sep 2027 14:13:19 GMT", 3600),
        (None, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("١٢", None),
        ("soon", None),
        ("Mon, 99 Sep 2026 14:14:20 GMT", None),
        ("9" * 65, None),
    ],
)
def test_how_long_a_receiver_asks_for(text: str | None, seconds: float | None) -> None:
    assert wait_seconds(text, NOW_MS) == seconds


def test_every_status_has_a_verdict() -> None:
    verdicts = {status: judge(status, None, NOW_MS) for status in range(100, 1000)}
    assert {status for status, verdict in verdicts.items() if verdict == Delivered()} == set(range(200, 300))
    assert all(isinstance(verdicts[status], Refused) for status in range(300, 400))
    assert all(isinstance(verdicts[status], Retry) for status in range(500, 600))
