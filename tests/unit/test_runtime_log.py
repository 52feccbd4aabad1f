"""What a log line may hold: our words, codes and numbers; never a part of what was read."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.codes import Outcome, RejectReason
from services.runtime import log as logging_of_ours
from services.runtime.foreign import ForeignLines
from services.runtime.log import Event, Name, NotLoggable, configure, logger

PAYLOAD = "4b1d-hunter2-payload"


@pytest.fixture
def hooks() -> Iterator[None]:
    """Puts back what `configure` replaces in this process."""
    saved = sys.excepthook, sys.unraisablehook, logging.raiseExceptions, logging.getLogger().level
    yield
    sys.excepthook, sys.unraisablehook, logging.raiseExceptions, level = saved
    logging.getLogger().setLevel(level)
    logging.captureWarnings(False)
    for handler in list(logging.getLogger().handlers):
        if isinstance(handler, ForeignLines):
            logging.getLogger().removeHandler(handler)
    logging_of_ours._Setup.done = False


@pytest.fixture
def lenient(hooks: None) -> None:
    configure("router")


@pytest.fixture
def strict(hooks: None) -> None:
    configure("router", strict=True)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


@pytest.mark.usefixtures("strict")
def test_a_line_is_json_with_event_service_level_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    logger(topic=Name("referral.quarantine.v1")).warning(Event.RESTORED, seconds=1.5, outcome=Outcome.ROUTED)
    (line,) = lines(capsys)
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {
        "event": "restored",
        "service": "router",
        "level": "warning",
        "topic": "referral.quarantine.v1",
        "seconds": 1.5,
        "outcome": "routed",
    }


@pytest.mark.usefixtures("strict")
def test_an_event_outside_the_list_cannot_be_logged() -> None:
    with pytest.raises(ValueError, match="is not a valid Event"):
        logger().info("hello")  # type: ignore[arg-type]


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("value", [PAYLOAD.encode(), PAYLOAD, [PAYLOAD], {PAYLOAD: 1}, (PAYLOAD,), object()])
def test_a_strict_logger_refuses_what_may_hold_payload_without_quoting_it(value: object) -> None:
    with pytest.raises(NotLoggable) as refusal:
        logger().info(Event.STARTED, found=value)  # type: ignore[arg-type]
    assert PAYLOAD not in str(refusal.value)


@pytest.mark.usefixtures("lenient")
def test_in_production_such_a_value_is_left_out_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    logger().info(Event.STARTED, found=PAYLOAD, raw=PAYLOAD.encode(), port=1)  # type: ignore[arg-type]
    (line,) = lines(capsys)
    assert line["left_out"] == 2
    assert line["port"] == 1
    assert PAYLOAD not in json.dumps(line)


@pytest.mark.usefixtures("strict")
def test_an_exception_leaves_its_type_and_code_only(capsys: pytest.CaptureFixture[str]) -> None:
    logger().error(Event.TRANSACTION_FAILED, error=OSError(104, PAYLOAD))
    (line,) = lines(capsys)
    assert (line["error"], line["error_code"]) == ("ConnectionResetError", 104)
    assert PAYLOAD not in json.dumps(line)


def test_a_logger_nobody_configured_is_strict(hooks: None) -> None:
    with pytest.raises(NotLoggable):
        logger().info(Event.STARTED, found=PAYLOAD)  # type: ignore[arg-type]


@pytest.mark.usefixtures("hooks")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(), raw=st.binary())
def test_nothing_arbitrary_reaches_a_line(capsys: pytest.CaptureFixture[str], text: str, raw: bytes) -> None:
    configure("router")  # anew: a place already told of would be silent
    text, raw = f"{text}{PAYLOAD}{text}", raw + PAYLOAD.encode() + raw
    values: dict[str, Any] = {"a": text, "b": raw, "c": [text], "d": ValueError(text), "e": (raw,)}
    logger().info(Event.STARTED, **values)
    logging.getLogger("aiokafka.consumer").error("Failed on %s %r", text, raw)
    logging.getLogger("uvicorn.error").warning(f"Bad {text}")
    said = capsys.readouterr().err
    assert said.count("\n") == 3
    assert PAYLOAD not in said


@pytest.mark.usefixtures("strict")
def test_a_foreign_line_keeps_its_place_and_loses_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError(PAYLOAD)
    except ValueError:
        logging.getLogger("asyncio").exception("Task with %s", PAYLOAD)
    (line,) = lines(capsys)
    assert line["event"] == "foreign_log"
    assert (line["logger"], line["severity"], line["error"], line["count"]) == ("asyncio", "ERROR", "ValueError", 1)
    assert str(line["place"]).startswith("test_runtime_log.py:")
    assert PAYLOAD not in json.dumps(line)


@pytest.mark.usefixtures("strict")
def test_a_foreign_line_that_cannot_be_formatted_prints_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("x").warning("%d %d", PAYLOAD)
    (line,) = lines(capsys)
    assert PAYLOAD not in json.dumps(line)


def record(message: str, line: int = 1) -> logging.LogRecord:
    return logging.LogRecord("aiokafka.producer.sender", logging.WARNING, "sender.py", line, message, (), None)


def test_retries_while_markers_are_written_are_counted_and_never_told() -> None:
    told: list[int] = []
    foreign = ForeignLines(lambda _record, count: told.append(count))
    for _ in range(300):
        foreign.emit(record("Got error produce response: %s; retrying"))
    assert told == []
    assert list(foreign.counts.values()) == [300]


def test_one_place_is_told_once_a_minute_with_its_count() -> None:
    told: list[int] = []
    now = [0.0]
    foreign = ForeignLines(lambda _record, count: told.append(count), clock=lambda: now[0])
    for second in (0.0, 1.0, 59.0, 60.0, 61.0):
        now[0] = second
        foreign.emit(record("lost"))
    foreign.emit(record("elsewhere", line=2))
    assert told == [1, 4, 1]


def last_words(*statements: str) -> dict[str, Any]:
    """The one line that a process of its own leaves behind; pytest would stand in the way here."""
    code = "\n".join(["from services.runtime.log import configure", "configure('router')", *statements])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert PAYLOAD not in done.stderr
    return dict(json.loads(done.stderr))


def test_an_uncaught_exception_ends_in_one_line_without_its_text() -> None:
    line = last_words(f"def fail(): raise ValueError('{PAYLOAD}')", "fail()")
    assert (line["event"], line["error"]) == ("crashed", "ValueError")
    assert line["places"][-1].endswith(" fail")


def test_an_uncaught_exception_of_a_thread_does_too() -> None:
    line = last_words("import threading", f"threading.Thread(target=lambda: int('{PAYLOAD}')).start()")
    assert (line["event"], line["error"]) == ("crashed", "ValueError")


def test_an_exception_that_cannot_be_raised_does_too() -> None:
    line = last_words("class Odd:", f"    def __del__(self): int('{PAYLOAD}')", "Odd()")
    assert (line["event"], line["error"]) == ("crashed", "ValueError")


def test_a_warning_is_a_foreign_line() -> None:
    line = last_words("import warnings", f"warnings.warn('{PAYLOAD}')")
    assert (line["event"], line["logger"]) == ("foreign_log", "py.warnings")


def test_codes_are_logged_by_their_value(strict: None, capsys: pytest.CaptureFixture[str]) -> None:
    logger().info(Event.STARTED, reason=RejectReason.OVERSIZE, ready=True, nothing=None)
    (line,) = lines(capsys)
    assert (line["reason"], line["ready"], line["nothing"]) == ("oversize", True, None)
