"""What partner and desks send, with its moments: revisions, desks that say right and wrong. Pure, seeded.

Of each report first what the partner does (new, resent, rejected, amended, withdrawn), then what desks say of it: a
walk through events, some before the referral, some impossible, some twice, some that nobody can read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from json import dumps
from random import Random
from typing import Any, Final

from schemas import topics
from tests.faults.deployment import COUNTRIES, PARTNER
from tests.faults.workload import conflict, duplicate, envelope

DESKS: Final = ("nl", "be", "de", "nl-hosting", "rest", "zz")
EVENTS: Final = ("looked", "shelved", "taken_up", "taken_up", "returned", "closed", "closed", "reopened", "forwarded")
ROLES: Final = ("triage", "investigator", "analyst", "supervisor", "prosecutor", "system", "system")
DISPOSITIONS: Final = (
    "prosecution", "indigo", "warning_letter", "victim_safeguarded", "merged", "no_offence", "ip_not_resolvable",
    "insufficient_information", "outside_jurisdiction", "administrative",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Planned:
    """A record to send, `at_s` seconds after the flow began. A value of None is a null value."""

    at_s: float
    topic: str
    key: str
    value: bytes | None


def flow(originals: int, lasts_s: float, rng: Random) -> list[Planned]:
    """All of it in the order of its moments; nothing is due after `lasts_s`."""
    found: list[Planned] = []
    for number in range(originals):
        report = f"L-{number:07d}"
        at_s = rng.uniform(0, lasts_s)
        last_s = lasts_s - 0.001
        sent = list(_sent(report, at_s, rng))
        found += [Planned(min(one.at_s, last_s), one.topic, one.key, one.value) for one in sent]
        if rng.random() < 0.35:
            said = _said(report, at_s, rng)
            found += [Planned(min(max(0.0, one.at_s), last_s), one.topic, one.key, one.value) for one in said]
    return sorted(found, key=lambda one: one.at_s)


def _sent(report: str, at_s: float, rng: Random) -> Iterator[Planned]:
    """What the partner does with one report."""
    first = envelope(PARTNER, report, COUNTRIES, rng)
    draw = rng.random()
    if draw < 0.03:  # rejected; two of three are sent again as they should be
        yield _ingress(report, at_s, {**first, "urgency": "whenever"})
        if draw < 0.01:
            return
        at_s += rng.uniform(0.5, 8)
    value = _ingress(report, at_s, first)
    yield value
    assert value.value is not None
    if rng.random() < 0.05:
        yield Planned(at_s + rng.uniform(0, 6), value.topic, report, duplicate(value.value, rng))
    if rng.random() < 0.01:
        yield Planned(at_s + rng.uniform(0, 6), value.topic, report, conflict(value.value, COUNTRIES, rng))
    revision = 1
    while revision < 4 and rng.random() < 0.22:
        revision += 1
        at_s += rng.uniform(0.2, 10)
        action = "withdraw" if rng.random() < 0.25 else "amend"
        changed = {**first, "revision": revision, "action": action, "report_count": rng.randrange(2, 1000)}
        if rng.random() < 0.4:  # other desks, and often a desk less
            changed["jurisdictions"] = envelope(PARTNER, report, COUNTRIES, rng)["jurisdictions"]
        first = {**changed, "action": "amend"}
        yield _ingress(report, at_s, changed)


def _said(report: str, at_s: float, rng: Random) -> Iterator[Planned]:
    """What desks say of it: a walk that begins at a desk and may be passed on, and back."""
    desk = rng.choice(DESKS)
    at_s += rng.uniform(-4, 0) if rng.random() < 0.15 else rng.uniform(0.5, 15)
    before: list[str] = []
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        if rng.random() < 0.04:
            yield _bad(report, desk, at_s, rng)
        event = rng.choice(EVENTS)
        more: dict[str, Any] = {}
        if event == "closed":
            more["disposition"] = rng.choice(DISPOSITIONS)
        elif event == "forwarded":
            if len(before) >= 4:
                continue
            back = before[-1] if before and rng.random() < 0.6 else ""
            more["to"] = back or rng.choice([other for other in DESKS if other != desk])
        one = _status(report, desk, event, at_s, rng, **more)
        yield one
        if rng.random() < 0.04:
            yield Planned(one.at_s + rng.uniform(0, 5), one.topic, report, one.value)
        if event == "forwarded":
            before.append(desk)
            desk = more["to"]
            at_s += rng.uniform(0.0, 12)
        at_s += rng.uniform(0.05, 8)


def _ingress(report: str, at_s: float, fields: dict[str, Any]) -> Planned:
    return Planned(at_s, topics.ingress(PARTNER), report, dumps(fields, separators=(",", ":")).encode())


def _status(report: str, desk: str, event: str, at_s: float, rng: Random, **more: Any) -> Planned:
    """An event whose clock may be hours off."""
    fields = {
        "partner": PARTNER,
        "report": report,
        "desk": desk,
        "event": event,
        "role": rng.choice(ROLES),
        "at": f"2024-03-{rng.randrange(1, 29):02d}T{rng.randrange(24):02d}:{rng.randrange(60):02d}:00Z",
        **more,
    }
    return Planned(at_s, topics.status(desk), report, dumps(fields).encode())


def _bad(report: str, desk: str, at_s: float, rng: Random) -> Planned:
    """An event that changes nothing."""
    good = _status(report, desk, "looked", at_s, rng)
    assert good.value is not None
    other = next(one for one in DESKS if one != desk)
    values: tuple[bytes | None, ...] = (
        None,
        b"\xff\xfe no json",
        good.value[:-1],
        b" " * 5_000,
        good.value.replace(b'"looked"', b'"glanced"'),
        good.value.replace(b'"partner"', b'"partners"'),
        good.value.replace(f'"desk": "{desk}"'.encode(), f'"desk": "{other}"'.encode()),
        good.value.replace(f'"partner": "{PARTNER}"'.encode(), b'"partner": "nobody"'),
        good.value.replace(b'"looked"', b'"forwarded", "to": "atlantis"'),
    )
    return Planned(at_s, good.topic, report, rng.choice(values))
