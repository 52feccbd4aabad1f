"""The stream of one fault: referrals around it, and copies of them sent across it. Pure, seeded.

A stream of unique reports cannot see a window that was kept, lost or read too early: only a copy of what was
routed before can. So every fifth record is one: half plain resends (`submitted_at` may differ), half the same
report with other content, most of them sent during or after the fault and their original before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from json import dumps, loads
from random import Random
from typing import Any, Final

from tests.faults.evidence import Kind

COPIES: Final = 0.2
"""Copies as a share of the originals."""
_TYPES: Final = ("csam_unspecified", "possession", "distribution", "sextortion", "other")
_INDICATORS: Final = ("child_in_danger", "recent_abuse", "network", "known_material", "viral")
_URGENCIES: Final = ("urgent", "priority", "routine", "unspecified")
_ROLES: Final = ("upload", "download", "hosting", "victim")


@dataclass(frozen=True, slots=True)
class Planned:
    """A record to send `at_s` seconds after its fault's clock began."""

    at_s: float
    kind: Kind
    report: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Shape:
    """How much of a stream, and when; `fault_at_s` is when the fault begins."""

    originals: int
    fault_at_s: float
    lasts_s: float


def envelope(partner: str, report: str, countries: Sequence[str], rng: Random) -> dict[str, Any]:
    """A valid version 1 envelope, with no field at its default."""
    places = rng.sample(countries, rng.choice((1, 1, 1, 2, 3)))
    fields: dict[str, Any] = {
        "submitted_at": f"2024-03-01T10:{rng.randrange(60):02d}:{rng.randrange(60):02d}Z",
        "schema_version": 1,
        "partner": partner,
        "report": report,
        "revision": 1,
        "action": "new",
        "partner_class": "referral",
        "urgency": rng.choice(_URGENCIES),
        "incident": {"type": rng.choice(_TYPES)},
        "jurisdictions": [
            {"country": place, "role": rng.choice(_ROLES), "basis": "ip_geolocation"} for place in places
        ],
        "report_count": rng.randrange(2, 1000),
    }
    if rng.random() < 0.5:
        fields["indicators"] = rng.sample(_INDICATORS, rng.randrange(1, 4))
    return fields


def duplicate(value: bytes, rng: Random) -> bytes:
    """The same content: byte for byte, or submitted a second time."""
    if rng.random() < 0.5:
        return value
    fields = loads(value)
    fields["submitted_at"] = f"2024-03-02T11:{rng.randrange(60):02d}:{rng.randrange(60):02d}Z"
    return dumps(fields, separators=(",", ":")).encode()


def conflict(value: bytes, countries: Sequence[str], rng: Random) -> bytes:
    """The same identity with other content, which may name other desks."""
    fields = loads(value)
    if rng.random() < 0.5:
        place = {"country": rng.choice(countries), "role": "upload", "basis": "account_data"}
        fields["jurisdictions"] = [place]
    fields["report_count"] = fields["report_count"] + rng.randrange(1, 1000)
    return dumps(fields, separators=(",", ":")).encode()


def stream(
    shape: Shape, partner: str, prefix: str, countries: Sequence[str], earlier: Sequence[Planned], rng: Random
) -> list[Planned]:
    """The records of one fault as they are sent; copies also of `earlier`, the originals of former faults.

    A copy is always later than its original, and of its key, so it stands behind it in the same partition.
    """
    originals = []
    for number, at_s in enumerate(sorted(_moments(shape, rng))):
        report = f"{prefix}-{number:06d}"
        value = dumps(envelope(partner, report, countries, rng), separators=(",", ":")).encode()
        originals.append(Planned(at_s, Kind.ORIGINAL, report, value))
    before = [one for one in originals if one.at_s < shape.fault_at_s] or originals
    copies = []
    for number in range(round(shape.originals * COPIES)):
        draw = rng.random()
        if draw < 0.6 or (draw >= 0.8 and not earlier):
            of = rng.choice(before)
            since_s = max(shape.fault_at_s, of.at_s)
        elif draw < 0.8:
            of = rng.choice(originals)
            since_s = of.at_s
        else:
            of, since_s = rng.choice(earlier), 0.0
        at_s = rng.uniform(since_s, shape.lasts_s)
        kind = Kind.CONFLICT if number % 2 else Kind.DUPLICATE
        value = conflict(of.value, countries, rng) if number % 2 else duplicate(of.value, rng)
        copies.append(Planned(at_s, kind, of.report, value))
    return sorted(originals + copies, key=lambda one: one.at_s)


def _moments(shape: Shape, rng: Random) -> list[float]:
    """Half spread evenly, half in bursts of a tenth of a second, so that transactions are small and large."""
    bursts = [rng.uniform(0, shape.lasts_s) for _ in range(max(1, round(shape.lasts_s)))]
    return [
        rng.uniform(0, shape.lasts_s)
        if rng.random() < 0.5
        else min(shape.lasts_s, rng.choice(bursts) + rng.uniform(0, 0.1))
        for _ in range(shape.originals)
    ]
