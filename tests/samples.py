"""Small true things to test with: an envelope as a partner would write it, a record as the broker would give it."""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from policy.configuration import Configuration, load

DEPLOY: Final = Path(__file__).parent.parent / "deploy"
NOW_MS: Final = 1_795_000_000_000
"""2026-11-18T11:06:40Z, the broker's time of every sample record."""
NOW: Final = "2026-11-18T11:06:40Z"


@cache
def configuration() -> Configuration:
    """The project's own deploy/."""
    return load(DEPLOY)


def envelope(**changes: Any) -> dict[str, Any]:
    """A valid envelope of ncmec; a change to None takes the field away."""
    whole = {
        "submitted_at": NOW,
        "schema_version": 1,
        "partner": "ncmec",
        "report": "189234123",
        "revision": 1,
        "action": "new",
        "partner_class": "referral",
        "urgency": "routine",
        "incident": {"type": "possession", "occurred_at": "2026-11-01T08:00:00+02:00"},
        "jurisdictions": [{"country": "NL", "role": "upload", "basis": "ip_geolocation"}],
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def place(country: str, role: str = "upload") -> dict[str, Any]:
    """A jurisdiction."""
    return {"country": country, "role": role, "basis": "ip_geolocation"}


def as_json(value: Any) -> bytes:
    """Compact UTF-8 JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


@dataclass
class Record:
    """What the router needs of aiokafka's ConsumerRecord."""

    value: bytes | None
    key: bytes | None = b"189234123"
    offset: int = 0
    partition: int = 0
    timestamp: int = NOW_MS
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)


def record(offset: int = 0, **changes: Any) -> Record:
    """A record holding a valid envelope, keyed by its report."""
    content = envelope(**changes)
    return Record(as_json(content), str(content.get("report")).encode(), offset)
