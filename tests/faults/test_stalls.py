"""A stall is time in which something waited and nothing came."""

from tests.faults.stalls import longest


def test_a_partition_with_nothing_to_do_does_not_stall() -> None:
    assert longest([(0, 1.0), (0, 50.0)], [(0, 1.5), (0, 50.25)]) == 0.5


def test_a_stall_runs_from_the_last_receipt_while_more_waited() -> None:
    assert longest([(0, 1.0), (0, 1.1), (0, 4.0)], [(0, 1.2), (0, 9.0), (0, 9.1)]) == 9.0 - 1.2


def test_a_stall_of_one_partition_is_not_hidden_by_another() -> None:
    acked = [(0, 1.0), *((1, float(t)) for t in range(1, 10))]
    received = [(0, 8.0), *((1, t + 0.1) for t in range(1, 10))]
    assert longest(acked, received) == 7.0


def test_what_was_never_receipted_is_no_stall() -> None:
    assert longest([(0, 1.0), (0, 2.0)], [(0, 1.5)]) == 0.5


def test_receipts_nobody_waited_for_do_not_stall() -> None:
    assert longest([(0, 1.0)], [(0, 1.5), (0, 30.0), (3, 40.0)]) == 0.5


def test_nothing_at_all_is_no_stall() -> None:
    assert longest([], []) == 0.0
