"""Where a reader starts, and how receipts and notes look."""

from datetime import timedelta

import pytest

from schemas.records import Receipt
from services.console.output import count
from services.console.reader import Ago, Beginning, End, parse_start
from services.console.receipts import fields, line
from services.runtime.exits import WrongUse

RECEIPT = {
    "partition": 1,
    "offset": 7,
    "received_at": "2026-11-18T11:06:40.000Z",
    "outcome": "routed",
    "report": "189234123",
    "revision": 1,
    "destinations": [{"desk": "nl", "lane": "urgent", "roles": ["upload", "download"]}],
}


def receipt(**changes: object) -> Receipt:
    return Receipt.model_validate(RECEIPT | changes, strict=False)


def test_where_to_start() -> None:
    assert parse_start("beginning") == Beginning()
    assert parse_start("end") == End()
    assert parse_start("1day") == Ago(timedelta(days=1))
    assert parse_start("30days") == Ago(timedelta(days=30))


@pytest.mark.parametrize("text", ["", "7", "days", "-1days", "7 days", "yesterday", "99999days"])
def test_any_other_start_is_wrong_use(text: str) -> None:
    with pytest.raises(WrongUse, match="7days"):
        parse_start(text)


def test_a_receipt_says_where_what_and_to_whom() -> None:
    assert line(receipt()).split() == [
        "2026-11-18T11:06:40.000Z",
        "1@7",
        "routed",
        "189234123/1",
        "nl:urgent(download,upload)",
    ]


def test_a_receipt_of_a_rejection_says_why_and_may_have_no_report() -> None:
    rejected = receipt(outcome="rejected", reason="invalid_json", report=None, revision=None, destinations=[])
    assert line(rejected).endswith("rejected    (no report number)  invalid_json")


def test_a_receipt_of_the_test_ingress_is_marked() -> None:
    assert "test 1@7" in line(receipt(test=True))


def test_json_has_the_contracts_names() -> None:
    rerouted = receipt(reroute={"command": "c-1", "from": "nl", "chain": ["nl"]})
    assert fields(rerouted)["reroute"]["from"] == "nl"


def test_counts_agree_with_their_noun() -> None:
    assert [count(number, "record") for number in (0, 1, 2000)] == ["0 records", "1 record", "2,000 records"]
