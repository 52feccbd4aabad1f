"""The stream is valid, repeatable, and sends its copies across the fault."""

from random import Random

from schemas.envelope import Envelope
from tests.faults.evidence import Kind, content
from tests.faults.workload import COPIES, Planned, Shape, stream

SHAPE = Shape(originals=400, fault_at_s=3.0, lasts_s=12.0)
COUNTRIES = ("NL", "BE", "DE", "ZZ")


def a_stream(seed: int = 1, earlier: tuple[Planned, ...] = ()) -> list[Planned]:
    return stream(SHAPE, "ncmec", f"s{seed}", COUNTRIES, earlier, Random(seed))


def test_every_record_is_a_valid_envelope_of_its_report() -> None:
    for one in a_stream():
        assert Envelope.model_validate_json(one.value).report == one.report


def test_the_same_seed_sends_the_same_records_and_another_does_not() -> None:
    assert a_stream(1) == a_stream(1)
    assert a_stream(1) != a_stream(2)


def test_every_copy_comes_after_its_original_and_is_what_it_says() -> None:
    first: dict[str, bytes] = {}
    for one in a_stream():
        if one.kind is Kind.ORIGINAL:
            assert first.setdefault(one.report, content(one.value)) == content(one.value)
        else:
            assert (content(one.value) == first[one.report]) is (one.kind is Kind.DUPLICATE)
    assert len(first) == SHAPE.originals


def test_a_fifth_are_copies_and_half_of_them_conflict() -> None:
    kinds = [one.kind for one in a_stream()]
    assert kinds.count(Kind.DUPLICATE) == kinds.count(Kind.CONFLICT) == SHAPE.originals * COPIES / 2


def test_most_copies_cross_the_fault() -> None:
    sent_at = {one.report: one.at_s for one in a_stream() if one.kind is Kind.ORIGINAL}
    copies = [one for one in a_stream() if one.kind is not Kind.ORIGINAL]
    across = [one for one in copies if sent_at[one.report] < SHAPE.fault_at_s <= one.at_s]
    assert len(across) > len(copies) / 2
    assert {one.kind for one in across} == {Kind.DUPLICATE, Kind.CONFLICT}


def test_some_copies_are_of_referrals_of_former_faults() -> None:
    earlier = tuple(one for one in a_stream(1) if one.kind is Kind.ORIGINAL)
    copied = {one.report for one in a_stream(2, earlier) if one.kind is not Kind.ORIGINAL}
    assert copied & {one.report for one in earlier}


def test_nothing_is_sent_after_the_stream_ends() -> None:
    assert all(0 <= one.at_s <= SHAPE.lasts_s for one in a_stream())
