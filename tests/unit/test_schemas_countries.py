"""Which codes settle, and to what."""

import pycountry
import pytest

from schemas.countries import ALIASES, ASSIGNED, name, settle


def test_every_assigned_code_settles_to_itself() -> None:
    assert len(ASSIGNED) == len(pycountry.countries) + 2
    assert all(settle(code) == code for code in ASSIGNED)


@pytest.mark.parametrize(("alias", "code"), [("UK", "GB"), ("EL", "GR")])
def test_an_alias_settles_to_its_country(alias: str, code: str) -> None:
    assert settle(alias) == code
    assert name(alias) == name(code)
    assert alias not in ASSIGNED


@pytest.mark.parametrize("code", ["XK", "ZZ"])
def test_two_codes_are_routed_though_iso_does_not_assign_them(code: str) -> None:
    assert settle(code) == code


@pytest.mark.parametrize("code", ["AN", "YU", "SU", "CS", "DD", "TP", "ZR", "FX", "EU", "QQ", "AA", "XX", "AP"])
def test_withdrawn_reserved_and_unassigned_codes_settle_to_nothing(code: str) -> None:
    assert settle(code) is None


@pytest.mark.parametrize("text", ["", "nl", "NLD", "528", "N", "NL\n", " NL", "\uff2e\uff2c"])
def test_what_is_no_code_settles_to_nothing(text: str) -> None:
    assert settle(text) is None


def test_no_alias_hides_an_assigned_code() -> None:
    assert not ASSIGNED & ALIASES.keys()
    assert ASSIGNED.issuperset(ALIASES.values())


def test_each_code_has_a_name() -> None:
    assert name("NL") == "Netherlands"
    assert name("XK") == "Kosovo"
    assert name("ZZ") == "Unknown"
    assert all(name(code) for code in ASSIGNED)
    with pytest.raises(KeyError):
        name("EU")
