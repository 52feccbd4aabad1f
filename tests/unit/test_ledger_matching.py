"""Queue records and receipts of a stream, in any order between the two: what has no other half is named."""

import pytest
from sqlalchemy import create_engine

from services.ledger.matching import Half, Matching, Stands
from services.ledger.search import Search
from services.ledger.streams import StreamKey
from services.runtime.settings import KafkaSettings

KEY = StreamKey("nl", "routine", "referral.ingress.ncmec.v1/0")


def half(ingress_offset: int, topic: str = "q") -> Half:
    return Half(Stands(topic, 0, ingress_offset), ingress_offset, f"ncmec:{ingress_offset}:nl")


def matching(comparable: int = 0) -> Matching:
    return Matching(KEY, comparable)


@pytest.mark.parametrize("receipts_first", [True, False])
def test_whole_pairs_are_sound_and_forgotten(receipts_first: bool) -> None:
    found = matching()
    for offset in range(3):
        said = [lambda o=offset: found.queued(o + 1, half(o)), lambda o=offset: found.receipted(half(o, "r"))]
        for say in reversed(said) if receipts_first else said:
            say()
    assert found.sound
    assert found.newest == {("q", 0): 2, ("r", 0): 2}


def test_a_record_that_never_came_is_a_hole_and_a_receipt_alone() -> None:
    found = matching()
    for offset in range(4):
        found.receipted(half(offset, "r"))
    for number, offset in [(1, 0), (2, 1), (4, 3)]:
        found.queued(number, half(offset))
    (hole,) = found.holes
    assert (hole.after, hole.before, hole.left.ingress_offset, hole.right.ingress_offset) == (2, 4, 1, 3)
    assert list(found.unqueued) == [2]
    assert not found.sound


def test_a_number_that_comes_again_is_named_once() -> None:
    found = matching()
    found.receipted(half(0, "r"))
    found.queued(1, half(0))
    found.queued(1, half(0))
    assert [one.number for one in found.twice] == [1]
    assert found.settled
    assert not found.sound


def test_what_is_older_than_the_receipts_that_are_kept_is_not_compared() -> None:
    found = matching(comparable=5)
    found.queued(1, half(4))
    assert found.settled
    found.queued(2, half(5))
    assert list(found.unreceipted) == [5]


def test_of_a_desk_that_the_table_has_no_more_no_topic_is_read() -> None:
    with create_engine("sqlite://").connect() as connection:
        assert Search(KafkaSettings(bootstrap_servers="127.0.0.1:1"), {}).unentered(connection, "nl", {}) == []
