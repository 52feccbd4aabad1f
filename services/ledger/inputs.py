"""Which topics a ledger reads, and what is in each. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from policy.configuration import Configuration
from schemas import topics
from schemas.codes import Lane


class Kind(StrEnum):
    """What a topic's records are."""

    QUEUE = "queue"
    RECEIPT = "receipt"
    STATUS = "status"
    TRACK = "track"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Input:
    """A topic to read. `desk` of queues, status and track; `lane` of queues; `partner` and `ingress` of receipts."""

    kind: Kind
    desk: str = ""
    lane: Lane = Lane.ROUTINE
    partner: str = ""
    ingress: str = ""


@dataclass(frozen=True, slots=True)
class Directory:
    """Who there is: what a status event may name."""

    partners: frozenset[str]
    desks: frozenset[str]


def directory(configuration: Configuration) -> Directory:
    """Everybody in the configuration, whatever desks this ledger holds."""
    return Directory(frozenset(configuration.partners.by_id), frozenset(configuration.desks.by_id))


def inputs(configuration: Configuration, desks: frozenset[str], tracked: frozenset[str]) -> Mapping[str, Input]:
    """Topic → what it holds: queues and status of these desks, receipts of every partner, track events where allowed.

    Receipts are read whole: they tell of a report's other desks, and what was rejected is nobody's queue. Notices are
    a ledger's own: a rebuilt one learns from them what was told.
    """
    found = {topics.receipt(p.id): Input(Kind.RECEIPT, partner=p.id, ingress=topics.ingress(p.id))
             for p in configuration.partners.partners}  # fmt: skip
    for desk in sorted(desks):
        found |= {topics.queue(desk, lane): Input(Kind.QUEUE, desk, lane) for lane in Lane}
        found[topics.status(desk)] = Input(Kind.STATUS, desk)
    for desk in sorted(tracked & desks):
        found[topics.track(desk)] = Input(Kind.TRACK, desk)
    found[topics.NOTICE] = Input(Kind.NOTICE)
    return found
