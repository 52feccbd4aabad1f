"""How `referrals publish` ends when the broker does not simply say yes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError

from policy.intake import Headers
from services.console import publish
from services.console.cluster import meaning
from services.console.publication import Acknowledged, Answer, NotAcknowledged
from services.console.records import KEPT_BYTES, FileRecord
from tests.console_command import referrals
from tests.samples import as_json, envelope

GOOD = as_json(envelope(submitted_at="2025-01-01T00:00:00Z", incident={"type": "other"}))
GONE = NotAcknowledged(meaning(KafkaError(KafkaError._MSG_TIMED_OUT)), refused=False)
TOO_LARGE = NotAcknowledged(meaning(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)), refused=True)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Answer]]:
    """What the broker answers, record by record; `sent` is what it got."""
    planned: list[Answer] = []

    class Broker:
        def __init__(self, _: Any, topic: str, answered: Callable[[FileRecord, Answer], None]) -> None:
            self._answered = answered

        def send(self, record: FileRecord, key: bytes | None, headers: Headers) -> None:
            self._answered(record, planned.pop(0))

        def finish(self) -> None:
            """Everything was answered at once."""

    monkeypatch.setattr(publish, "Publication", Broker)
    yield planned
    assert planned == []


def test_acknowledged_is_0(answers: list[Answer]) -> None:
    answers += [Acknowledged(0, 7), Acknowledged(1, 8)]
    ran = referrals("publish", "--json", "-", stdin=GOOD + b"\n" + GOOD)
    assert ran.code == 0
    assert [(a["line"], a["partition"], a["offset"]) for a in ran.documents()] == [(1, 0, 7), (2, 1, 8)]


def test_a_broker_that_goes_away_is_3_and_says_that_sending_again_is_safe(answers: list[Answer]) -> None:
    answers += [Acknowledged(0, 7), GONE, GONE]
    ran = referrals("publish", "-", stdin=b"\n".join([GOOD] * 3))
    assert ran.code == 3
    assert "2 records not acknowledged within 30 s (_MSG_TIMED_OUT" in ran.err
    assert "publish the same files again" in ran.err
    assert [line.split(":")[1] for line in ran.out.splitlines()] == ["2", "3"]


def test_a_record_that_the_broker_refuses_is_1_and_the_others_go_on(answers: list[Answer]) -> None:
    answers += [TOO_LARGE, Acknowledged(0, 7)]
    ran = referrals("publish", "-", stdin=GOOD + b"\n" + GOOD)
    assert ran.code == 1
    assert "1 acknowledged, 1 refused by the broker" in ran.err


def test_what_was_cut_is_never_sent_even_unchecked(answers: list[Answer], tmp_path: Path) -> None:
    file = tmp_path / "long.ndjson"
    file.write_bytes(b"{" * (KEPT_BYTES + 1))
    ran = referrals("publish", "--partner", "ncmec", "--unchecked", str(file))
    assert ran.code == 1
    assert "1 refused here" in ran.err


def test_nothing_to_publish_is_no_success(answers: list[Answer]) -> None:
    ran = referrals("publish", "-", stdin=b"\n")
    assert ran.code == 1
    assert "nothing to publish" in ran.err


def test_rejected_records_before_the_first_good_one_are_told_too(answers: list[Answer]) -> None:
    answers += [Acknowledged(0, 7)]
    ran = referrals("publish", "-", stdin=b"[]\n" + GOOD)
    assert ran.code == 1
    assert ran.out.startswith("stdin:1: not_an_object: ")
