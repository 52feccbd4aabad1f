"""Where an envelope goes and what is said about it. Pure.

The parts that depend on codes alone (queue name, constant headers, a receipt's words) are made once for each
combination of desk, roles and triage and kept: the world's envelopes repeat a few thousand of them.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from policy.configuration import Configuration
from policy.desks import UNROUTABLE
from policy.destinations import Destination, destinations
from policy.triage import Triage
from schemas import topics
from schemas.codes import Lane
from schemas.envelope import Envelope
from services.router.batch import Header, Place, headers

T = TypeVar("T")
JSON_HEADERS: Final[list[Header]] = [("ce_specversion", b"1.0"), ("content-type", b"application/json")]
REMEMBERED: Final = 50_000
"""Stops, and routes, that are kept; both start anew when they are more."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One queue of a route, the headers that say why, and the JSON object that a receipt has for it."""

    desk: str
    place: Place
    headers: tuple[Header, ...]
    encoded: bytes
    """The headers as they stand in a record."""
    receipt: bytes

    @property
    def queue(self) -> str:
        """The queue's topic."""
        return self.place[0]


@dataclass(frozen=True, slots=True)
class Route:
    """All stops of an envelope. `receipt_part` is the JSON of a receipt's fields about it."""

    lane: Lane
    stops: tuple[Stop, ...]
    receipt_part: bytes
    resolves: bool
    """False when only the unroutable desk is left."""


class Routes:
    """Routes by one configuration; as good as a function of the envelope."""

    def __init__(self, configuration: Configuration) -> None:
        self._desks = configuration.desks
        self._triage = configuration.triage
        self._routes: dict[object, Route] = {}
        self._stops: dict[object, Stop] = {}
        self._reasons: dict[Triage, bytes] = {}

    def of(self, envelope: Envelope) -> Route:
        """The route by the envelope's own jurisdictions."""
        triage = self._triage.judge(envelope)
        places = tuple([(place.country, place.role) for place in envelope.jurisdictions])
        key = (triage.lane, triage.reasons, places)  # not the triage itself: a dataclass is hashed in Python
        route = self._routes.get(key)
        if route is None:
            route = self._made(triage, destinations(places, self._desks))
            _remember(self._routes, key, route)
        return route

    def to(self, envelope: Envelope, desks: Iterable[str]) -> Route:
        """The route to desks that somebody else named: a forward, a withdrawal. Their roles, where they have any."""
        places = [(place.country, place.role) for place in envelope.jurisdictions]
        every_role = frozenset(place.role for place in envelope.jurisdictions)
        own = {stop.desk: stop.roles for stop in destinations(places, self._desks)}
        goals = [Destination(desk, own.get(desk, every_role)) for desk in desks]
        return self._made(self._triage.judge(envelope), goals)

    def _made(self, triage: Triage, goals: Iterable[Destination]) -> Route:
        stops = tuple([self._stop(triage, goal) for goal in goals])
        return Route(
            lane=triage.lane,
            stops=stops,
            receipt_part=b'"destinations":[%b],%b' % (b",".join([stop.receipt for stop in stops]), self._why(triage)),
            resolves=any(stop.desk != UNROUTABLE for stop in stops),
        )

    def _why(self, triage: Triage) -> bytes:
        """A receipt's words about the triage; each possible answer of the policy is one object."""
        words = self._reasons.get(triage)
        if words is None:
            words = b'"lane_reasons":%b,"policy":%b' % (_json(triage.reasons), _json(self._triage.version))
            self._reasons[triage] = words
        return words

    def _stop(self, triage: Triage, goal: Destination) -> Stop:
        stop = self._stops.get((triage, goal))
        if stop is None:
            stop = _stop(goal, triage, self._triage.version)
            _remember(self._stops, (triage, goal), stop)
        return stop


def _remember(known: dict[object, T], key: object, value: T) -> None:
    if len(known) >= REMEMBERED:
        known.clear()
    known[key] = value


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _stop(goal: Destination, triage: Triage, version: str) -> Stop:
    roles = sorted(role.value for role in goal.roles)
    why = (
        *JSON_HEADERS,
        ("ce_type", b"referral.envelope.v1"),
        ("referral-lane", triage.lane.value.encode()),
        ("referral-reasons", ",".join(triage.reasons).encode()),
        ("referral-policy", version.encode()),
        ("referral-roles", ",".join(roles).encode()),
    )
    return Stop(
        desk=goal.desk,
        place=(topics.queue(goal.desk, triage.lane), 0),
        headers=why,
        encoded=headers(why),
        receipt=_json({"desk": goal.desk, "lane": triage.lane.value, "roles": roles}),
    )
