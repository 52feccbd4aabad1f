"""Running numbers and receipts: what never came, what came twice, and what only one of the two speaks of."""

from services.ledger.streams import (
    Disagreement,
    Gap,
    Stream,
    StreamKey,
    checkpoint,
    disagreements,
    residue,
)

KEY = StreamKey("nl", "routine", "referral.ingress.ncmec.v1/0")


def stream(*counts: int, receipts: int = 0) -> tuple[Stream, list[Gap]]:
    found = Stream(receipts=receipts)
    return found, [gap for count in counts if (gap := found.advance(count, compared=True))]


def left(of: Stream) -> Disagreement:
    streams = {KEY: of}
    return disagreements(checkpoint(streams), streams).get(KEY, Disagreement())


def test_numbers_one_after_the_other_leave_nothing() -> None:
    found, gaps = stream(1, 2, 3, receipts=3)
    assert (found.missing, found.doubled, found.numbered, gaps) == (0, 0, 3, [])
    assert residue(found, left(found)) == 0


def test_a_gap_is_named_by_the_numbers_around_it() -> None:
    found, gaps = stream(1, 2, 6, 7, 9)
    assert gaps == [Gap(2, 6), Gap(7, 9)]
    assert [gap.size for gap in gaps] == [3, 1]
    assert (found.missing, found.numbered) == (4, 9)


def test_a_number_that_comes_twice_is_counted() -> None:
    found, gaps = stream(1, 2, 2, 1, 3)
    assert (found.doubled, found.missing, found.numbered, gaps) == (2, 0, 3, [])


def test_a_first_number_over_one_is_no_gap() -> None:
    found, gaps = stream(5, 6)
    assert (found.first, found.last, found.numbered, found.missing, gaps) == (5, 6, 2, 0, [])


def test_a_stream_of_which_nothing_was_read_numbers_nothing() -> None:
    assert Stream(receipts=4).numbered == 0


def test_receipts_without_their_queue_records_are_in_doubt() -> None:
    found, _ = stream(1, 2, receipts=5)
    assert left(found) == Disagreement(unqueued=3)
    assert residue(found, left(found)) == 3


def test_queue_records_without_their_receipts_are_in_doubt() -> None:
    found, _ = stream(1, 2, 3, receipts=1)
    assert left(found) == Disagreement(unreceipted=2)
    assert residue(found, left(found)) == 2


def test_a_record_that_never_came_is_a_gap_and_unqueued_and_counts_once() -> None:
    found, _ = stream(1, 3, receipts=3)
    assert (found.missing, left(found).unqueued) == (1, 1)
    assert residue(found, left(found)) == 1


def test_a_record_that_came_twice_is_doubled_and_unreceipted_and_counts_once() -> None:
    found, _ = stream(1, 2, 2, receipts=2)
    assert residue(found, left(found)) == 1


def test_what_was_behind_at_the_checkpoint_and_came_since_agrees() -> None:
    found, _ = stream(1, receipts=2)
    streams = {KEY: found}
    then = checkpoint(streams)
    found.advance(2, compared=True)
    found.receipts += 1  # of a third, whose record is still to come
    assert disagreements(then, streams) == {}


def test_records_older_than_the_first_receipt_that_is_kept_are_not_compared() -> None:
    found = Stream()
    found.advance(1, compared=False)
    found.advance(2, compared=True)
    assert (found.records, found.numbered) == (1, 2)
