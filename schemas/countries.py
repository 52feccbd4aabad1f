"""Which country codes an envelope may carry: ISO 3166-1 alpha-2 as `pycountry` has it, with these exceptions.

`XK` (Kosovo) is a user-assigned code in general use; `ZZ` is unknown, as in CLDR. `UK` and `EL` are what
much software writes for the United Kingdom and Greece (ISO reserves the first, the European Union uses both).
Withdrawn codes (`AN`, `YU`), `EU` and the unassigned settle to nothing: no desk could be named for them.
"""

from typing import Final

import pycountry

UNKNOWN: Final = "ZZ"
ALIASES: Final[dict[str, str]] = {"UK": "GB", "EL": "GR"}

_NAMES: Final[dict[str, str]] = {
    **{country.alpha_2: getattr(country, "common_name", country.name) for country in pycountry.countries},
    "XK": "Kosovo",
    UNKNOWN: "Unknown",
}

ASSIGNED: Final = frozenset(_NAMES)
"""Every code that can be routed: the assigned ones, `XK` and `ZZ`; no alias."""

_SETTLED: Final[dict[str, str]] = {code: code for code in _NAMES} | ALIASES


def settle(code: str) -> str | None:
    """The code to route by: an assigned one as it is, an alias resolved; None for any other text."""
    return _SETTLED.get(code)


def name(code: str) -> str:
    """The English short name of a code that settles; KeyError for any other."""
    return _NAMES[_SETTLED[code]]
