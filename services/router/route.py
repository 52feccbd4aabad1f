"""Where an envelope goes and what is said about it, made once for each combination of codes. Pure.

The world's envelopes repeat a few thousand combinations of jurisdictions and codes: everything that depends on
these alone (queue names, constant headers, the receipt's list) is made once and kept.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from policy.configuration import Configuration
from policy.desks import UNROUTABLE
from policy.destinations import Destination, destinations
from policy.triage import Triage, triage_key
from schemas import topics
from schemas.codes import Lane, Role
from schemas.envelope import Envelope

Header = tuple[str, bytes]
JSON_HEADERS: Final[list[Header]] = [("ce_specversion", b"1.0"), ("content-type", b"application/json")]
REMEMBERED_ROUTES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Stop:
    """One queue of a route, and the headers that say why."""

    desk: str
    queue: str
    headers: tuple[Header, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """All stops of an envelope. `receipt_part` is the JSON of a receipt's fields about it."""

    lane: Lane
    stops: tuple[Stop, ...]
    receipt_part: bytes
    resolves: bool
    """False when only the unroutable desk is left."""


class Routes:
    """Routes by the codes they depend on; as good as a function of the envelope and the configuration."""

    def __init__(self, configuration: Configuration) -> None:
        self._desks = configuration.desks
        self._triage = configuration.triage
        self._known: dict[object, Route] = {}

    def of(self, envelope: Envelope) -> Route:
        """The route by the envelope's own jurisdictions."""
        codes = triage_key(envelope)
        key = (codes, *[(place.country, place.role) for place in envelope.jurisdictions])
        route = self._known.get(key)
        if route is None:
            if len(self._known) >= REMEMBERED_ROUTES:
                self._known.clear()
            places = [(place.country, place.role) for place in envelope.jurisdictions]
            route = self._known[key] = self._made(envelope, destinations(places, self._desks))
        return route

    def to(self, envelope: Envelope, desks: Iterable[str]) -> Route:
        """The route to desks that somebody else named: a forward, a withdrawal. Their roles, where they have any."""
        places = [(place.country, place.role) for place in envelope.jurisdictions]
        every_role = frozenset(place.role for place in envelope.jurisdictions)
        own = {stop.desk: stop.roles for stop in destinations(places, self._desks)}
        return self._made(envelope, [Destination(desk, own.get(desk, every_role)) for desk in desks])

    def _made(self, envelope: Envelope, goals: Iterable[Destination]) -> Route:
        triage = self._triage.judge(envelope)
        goals = tuple(goals)
        return Route(
            lane=triage.lane,
            stops=tuple(_stop(goal, triage, self._triage.version) for goal in goals),
            receipt_part=_receipt_part(goals, triage, self._triage.version),
            resolves=any(goal.desk != UNROUTABLE for goal in goals),
        )


def _sorted(roles: Iterable[Role]) -> list[str]:
    return sorted(role.value for role in roles)


def _stop(goal: Destination, triage: Triage, version: str) -> Stop:
    return Stop(
        desk=goal.desk,
        queue=topics.queue(goal.desk, triage.lane),
        headers=(
            *JSON_HEADERS,
            ("ce_type", b"referral.envelope.v1"),
            ("referral-lane", triage.lane.value.encode()),
            ("referral-reasons", ",".join(triage.reasons).encode()),
            ("referral-policy", version.encode()),
            ("referral-roles", ",".join(_sorted(goal.roles)).encode()),
        ),
    )


def _receipt_part(goals: Iterable[Destination], triage: Triage, version: str) -> bytes:
    fields: Mapping[str, object] = {
        "destinations": [
            {"desk": goal.desk, "lane": triage.lane.value, "roles": _sorted(goal.roles)} for goal in goals
        ],
        "lane_reasons": list(triage.reasons),
        "policy": version,
    }
    return json.dumps(fields, separators=(",", ":"))[1:-1].encode()
