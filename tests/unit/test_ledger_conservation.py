"""What is in doubt: of the desks that the ledger holds, once every topic was read past one moment."""

from collections.abc import Mapping

from services.ledger.conservation import EVERY_S, Conservation
from services.ledger.streams import Stream, StreamKey
from services.runtime.cluster import Place
from tests.unit.ledger_world import SOURCE, Ledger, arrival, receipt


class ReadToTheEnd:
    """Topics without anything left to read."""

    def ends(self, places: Mapping[Place, int]) -> dict[Place, int]:
        return dict(places)


def weighed(streams: Mapping[StreamKey, Stream], *held: str) -> dict[tuple[str, str], int]:
    found = Conservation(streams, held)
    found.weigh(ReadToTheEnd(), {}, EVERY_S)
    residue, _, caught_up = found.weigh(ReadToTheEnd(), {}, EVERY_S + 1)
    assert caught_up
    return residue


def test_receipts_of_a_desk_that_the_ledger_does_not_hold_are_not_in_doubt() -> None:
    ledger = Ledger().each(arrival("nl"), receipt(desks=("nl", "de")))
    assert weighed(ledger.streams, "nl") == {}


def test_receipts_of_a_desk_that_it_holds_are_in_doubt_without_their_records() -> None:
    ledger = Ledger().each(arrival("nl"), receipt(desks=("nl", "de")))
    assert weighed(ledger.streams, "nl", "de") == {("de", "routine"): 1}


def test_a_desk_that_is_added_later_finds_its_receipts_counted() -> None:
    ledger = Ledger().each(arrival("nl"), receipt(desks=("nl", "de")))
    ledger.apply(arrival("de"))
    assert ledger.streams[StreamKey("de", "routine", SOURCE)].receipts == 1
    assert weighed(ledger.streams, "nl", "de") == {}
