"""Notices as the notifier reads them, and its messages, held against the contracts of both."""

import json
from typing import Any

import pytest

from schemas import notices
from schemas.codes import Lane, NoticeType
from schemas.message import Message
from schemas.records import serialise
from services.notifier.compose import compose, compose_test
from services.notifier.ladder import Reason, Told, take
from services.notifier.notice import Notice, read_notice, write_notice
from tests.notifier_world import NOW_MS, TOKENS, notify

OLDEST = "2026-11-01T11:06:40.123Z"
WHOLE = {
    "id": "0" * 32,
    "type": "daily_digest",
    "group": "nl/all/daily_digest",
    "sequence": 2**53 - 1,
    "desk": "nl",
    "at": "2026-11-18T11:06:40Z",
    "lane": "routine",
    "count": 7,
    "added": 3,
    "oldest_at": OLDEST,
    "through": "2026-11-18T11:06:40.000Z",
    "day": "2026-11-18",
    "reports": [{"partner": "ncmec", "report": "A-1"}],
    "lanes": [
        {"lane": "urgent", "waiting": 1, "shelved": 2, "in_hand": 3, "overdue": 4},
        {"lane": "routine", "waiting": 0, "shelved": 0, "in_hand": 0, "overdue": 0, "oldest_at": OLDEST},
    ],
}
END = {
    "id": "0" * 32,
    "type": "looked",
    "group": "nl/urgent/urgent_arrived",
    "sequence": 1,
    "desk": "nl",
    "at": "2026-11-18T11:06:40Z",
    "ends": "urgent_arrived",
    "count": 0,
}
BARE = {name: END[name] for name in ("id", "group", "sequence", "desk", "at", "count")} | {"type": "urgent_arrived"}
FILLED = pytest.mark.parametrize("document", [WHOLE, END, BARE], ids=["whole", "end", "bare"])


def as_bytes(document: dict[str, Any]) -> bytes:
    return serialise(notices.Notice.model_validate_json(json.dumps(document)))


def read(document: dict[str, Any]) -> Notice:
    found = read_notice(as_bytes(document))
    assert found is not None
    return found


@FILLED
def test_every_field_that_is_used_is_read_as_the_contract_reads_it(document: dict[str, Any]) -> None:
    written = json.loads(as_bytes(document))
    used = {name: value for name, value in written.items() if name not in ("id", "at", "through")}
    assert json.loads(write_notice(read(document))) == used


@FILLED
def test_what_is_written_is_read_as_it_was(document: dict[str, Any]) -> None:
    assert read_notice(write_notice(read(document))) == read(document)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("type", "anything"),
        ("type", "looked"),
        ("group", "nl/urgent"),
        ("group", "nl/all/daily_digest\n"),
        ("group", "fr/all/daily_digest"),
        ("group", "nl/all/" + "a" * 90),
        ("group", "nl/all/a\u0000"),
        ("sequence", 0),
        ("sequence", 2**53),
        ("sequence", "1"),
        ("sequence", True),
        ("sequence", 1.5),
        ("desk", "NL"),
        ("desk", "n" * 33),
        ("desk", None),
        ("lane", "slow"),
        ("ends", "looked"),
        ("ends", "urgent_arrived"),
        ("count", -1),
        ("added", 2**53),
        ("oldest_at", "2026-13-01T11:06:40.123Z"),
        ("oldest_at", "yesterday"),
        ("day", "2026-02-30"),
        ("day", "20260228"),
        ("reports", [{"partner": "ncmec", "report": "A 1"}]),
        ("reports", [{"partner": "ncmec", "report": "A-1"}] * 21),
        ("lanes", [{"lane": "urgent"}]),
        ("lanes", [{**WHOLE["lanes"][0], "oldest_at": "2026-13-01T11:06:40.123Z"}]),  # type: ignore[index]
    ],
)
def test_a_field_out_of_its_bounds_is_no_notice_to_either(name: str, value: object) -> None:
    document = json.dumps(WHOLE | {name: value})
    with pytest.raises(ValueError, match="validation error"):
        notices.Notice.model_validate_json(document)
    assert read_notice(document.encode()) is None


@pytest.mark.parametrize(
    "value", [None, b"", b"{", b"[]", b"null", b"\xff", b"1", json.dumps(END | {"count": 1}).encode()]
)
def test_what_is_no_notice_is_none(value: bytes | None) -> None:
    assert read_notice(value) is None


@FILLED
@pytest.mark.parametrize("reason", Reason)
def test_a_message_is_what_its_contract_says_in_its_very_bytes(document: dict[str, Any], reason: Reason) -> None:
    group = take(None, read(document), NOW_MS)
    told = Told(reason, NOW_MS, ("duty",), 3, 2)
    for report_numbers in (True, False):
        body = compose(group, told, notify(report_numbers=report_numbers), TOKENS.invite, NOW_MS)
        message = Message.model_validate_json(body)
        assert serialise(message) == body
        assert [each.report for each in message.data.reports] == (
            ["A-1"] if report_numbers and document is WHOLE else []
        )
        assert (message.data.acknowledge is None) == (reason in (Reason.DIGEST, Reason.END))


def test_a_test_is_a_message_too() -> None:
    body = compose_test("nl", "duty", NOW_MS, NOW_MS)
    assert serialise(Message.model_validate_json(body)) == body


def test_a_lane_and_a_type_are_the_contracts_own() -> None:
    found = read(WHOLE)
    assert (found.type, found.lane) == (NoticeType.DAILY_DIGEST, Lane.ROUTINE)
