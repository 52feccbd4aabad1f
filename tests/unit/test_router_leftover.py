"""Every combination of what a broker can say after a restart, and what is right to do about it."""

from itertools import product

import pytest

from services.router.leftover import Repair, repair, was_committed


@pytest.mark.parametrize(
    ("commit_decided", "seen_open", "ours_open", "committed", "seen_next", "untouched", "right"),
    [
        (False, False, False, 7, 7, False, Repair.NOTHING),
        (True, False, False, 7, 7, False, Repair.NOTHING),
        (False, False, False, None, None, True, Repair.NOTHING),
        (False, False, False, None, None, False, Repair.REFUSE),
        (False, True, True, 7, 7, False, Repair.ABORT),
        (True, True, True, 7, 7, False, Repair.COMMIT),
        (False, True, True, 9, 7, False, Repair.COMMIT),
        (True, False, True, 7, 7, False, Repair.CLOSE_PIECES),
        (False, False, True, 7, 7, False, Repair.CLOSE_PIECES),
        (False, False, True, None, None, True, Repair.CLOSE_PIECES),
        (False, False, True, None, None, False, Repair.REFUSE),
        (False, False, True, 7, 9, False, Repair.ROLL_FORWARD),
        (False, False, False, None, 9, False, Repair.ROLL_FORWARD),
        (False, False, False, 9, 7, False, Repair.REFUSE),
        (False, False, False, 9, None, True, Repair.REFUSE),
    ],
)
def test_the_right_repair(
    commit_decided: bool,
    seen_open: bool,
    ours_open: bool,
    committed: int | None,
    seen_next: int | None,
    untouched: bool,
    right: Repair,
) -> None:
    found = repair(
        commit_decided=commit_decided,
        seen_open=seen_open,
        ours_open=ours_open,
        committed=committed,
        seen_next=seen_next,
        untouched=untouched,
    )
    assert found is right


def test_nothing_is_aborted_that_was_decided_and_nothing_routes_on_a_disagreement() -> None:
    offsets = (None, 3, 7)
    for decided, seen_open, other, committed, seen_next in product(
        (False, True), (False, True), (False, True), offsets, offsets
    ):
        found = repair(
            commit_decided=decided,
            seen_open=seen_open,
            ours_open=seen_open or other,
            committed=committed,
            seen_next=seen_next,
            untouched=seen_next is None,
        )
        if decided or (committed or 0) > (seen_next or 0):
            assert found is not Repair.ABORT
        if found is Repair.NOTHING:
            assert committed == seen_next
            assert not seen_open
            assert not other, "the next commit would commit it with what it writes"


@pytest.mark.parametrize(
    ("ingress_offset", "committed", "right"),
    [(6, 7, True), (7, 7, False), (8, 7, False), (0, 0, False), (0, None, False), (None, 7, False)],
)
def test_a_piece_belongs_to_a_committed_transaction_when_its_record_will_not_be_routed_again(
    ingress_offset: int | None, committed: int | None, right: bool
) -> None:
    assert was_committed(ingress_offset, committed) is right
