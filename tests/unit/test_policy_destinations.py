"""Each desk once, with all its roles; `zz` only when nothing resolves."""

from policy.desks import Desk, DeskTable, every_role
from policy.destinations import Destination, destinations
from schemas.codes import Role

NL_HOSTING = frozenset({("NL", Role.HOSTING)})
DESKS = DeskTable(
    (
        Desk("nl", "Netherlands", takes=(every_role("NL") | every_role("BQ")) - NL_HOSTING),
        Desk("nl-hosting", "Netherlands, hosting", takes=NL_HOSTING),
        Desk("nl-oost", "Netherlands, region Oost", forwarded_by="nl"),
        Desk("be", "Belgium", takes=every_role("BE")),
        Desk("zz", "No country known", owner="duty officer"),
    )
)


def test_two_countries_of_one_desk_are_one_destination_with_both_roles() -> None:
    found = destinations([("NL", Role.UPLOAD), ("BQ", Role.VICTIM), ("NL", Role.UPLOAD)], DESKS)
    assert found == (Destination("nl", frozenset({Role.UPLOAD, Role.VICTIM})),)


def test_desks_come_in_the_order_of_first_mention() -> None:
    places = [("BE", Role.UPLOAD), ("NL", Role.HOSTING), ("NL", Role.UPLOAD), ("BE", Role.VICTIM)]
    assert [found.desk for found in destinations(places, DESKS)] == ["be", "nl-hosting", "nl"]


def test_the_role_decides_where_a_country_has_two_desks() -> None:
    assert destinations([("NL", Role.HOSTING)], DESKS) == (Destination("nl-hosting", frozenset({Role.HOSTING})),)


def test_an_unknown_country_beside_a_known_one_adds_nothing() -> None:
    found = destinations([("ZZ", Role.UPLOAD), ("BE", Role.VICTIM)], DESKS)
    assert found == (Destination("be", frozenset({Role.VICTIM})),)


def test_what_resolves_nowhere_goes_to_the_unroutable_desk_with_its_roles() -> None:
    found = destinations([("ZZ", Role.UPLOAD), ("ZZ", Role.VICTIM)], DESKS)
    assert found == (Destination("zz", frozenset({Role.UPLOAD, Role.VICTIM})),)


def test_a_country_that_a_table_made_by_hand_misses_stops_nothing() -> None:
    assert DESKS.desk_for("SE", Role.UPLOAD) is None
    assert destinations([("SE", Role.UPLOAD)], DESKS)[0].desk == "zz"


def test_a_desk_is_found_by_its_slug() -> None:
    assert DESKS.by_id["nl-oost"].forwarded_by == "nl"
