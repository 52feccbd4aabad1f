"""What a report is about, as JSON text: incident, claim, indicators and material that fit one another."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from schemas.codes import IncidentType, Indicator, PartnerClass, Urgency

_POOL: Final = 8_192
_URGENT_POOL: Final = 512


class Matter(NamedTuple):
    """Two pieces of an envelope: the time of the incident goes between them."""

    opening: str
    closing: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """One incident type: how common, with which indicators (chance in 100), and how often with files."""

    weight: float
    type: IncidentType
    indicators: Mapping[Indicator, float]
    with_files: float = 0.9


_I = Indicator
SCENARIOS: Final = (
    Scenario(55, IncidentType.CSAM_UNSPECIFIED, {_I.KNOWN_MATERIAL: 60, _I.VIRAL: 14, _I.REPEAT: 6}),
    Scenario(14, IncidentType.POSSESSION, {_I.KNOWN_MATERIAL: 55, _I.REPEAT: 9, _I.SHARED_CONNECTION: 4}),
    Scenario(
        18,
        IncidentType.DISTRIBUTION,
        {_I.KNOWN_MATERIAL: 50, _I.VIRAL: 22, _I.REPEAT: 10, _I.NETWORK: 4, _I.GENERATED_BY_AI: 2},
    ),
    Scenario(
        2.5,
        IncidentType.PRODUCTION,
        {_I.PRODUCTION: 80, _I.RECENT_ABUSE: 35, _I.LIVE_STREAM: 8, _I.SELF_GENERATED: 25, _I.INFANT_OR_TODDLER: 6},
    ),
    Scenario(
        4,
        IncidentType.SOLICITATION,
        {_I.SOLICITATION: 80, _I.MINOR_TO_MINOR: 9, _I.SELF_GENERATED: 20, _I.WORKS_WITH_CHILDREN: 2},
        0.4,
    ),
    Scenario(2.5, IncidentType.SEXTORTION, {_I.SEXTORTION: 90, _I.SELF_GENERATED: 50, _I.REPEAT: 15}, 0.5),
    Scenario(0.7, IncidentType.TRAFFICKING, {_I.NETWORK: 40, _I.LIVE_STREAM: 12, _I.RECENT_ABUSE: 15}, 0.3),
    Scenario(0.5, IncidentType.TOURISM, {_I.NETWORK: 20, _I.RECENT_ABUSE: 15, _I.REPEAT: 10}, 0.2),
    Scenario(
        0.8,
        IncidentType.MOLESTATION,
        {_I.RECENT_ABUSE: 60, _I.INFANT_OR_TODDLER: 20, _I.WORKS_WITH_CHILDREN: 8, _I.MINOR_TO_MINOR: 8},
        0.3,
    ),
    Scenario(2, IncidentType.OTHER, {_I.MINOR_TO_MINOR: 12, _I.GENERATED_BY_AI: 10, _I.SELF_GENERATED: 10}, 0.5),
)


def files_text(rng: Random, known: bool) -> str:
    """`"material":{...}`: few files mostly, a collection seldom; classified in two of five reports."""
    images, videos = min(20_000, int(rng.paretovariate(1.3))), 0
    if rng.random() < 0.4:
        images, videos = (0 if rng.random() < 0.5 else images), min(2_000, int(rng.paretovariate(1.5)))
    parts = [f'"{name}":{count}' for name, count in (("images", images), ("videos", videos)) if count]
    if rng.random() < 0.03:
        parts.append(f'"other":{1 + int(rng.random() * 5)}')
    if known:
        parts += [
            f'"known_{name}":{1 + int(rng.random() * count)}'
            for name, count in (("images", images), ("videos", videos))
            if count
        ]
    if rng.random() < 0.4:
        parts.append(_classification(rng, images + videos))
    return f'"material":{{{",".join(parts)}}}'


def _classification(rng: Random, files: int) -> str:
    """Every file in one of the four classes, or fewer where some were not looked at."""
    classes = ("A1", "A2", "B1", "B2")
    counts = dict.fromkeys(classes, 0)
    for share, name in zip((0.3, 0.2, 0.3, 0.2), rng.sample(classes, 4), strict=True):
        counts[name] = int(files * share * (0.5 + rng.random() / 2))
    counts[rng.choice(classes)] += 1
    inner = ",".join(f'"{name}":{count}' for name, count in counts.items() if count)
    return f'"classification":{{{inner}}}'


class Matters:
    """A pool of matters, drawn from by weight; every incident type and indicator is in it."""

    def __init__(self, rng: Random, urgent: float, informational: float) -> None:
        self._uniform = rng.random
        self._urgent = urgent
        weights = [scenario.weight for scenario in SCENARIOS]
        drawn = rng.choices(SCENARIOS, weights, k=_POOL - len(SCENARIOS))
        self._usual = [_usual(rng, scenario, informational) for scenario in (*SCENARIOS, *drawn)]
        grave = [scenario for scenario in SCENARIOS if Indicator.RECENT_ABUSE in scenario.indicators]
        self._grave = [_urgent(rng, rng.choice(grave)) for _ in range(_URGENT_POOL)]

    def draw(self) -> Matter:
        """One matter; urgent ones in the share that was asked for."""
        if self._uniform() < self._urgent:
            return self._grave[int(self._uniform() * _URGENT_POOL)]
        return self._usual[int(self._uniform() * _POOL)]


def _usual(rng: Random, scenario: Scenario, informational: float) -> Matter:
    chance = rng.random()
    urgency = (
        Urgency.UNSPECIFIED if chance < 0.5 else Urgency.ROUTINE if chance < 0.94 else Urgency.PRIORITY
    )  # fmt: skip
    expects_work = urgency is Urgency.PRIORITY or rng.random() >= informational
    partner_class = PartnerClass.REFERRAL if expects_work else PartnerClass.INFORMATIONAL
    return _matter(rng, scenario, urgency, partner_class, _seen(rng, scenario))


def _urgent(rng: Random, scenario: Scenario) -> Matter:
    """A child in danger now: always work to do."""
    seen = [Indicator.CHILD_IN_DANGER, *_seen(rng, scenario)]
    return _matter(rng, scenario, Urgency.URGENT, PartnerClass.REFERRAL, seen)


def _seen(rng: Random, scenario: Scenario) -> list[Indicator]:
    return [code for code, chance in scenario.indicators.items() if rng.random() * 100 < chance]


def _matter(
    rng: Random, scenario: Scenario, urgency: Urgency, partner_class: PartnerClass, seen: list[Indicator]
) -> Matter:
    opening = (
        f'"partner_class":"{partner_class.value}","urgency":"{urgency.value}",'
        f'"incident":{{"type":"{scenario.type.value}"'
    )
    parts = ["}"]
    if seen:
        codes = ",".join(f'"{code.value}"' for code in seen)
        parts.append(f'"indicators":[{codes}]')
    if rng.random() < scenario.with_files:
        parts.append(files_text(rng, Indicator.KNOWN_MATERIAL in seen))
    return Matter(opening, ",".join(parts))
