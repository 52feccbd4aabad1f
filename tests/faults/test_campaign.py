"""The command line asks for what it says, and a finding counts for the fault it was sent under."""

import pytest

from services.runtime.exits import WrongUse
from tests.faults.campaign import parser, plans
from tests.faults.evidence import Evidence, Kind, Sent, View
from tests.faults.performing import Performance
from tests.faults.results import Row, markdown, rows
from tests.faults.schedule import FAULTS
from tests.faults.verdict import Finding, Wrong

NOTHING = View((), (), ())


def test_by_default_every_fault_is_played_on_one_broker_and_on_three() -> None:
    asked = plans(parser().parse_args([]))
    assert [(plan.brokers, plan.referrals, plan.faults) for plan in asked] == [
        (1, 100_000, FAULTS),
        (3, 100_000, FAULTS),
    ]


def test_faults_are_played_in_the_order_named() -> None:
    asked = plans(parser().parse_args(["--faults", "router-zombie, none", "--brokers", "3"]))
    assert [[fault.name for fault in plan.faults] for plan in asked] == [["router-zombie", "none"]]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--faults", "none,router-kiled"], "router-kiled"),
        (["--brokers", "2"], "'2'"),
        (["--brokers", "one"], "'one'"),
        (["--referrals", "9"], "9"),
    ],
)
def test_wrong_use_names_what_was_found(words: list[str], found: str) -> None:
    with pytest.raises(WrongUse, match=f"found {found}"):
        plans(parser().parse_args(words))


def test_the_help_names_every_fault() -> None:
    text = parser().format_help()
    assert all(fault.name in text and fault.says in text for fault in FAULTS)


def test_a_finding_counts_once_for_the_fault_its_record_was_sent_under() -> None:
    sent = (
        Sent((0, 0), 0, Kind.ORIGINAL, "a", 10.0),
        Sent((0, 1), 1, Kind.ORIGINAL, "b", 20.0),
        Sent((0, 2), 1, Kind.CONFLICT, "a", 20.5),
    )
    evidence = Evidence(sent, (), {"live": NOTHING, "final": NOTHING}, {}, {})
    findings = [
        Finding(Wrong.LOST, (0, 1), "live"),
        Finding(Wrong.LOST, (0, 1), "final"),
        Finding(Wrong.SWALLOWED, (0, 2), "live"),
        Finding(Wrong.RECEIPT_WRONG, (0, 0), "live"),
    ]
    arrivals = [((0, 0), (0, 10.5)), ((0, 1), (0, 24.0)), ((0, 2), (0, 24.0))]
    performances = [Performance("one", 1, took_s=3.0), Performance("two", 1, wrong=["ended unasked"])]
    first, second = rows(evidence, performances, arrivals, findings)
    assert (first.sent, first.lost, first.other, first.longest_stall_s) == (1, 0, 1, 0.5)
    assert (second.sent, second.lost, second.conflicts_swallowed, second.other) == (2, 1, 1, 1)
    assert second.longest_stall_s == 4.0


def test_the_markdown_table_has_a_line_a_fault_and_a_group_of_columns_a_cluster() -> None:
    one = Row(1, "none", 1200, 0, 0, 0, 0, 0.5, 5.0)
    three = Row(3, "none", 1200, 1, 2, 3, 4, 1.5, 5.0)
    assert markdown([[one], [three]]).splitlines() == [
        "| fault | 1 broker: sent | wrong | longest stall | 3 brokers: sent | wrong | longest stall |",
        "|---|---|---|---|---|---|---|",
        "| `none` | 1,200 | 0 | 0.5 s | 1,200 | 10 | 1.5 s |",
    ]
