"""What the triage rules can see of an envelope: its codes, as the bits of one number. All a lane depends on."""

from enum import StrEnum
from itertools import count
from typing import Final

from schemas.codes import Action, IncidentType, Indicator, PartnerClass, Role, Urgency
from schemas.envelope import Envelope, Material


class MaterialState(StrEnum):
    """The counts of files as a code: a file is new unless the partner counts it among the known."""

    NONE = "none"
    ALL_KNOWN = "all_known"
    SOME_NEW = "some_new"


class IndustryClass(StrEnum):
    """The classes of `schemas.envelope.Classification`; one is present when a file of it is counted."""

    A1 = "A1"
    A2 = "A2"
    B1 = "B1"
    B2 = "B2"


class Facet(StrEnum):
    """One thing a rule may ask about. Its name is the word in `deploy/triage.yaml`."""

    URGENCY = "urgency"
    INCIDENT = "incident"
    INDICATORS = "indicators"
    CLASSIFICATION = "classification"
    MATERIAL = "material"
    ROLES = "roles"
    PARTNER_CLASS = "partner_class"
    ACTION = "action"


CODES: Final[dict[Facet, type[StrEnum]]] = {
    Facet.URGENCY: Urgency,
    Facet.INCIDENT: IncidentType,
    Facet.INDICATORS: Indicator,
    Facet.CLASSIFICATION: IndustryClass,
    Facet.MATERIAL: MaterialState,
    Facet.ROLES: Role,
    Facet.PARTNER_CLASS: PartnerClass,
    Facet.ACTION: Action,
}

SEVERAL: Final = frozenset({Facet.INDICATORS, Facet.CLASSIFICATION, Facet.ROLES})
"""Facets of which an envelope may have several codes at once; of every other it has exactly one."""

NEVER_EMPTY: Final = frozenset(Facet) - {Facet.INDICATORS, Facet.CLASSIFICATION}
"""Facets of which every envelope has at least one code."""

_position = count()
BITS: Final[dict[Facet, dict[str, int]]] = {
    facet: {code: 1 << next(_position) for code in codes} for facet, codes in CODES.items()
}
"""One bit for each code of each facet; a code's enum member finds it as well as its text."""

_URGENCY: Final = BITS[Facet.URGENCY]
_INCIDENT: Final = BITS[Facet.INCIDENT]
_INDICATORS: Final = BITS[Facet.INDICATORS]
_MATERIAL: Final = BITS[Facet.MATERIAL]
_ROLES: Final = BITS[Facet.ROLES]
_PARTNER_CLASS: Final = BITS[Facet.PARTNER_CLASS]
_ACTION: Final = BITS[Facet.ACTION]
_A1, _A2, _B1, _B2 = (BITS[Facet.CLASSIFICATION][code] for code in IndustryClass)
_NO_MATERIAL: Final = _MATERIAL[MaterialState.NONE]


def material_state(material: Material) -> MaterialState:
    """`other` has no known count, so a file that is neither image nor video is always new."""
    if not (material.images or material.videos or material.other):
        return MaterialState.NONE
    if material.other or material.known_images < material.images or material.known_videos < material.videos:
        return MaterialState.SOME_NEW
    return MaterialState.ALL_KNOWN


def mask(facet: Facet, codes: frozenset[str]) -> int:
    """The bits of these codes of a facet; KeyError for what is not one of its codes."""
    bits = 0
    for code in codes:
        bits |= BITS[facet][code]
    return bits


def triage_key(envelope: Envelope) -> int:
    """The codes of an envelope that rules can see, as bits: equal keys get the same lane and reasons."""
    bits = (
        _URGENCY[envelope.urgency]
        | _INCIDENT[envelope.incident.type]
        | _PARTNER_CLASS[envelope.partner_class]
        | _ACTION[envelope.action]
    )
    for indicator in envelope.indicators:
        bits |= _INDICATORS[indicator]
    for jurisdiction in envelope.jurisdictions:
        bits |= _ROLES[jurisdiction.role]
    material = envelope.material
    if material is None:
        return bits | _NO_MATERIAL
    bits |= _MATERIAL[material_state(material)]
    if (found := material.classification) is not None:
        bits |= (_A1 if found.A1 else 0) | (_A2 if found.A2 else 0)
        bits |= (_B1 if found.B1 else 0) | (_B2 if found.B2 else 0)
    return bits
