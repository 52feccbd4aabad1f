"""Destinations, for any jurisdictions of any country."""

from pathlib import Path
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from policy.configuration import load
from policy.destinations import destinations
from schemas.codes import Role
from schemas.countries import ASSIGNED

DESKS = load(Path(__file__).parents[2] / "deploy").desks
PLACES = st.lists(
    st.tuples(st.sampled_from(sorted(ASSIGNED)) | st.sampled_from(["NL", "BQ", "ZZ"]), st.sampled_from(Role)),
    min_size=1,
    max_size=16,
)


@given(st.sampled_from(sorted(ASSIGNED)), st.sampled_from(Role))
def test_every_country_and_role_has_a_desk_that_exists(country: str, role: Role) -> None:
    desk = DESKS.desk_for(country, role)
    assert (desk is None) == (country == "ZZ")
    assert desk is None or (country, role) in DESKS.by_id[desk].takes


@given(PLACES)
def test_each_desk_comes_once_with_exactly_the_roles_that_made_it_theirs(places: list[tuple[str, Role]]) -> None:
    found = destinations(places, DESKS)
    assert len({destination.desk for destination in found}) == len(found)
    for destination in found:
        owned = {role for country, role in places if (DESKS.desk_for(country, role) or "zz") == destination.desk}
        assert destination.roles == owned


@given(PLACES)
def test_the_unroutable_desk_comes_alone_and_only_when_nothing_resolves(places: list[tuple[str, Role]]) -> None:
    found = {destination.desk for destination in destinations(places, DESKS)}
    resolved = {desk for country, role in places if (desk := DESKS.desk_for(country, role))}
    assert found == (resolved or {"zz"})


@given(PLACES, st.randoms())
def test_the_order_of_jurisdictions_changes_no_destination(places: list[tuple[str, Role]], random: Random) -> None:
    shuffled = random.sample(places, len(places))
    assert set(destinations(places, DESKS)) == set(destinations(shuffled, DESKS))
