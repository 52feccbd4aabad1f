"""Jurisdictions as JSON text: the first country as the world's table has it, others beside it now and then."""

from collections.abc import Sequence
from random import Random
from typing import Final

from schemas.codes import Basis, Role
from schemas.countries import UNKNOWN, settle
from services.simulator.world import Shares, shares

WITHDRAWN: Final = ("AN", "YU", "CS", "TP", "EU")
"""Codes no desk can stand for: dropped beside a valid one, a reason to reject where alone."""

_FIRST_ROLES: Final = {
    Role.UPLOAD: 70,
    Role.DOWNLOAD: 8,
    Role.UNSPECIFIED: 14,
    Role.HOSTING: 6,
    Role.VICTIM: 2,
}
_OTHER_ROLES: Final = {
    Role.UPLOAD: 20,
    Role.DOWNLOAD: 30,
    Role.UNSPECIFIED: 10,
    Role.HOSTING: 12,
    Role.VICTIM: 28,
}
_HOTLINE_ROLES: Final = {
    Role.UPLOAD: 8,
    Role.DOWNLOAD: 2,
    Role.UNSPECIFIED: 4,
    Role.HOSTING: 85,
    Role.VICTIM: 1,
}
_BASES: Final = {
    Role.UPLOAD: {Basis.IP_GEOLOCATION: 85, Basis.ACCOUNT_DATA: 9, Basis.PHONE_PREFIX: 5, Basis.INVESTIGATION: 1},
    Role.DOWNLOAD: {Basis.IP_GEOLOCATION: 90, Basis.ACCOUNT_DATA: 10},
    Role.UNSPECIFIED: {Basis.ACCOUNT_DATA: 50, Basis.PHONE_PREFIX: 40, Basis.IP_GEOLOCATION: 10},
    Role.HOSTING: {Basis.HOSTING_PROVIDER: 95, Basis.INVESTIGATION: 5},
    Role.VICTIM: {Basis.INVESTIGATION: 50, Basis.ACCOUNT_DATA: 40, Basis.PHONE_PREFIX: 10},
}
_BESIDE: Final = (0,) * 83 + (1,) * 11 + (2,) * 4 + (3, 5)
"""How many further countries a report names, by hundredths; one in 500 of these names as many as may be."""
_MOST: Final = 15
_ALIASES: Final = {"GB": "UK", "GR": "EL"}
_DEALS: Final = 512
"""Role, basis and `verified` are dealt from a deck of so many, made once a country."""


def _deck(roles: dict[Role, int], rng: Random) -> tuple[tuple[Role, Basis, bool], ...]:
    """Every role with every basis at least once, the rest by weight."""
    all_of_them = [(role, basis, False) for role in roles for basis in _BASES[role]]
    drawn = rng.choices(list(roles), list(roles.values()), k=_DEALS - len(all_of_them))
    by_weight = [
        (role, rng.choices(list(_BASES[role]), list(_BASES[role].values()))[0], rng.random() < 0.1) for role in drawn
    ]
    return (*all_of_them, *by_weight)


def text_of(country: str, role: Role, basis: Basis, verified: bool) -> str:
    """One jurisdiction as JSON; `verified` is left out where it is false, as its default allows."""
    tail = ',"verified":true}' if verified else "}"
    return f'{{"country":"{country}","role":"{role.value}","basis":"{basis.value}"{tail}'


class Places:
    """The jurisdictions of one partner's reports. `home` is the country of a hotline; without it, the world."""

    def __init__(self, year: int, rng: Random, home: str | None = None, settled_only: bool = False) -> None:
        world = shares(year)
        unsettled = [code for code in world.codes if settle(code) is None]
        self._first = shares(year, unsettled) if settled_only else world
        self._beside: Shares = shares(year, [*unsettled, UNKNOWN])
        self._home = home
        self._rng = rng
        self._decks = (_deck(_HOTLINE_ROLES if home else _FIRST_ROLES, rng), _deck(_OTHER_ROLES, rng))
        self._texts: tuple[dict[str, Sequence[str]], ...] = ({}, {})

    def draw_first(self) -> str:
        """The country a report is counted under."""
        return self._home or self._first.draw(self._rng.random)

    def draw_known(self) -> str:
        """A country that can be routed to."""
        return self._home or self._beside.draw(self._rng.random)

    def describe(self, first: str) -> str:
        """`"jurisdictions":[...]` with this country first. ZZ and what does not settle stand alone."""
        uniform = self._rng.random
        head = self._text(first, 0)
        if first == UNKNOWN or settle(first) is None:
            return f'"jurisdictions":[{head}]'
        beside = _BESIDE[int(uniform() * 100)]
        if not beside:
            return f'"jurisdictions":[{head}]'
        if uniform() < 0.002:
            beside = _MOST
        draw = self._beside.draw
        more = [self._text(draw(uniform), 1) for _ in range(beside)]
        if uniform() < 0.002:
            more[-1] = self._text(WITHDRAWN[int(uniform() * len(WITHDRAWN))], 1)
        return f'"jurisdictions":[{head},{",".join(more)}]'

    def _text(self, country: str, place: int) -> str:
        texts = self._texts[place].get(country)
        if texts is None:
            texts = self._texts[place][country] = self._spell(country, place)
        return texts[int(self._rng.random() * _DEALS)]

    def _spell(self, country: str, place: int) -> Sequence[str]:
        """Every card of the deck for a country; one in twenty under the country's other code, if it has one."""
        deck = self._decks[place]
        alias = _ALIASES.get(country, country)
        return [text_of(country if card % 20 else alias, *deck[card]) for card in range(_DEALS)]
