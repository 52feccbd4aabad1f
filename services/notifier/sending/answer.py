"""What an HTTP answer to a webhook means. Pure."""

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from services.notifier.sending.codes import Failure
from services.notifier.verdict import Delivered, Gone, Refused, Retry, Verdict

MOST_WAIT_SECONDS: Final = 3600.0
"""A receiver that asks for longer is asked again after this: what waits here is a person who was not told."""

_BUSY: Final = {429: Failure.HTTP_429, 503: Failure.HTTP_503}
_PASSING: Final = frozenset({408, 425})
"""Of the 4xx, those that another time may answer otherwise."""


def judge(status: int, retry_after: str | None, at_ms: int) -> Verdict:
    """The verdict of a status and of the header `Retry-After`, if there was one. `at_ms`: now."""
    if 200 <= status < 300:
        return Delivered()
    if status == 410:
        return Gone(Failure.HTTP_410)
    if status in _BUSY:
        return Retry(_BUSY[status], wait_seconds(retry_after, at_ms))
    if status >= 500:
        return Retry(Failure.HTTP_5XX, wait_seconds(retry_after, at_ms))
    if status >= 400:
        return Retry(Failure.HTTP_4XX) if status in _PASSING else Refused(Failure.HTTP_4XX)
    return Refused(Failure.HTTP_3XX) if status >= 300 else Retry(Failure.NOT_HTTP)


def wait_seconds(retry_after: str | None, at_ms: int) -> float | None:
    """Seconds from now, of either form (RFC 9110, section 10.2.3); None for what is neither."""
    text = (retry_after or "").strip()
    if not text.isascii() or len(text) > 64:
        return None
    if text.isdigit():
        return min(float(text), MOST_WAIT_SECONDS)
    try:
        at = parsedate_to_datetime(text)
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - at_ms / 1000
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(seconds, 0.0), MOST_WAIT_SECONDS)
