"""Logging: JSON lines on stderr, event names from a closed list, and values that cannot hold payload.

A value is a number, a truth value, a code (an enum's member) or a `Name`. Everything else is refused: in
tests by an exception, in production by leaving it out. Of an exception only its type's name and error code
remain, because its text may quote what it was given. Of other libraries' lines remain the place in the
source and a count.
"""

import logging
import sys
import threading
import traceback
from collections.abc import Mapping
from enum import Enum, StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import structlog

from services.runtime.foreign import ForeignLines

LEFT_OUT: Final = "left_out"
"""The key under which a line says how many of its values were refused."""
_FRAMES: Final = 6


class Event(StrEnum):
    """Every event a line can be about."""

    STARTED = "started"
    LISTENING = "listening"
    READY = "ready"
    NOT_READY = "not_ready"
    ASSIGNED = "assigned"
    REVOKED = "revoked"
    MEMBERSHIP_FAILED = "membership_failed"
    FENCED = "fenced"
    RESTORED = "restored"
    TRANSACTION_FAILED = "transaction_failed"
    LEFTOVER_HEALED = "leftover_healed"
    DISAGREEMENT = "disagreement"
    ASLEEP = "asleep"
    RETENTION_OVERTOOK = "retention_overtook"
    LEFT = "left"
    TOPICS_MISSING = "topics_missing"
    LEAVING = "leaving"
    STOPPED = "stopped"
    CRASHED = "crashed"
    TOOK_OVER = "took_over"
    SESSION_FAILED = "session_failed"
    EVENT_REFUSED = "event_refused"
    BROKERS_DOWN = "brokers_down"
    MESSAGES_REFUSED = "messages_refused"
    NOTICE_REFUSED = "notice_refused"
    ENDPOINT_DISABLED = "endpoint_disabled"
    ENDPOINT_DEAD = "endpoint_dead"
    ENDPOINT_REVIVED = "endpoint_revived"
    DELIVERY_FAILED = "delivery_failed"
    DATABASE_FAILED = "database_failed"
    FORGOTTEN = "forgotten"
    RENDERING_FAILED = "rendering_failed"
    FOREIGN_LOG = "foreign_log"


class Name(str):
    """A word this system or its configuration chose: a topic, a desk, a host. Never a part of a record."""

    __slots__ = ()


Value = int | float | bool | None | Enum | Name | BaseException | tuple[Name, ...]


class NotLoggable(TypeError):  # noqa: N818 - said as it reads
    """A value that may hold payload was about to be logged. Names the key and the type, never the value."""


class Log:
    """What a module logs with: one method a level, an event, and values of the kinds above."""

    __slots__ = ("_bound", "_target")

    def __init__(self, target: Any, bound: Mapping[str, Value]) -> None:
        self._target = target
        self._bound = dict(bound)

    def bind(self, **values: Value) -> "Log":
        """The same with values that every line of it will carry."""
        return Log(self._target, {**self._bound, **values})

    def debug(self, event: Event, **values: Value) -> None:
        """For whoever looks for a fault in the code."""
        self._say("debug", event, values)

    def info(self, event: Event, **values: Value) -> None:
        """What happens in a good day."""
        self._say("info", event, values)

    def warning(self, event: Event, **values: Value) -> None:
        """What heals by itself, and should not come often."""
        self._say("warning", event, values)

    def error(self, event: Event, **values: Value) -> None:
        """What somebody must look at."""
        self._say("error", event, values)

    def _say(self, level: str, event: Event, values: Mapping[str, Value]) -> None:
        if not _Setup.done:
            configure("unconfigured", strict=True)
        kept = _only_loggable({**self._bound, **values}, strict=_Setup.strict)
        getattr(self._target, level)(Event(event).value, **kept)


class _Setup:
    """What `configure` decided. A line logged before it configures strictly: so a test needs nothing."""

    done = False
    strict = True


def configure(service: str, *, strict: bool = False, level: int = logging.INFO) -> None:
    """Set up this process's logging, once, before its first line.

    `strict` raises NotLoggable instead of leaving a value out. Uncaught exceptions, warnings and the
    lines of other libraries are reduced as well: each would otherwise print text nobody has checked.
    """
    structlog.reset_defaults()
    structlog.configure(
        processors=[
            _named(service),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _renderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _Setup.done, _Setup.strict = True, strict
    _take_over_foreign_lines()
    sys.excepthook = _log_crash
    sys.unraisablehook = lambda hook: _log_crash(hook.exc_type, hook.exc_value, hook.exc_traceback)
    threading.excepthook = lambda hook: _log_crash(hook.exc_type, hook.exc_value, hook.exc_traceback)


def logger(**bound: Value) -> Log:
    """A logger whose lines all carry `bound`."""
    return Log(structlog.get_logger(), bound)


def _take_over_foreign_lines() -> None:
    root = logging.getLogger()
    for present in list(root.handlers):
        if isinstance(present, ForeignLines):
            root.removeHandler(present)
    root.addHandler(ForeignLines(_log_foreign))
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # else a line that cannot be formatted is printed with its arguments


def _log_foreign(record: logging.LogRecord, count: int) -> None:
    logger().warning(
        Event.FOREIGN_LOG,
        logger=Name(record.name),
        severity=Name(record.levelname),
        place=Name(f"{record.filename}:{record.lineno}"),
        error=record.exc_info[1] if record.exc_info else None,
        count=count,
    )


def _log_crash(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """The type and the places in the code; a traceback's last line would quote the error's text."""
    if issubclass(kind, KeyboardInterrupt):
        return
    logger().error(Event.CRASHED, error=error if error is not None else Name(kind.__name__), places=places(trace))


def places(trace: TracebackType | None) -> tuple[Name, ...]:
    """The innermost frames of a traceback, the innermost last: file, line and function, none of its words."""
    frames = traceback.extract_tb(trace)[-_FRAMES:]
    return tuple(Name(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}") for frame in frames)


def _only_loggable(values: Mapping[str, object], *, strict: bool) -> dict[str, object]:
    kept: dict[str, object] = {}
    refused = 0
    for key, value in values.items():
        if isinstance(value, BaseException):
            kept[key] = type(value).__name__
            if isinstance(code := getattr(value, "errno", None), int):
                kept[f"{key}_code"] = code
        elif isinstance(value, Enum):
            kept[key] = value.value
        elif _is_plain(value):
            kept[key] = value
        elif strict:
            raise NotLoggable(f"{key}: a {type(value).__name__} may hold payload; log a code, a number or a Name")
        else:
            refused += 1
    return {**kept, LEFT_OUT: refused} if refused else kept


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(isinstance(item, Name) for item in value)
    return value is None or isinstance(value, int | float | Name)


def _named(service: str) -> structlog.typing.Processor:
    def add_service(_logger: Any, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        line["service"] = service
        return line

    return add_service


def _renderer() -> structlog.typing.Processor:
    if sys.stderr.isatty():
        return structlog.dev.ConsoleRenderer()
    return structlog.processors.JSONRenderer()
