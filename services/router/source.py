"""The topics the router reads, and what each may cause. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from policy.configuration import Configuration
from policy.partners import Partner
from policy.topics import queue_topics
from schemas import topics


class Kind(StrEnum):
    """What the records of a source are."""

    INGRESS = "ingress"
    TEST = "test"
    REROUTE = "reroute"


@dataclass(frozen=True, slots=True)
class Source:
    """A topic to read, its changelog, and whose it is (None for reroute commands, which name their partner)."""

    kind: Kind
    topic: str
    seen_topic: str
    partitions: int
    partner: Partner | None


def sources(configuration: Configuration) -> dict[str, Source]:
    """Every topic the router reads → its source."""
    found = [Source(Kind.REROUTE, topics.REROUTE, topics.SEEN_REROUTE, 1, None)]
    for partner in configuration.partners.partners:
        found.append(
            Source(
                Kind.INGRESS,
                topics.ingress(partner.id),
                topics.seen(partner.id),
                partner.ingress_partitions,
                partner,
            )
        )
        found.append(Source(Kind.TEST, topics.ingress_test(partner.id), topics.seen_test(partner.id), 1, partner))
    return {source.topic: source for source in found}


def written_by(source: Source, partition: int, configuration: Configuration) -> tuple[tuple[str, int], ...]:
    """Every (topic, partition) that a transaction of this input partition may touch."""
    found = [(source.seen_topic, partition)]
    if source.partner is None:
        found += [(topics.receipt(partner.id), 0) for partner in configuration.partners.partners]
    else:
        found.append((topics.receipt(source.partner.id), partition))
    if source.kind is not Kind.TEST:
        found.append((topics.QUARANTINE, 0))
        found += [(topic, 0) for topic in queue_topics(configuration)]
    return tuple(found)
