"""A small configuration of the campaign's own: six desks, one partner with four ingress partitions."""

from pathlib import Path
from typing import Any, Final

import yaml

from policy.configuration import Configuration
from policy.desks import UNROUTABLE
from policy.destinations import destinations
from schemas import topics
from schemas.codes import Outcome
from schemas.countries import ASSIGNED, UNKNOWN
from schemas.envelope import Envelope
from tests.faults.evidence import Expected
from tests.faults.verdict import Route

PARTNER: Final = "ncmec"
COUNTRIES: Final = ("NL", "BE", "DE", "FR", "US", "JP", "XK", UNKNOWN)
"""Where the campaign's referrals come from: several desks, and none."""
_DESKS: Final = {"NL": "nl", "BE": "be", "DE": "de"}


def write(directory: Path) -> Path:
    """The three files, in a new directory."""
    directory.mkdir(parents=True)
    countries: dict[str, Any] = {code: _DESKS.get(code, "rest") for code in sorted(ASSIGNED - {UNKNOWN})}
    countries["NL"] = {"hosting": "nl-hosting", "otherwise": "nl"}
    names = [*_DESKS.values(), "nl-hosting", "rest", UNROUTABLE]
    desks = {name: {"name": name, "owner": "operations"} for name in names}
    files = {
        "desks": {"desks": desks, "countries": countries},
        "partners": {"partners": {PARTNER: {"name": "Partner", "ingress_partitions": 4}}, "keys": {}},
        "triage": {
            "version": "campaign-1",
            "rules": [
                {"name": "grave", "lane": "urgent", "when": {"indicators": ["child_in_danger"]}},
                {"name": "network", "lane": "priority", "when": {"indicators": ["network"]}},
                {"name": "rest", "lane": "routine"},
            ],
        },
    }
    for name, document in files.items():
        (directory / f"{name}.yaml").write_text(yaml.safe_dump(document))
    return directory


def route_by(configuration: Configuration) -> Route:
    """What policy demands of a new referral. The campaign tests delivery: policy has tests of its own."""

    def route(value: bytes) -> Expected:
        envelope = Envelope.model_validate_json(value)
        lane = configuration.triage.judge(envelope).lane
        places = ((place.country, place.role) for place in envelope.jurisdictions)
        desks = [stop.desk for stop in destinations(places, configuration.desks)]
        outcome = Outcome.UNROUTABLE if desks == [UNROUTABLE] else Outcome.ROUTED
        return Expected(outcome, None, frozenset(topics.queue(desk, lane) for desk in desks))

    return route
