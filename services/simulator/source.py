"""One partner's side of the stream: its countries, its matters, its hashing keys, and what it has sent."""

from collections.abc import Sequence
from random import Random
from typing import Final, NamedTuple

from policy.partners import Partner
from schemas.countries import ASSIGNED
from services.simulator import flaws
from services.simulator.drafts import Headers
from services.simulator.matters import Matters
from services.simulator.mix import Mix
from services.simulator.places import Places
from services.simulator.sealed import Sealed

WORLD: Final = "ncmec"
"""The partner that reports for the whole world; without it, the first of the configuration."""


class Sent(NamedTuple):
    """A referral as it was last sent: enough to repeat it, contradict it, amend it or withdraw it."""

    source: "Source"
    report: str
    revision: int
    action: str
    bundle: int
    rest: str
    submitted_at: str

    def value(self) -> bytes:
        """The envelope as UTF-8 JSON."""
        return (
            f'{{"schema_version":1,"partner":"{self.source.partner.id}","report":"{self.report}",'
            f'"revision":{self.revision},"action":"{self.action}","report_count":{self.bundle},'
            f'"submitted_at":"{self.submitted_at}",{self.rest}}}'
        ).encode()


class Source:
    """One partner's side of the stream: its countries, its matters, its hashing keys."""

    def __init__(self, partner: Partner, year: int, mix: Mix, start_ms: int, rng: Random, home: str | None) -> None:
        self.partner = partner
        self.current = [key_id for key_id, key in partner.keys.items() if key.valid_at(start_ms)]
        self.expired = [key_id for key_id, key in partner.keys.items() if key.until_ms <= start_ms]
        self.places = Places(year, rng, home, settled_only=mix.bad == 0)
        self.matters = Matters(rng, mix.urgent, mix.informational)
        self.sealed = Sealed(self.current, rng)
        self.reasons = flaws.possible(expired=bool(self.expired))
        self._constant_headers = (
            ("ce_specversion", b"1.0"),
            ("ce_source", f"/partners/{partner.id}".encode()),
            ("ce_type", b"referral.envelope.v1"),
            ("content-type", b"application/json"),
        )

    def headers(self, sent: Sent) -> Headers:
        """CloudEvents 1.0, Kafka binding, binary mode."""
        identity = f"{self.partner.id}:{sent.report}:{sent.revision}".encode()
        return (*self._constant_headers, ("ce_id", identity), ("ce_time", sent.submitted_at.encode()))


def home_of(partner: str) -> str | None:
    """A hotline's country, where its slug ends in one: `inhope-nl` is NL."""
    country = partner.rpartition("-")[2].upper()
    return country if country in ASSIGNED and "-" in partner else None


def sources_of(
    partners: Sequence[Partner], year: int, mix: Mix, start_ms: int, rng: Random
) -> tuple[tuple[Source, float], ...]:
    """Each partner and where its share of the records ends: the hotlines first, the world's partner last."""
    if not partners:
        raise ValueError("there is no partner to simulate")
    world = next((partner for partner in partners if partner.id == WORLD), partners[0])
    hotlines = [partner for partner in partners if partner is not world]
    ends = [mix.hotlines * (place + 1) / len(hotlines) for place in range(len(hotlines))]
    return (
        *(
            (Source(partner, year, mix, start_ms, rng, home_of(partner.id)), end)
            for partner, end in zip(hotlines, ends, strict=True)
        ),
        (Source(world, year, mix, start_ms, rng, None), 1.0),
    )
