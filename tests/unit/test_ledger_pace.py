"""How many records a transaction takes."""

import pytest

from services.ledger.pace import FEWEST, at_once
from services.runtime.topic_reader import BATCH


@pytest.mark.parametrize(
    ("us_each", "fewest", "most"),
    [(10, BATCH, BATCH), (100, 12_000, BATCH), (500, 3_000, 6_000), (10_000, FEWEST, FEWEST)],
)
def test_full_topics_are_read_in_transactions_of_some_two_seconds(us_each: int, fewest: int, most: int) -> None:
    size = FEWEST
    for _ in range(20):
        size = at_once(size, size, size * us_each / 1e6)
    assert fewest <= size <= most


def test_what_is_slow_for_once_is_read_in_smaller_pieces_until_it_is_quick_again() -> None:
    assert at_once(8_000, 8_000, 6.0) == 4_000
    assert at_once(4_000, 4_000, 0.5) == 8_000
    assert at_once(4_000, 10, 0.001) == 4_000, "few records say nothing of many"
    assert at_once(FEWEST, FEWEST, 60.0) == FEWEST
