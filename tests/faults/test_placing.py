"""A record acknowledged without an offset is found by its bytes, and only once."""

from tests.faults.evidence import Ingress, Kind, Sent
from tests.faults.placing import NOWHERE, Unplaced, place


def record(offset: int, value: bytes) -> Ingress:
    return Ingress((0, offset), "r", value, value)


def unplaced(kind: Kind, value: bytes) -> Unplaced:
    return Unplaced(0, 1, kind, "r", value, 5.0)


def test_an_original_and_its_equal_copy_stand_in_the_order_of_sending() -> None:
    ingress = [record(1, b"v"), record(0, b"v")]
    found = place([], [unplaced(Kind.ORIGINAL, b"v"), unplaced(Kind.DUPLICATE, b"v")], ingress)
    assert [(one.at, one.kind) for one in found] == [((0, 0), Kind.ORIGINAL), ((0, 1), Kind.DUPLICATE)]


def test_a_place_that_another_was_told_is_not_free() -> None:
    told = Sent((0, 0), 1, Kind.ORIGINAL, "r", 1.0)
    found = place([told], [unplaced(Kind.DUPLICATE, b"v")], [record(0, b"v"), record(1, b"v")])
    assert found == [told, Sent((0, 1), 1, Kind.DUPLICATE, "r", 5.0)]


def test_what_is_not_there_stands_nowhere() -> None:
    found = place([], [unplaced(Kind.CONFLICT, b"other")], [record(0, b"v")])
    assert [one.at for one in found] == [(0, NOWHERE)]
