"""Everything that the topics hold at the end, as plain values. Read with read_committed, by names and JSON alone."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from json import loads
from typing import Any, Final, cast

from confluent_kafka import Message

from policy.configuration import Configuration
from policy.topics import queue_topics, topic_plan
from schemas import topics
from tests.faults.ledger.reckoning import Answered, Queued, Said
from tests.faults.readers import to_the_end

READ_S: Final = 240.0


@dataclass(frozen=True, slots=True)
class Told:
    """An outcome as the partner reads it."""

    identity: str
    partner: str
    report: str
    desk: str
    word: str


@dataclass(frozen=True, slots=True)
class Commanded:
    """A reroute command as it stands in the topic."""

    identity: str
    action: str
    partner: str
    report: str
    revision: int
    desk: str
    to: tuple[str, ...]


@dataclass(slots=True)
class Harvest:
    """All of it."""

    queued: list[Queued] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    answered: list[Answered] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    commanded: list[Commanded] = field(default_factory=list)


def read(bootstrap: str, configuration: Configuration, partner: str) -> Harvest:
    """To the end of each topic. TimeoutError when that takes too long."""
    found = Harvest()
    partitions = configuration.partners.by_id[partner].ingress_partitions
    status = {topics.status(desk.id): desk.id for desk in configuration.desks.desks}
    queues = {topics.queue(desk.id, lane): (desk.id, lane)
              for desk in configuration.desks.desks for lane in ("urgent", "priority", "routine")}  # fmt: skip
    assert set(queues) == set(queue_topics(configuration))
    places = [(topic, 0) for topic in (*queues, *status, topics.REROUTE)]
    places += [(topics.outcome(partner), 0)]
    places += [(topics.receipt(partner), partition) for partition in range(partitions)]
    for message in to_the_end(bootstrap, _there(configuration, places), READ_S):
        topic, value = message.topic() or "", message.value()
        if topic in queues:
            found.queued.append(_queued(*queues[topic], message))
        elif topic in status:
            found.said.append(Said(status[topic], message.offset() or 0, message.timestamp()[1], value))
        elif topic == topics.REROUTE:
            found.commanded.append(_commanded(loads(value or b"")))
        elif topic == topics.outcome(partner):
            found.told.append(_told(message))
        else:
            found.answered.append(_answered(partner, loads(value or b"")))
    return found


def _there(configuration: Configuration, places: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Each of its partitions, as the plan makes them."""
    plan = {spec.name: spec.partitions for spec in topic_plan(configuration)}
    return sorted({(topic, partition) for topic, _ in places for partition in range(plan[topic])})


def _headers(message: Message) -> dict[str, str]:
    headers = cast(list[tuple[str, bytes | None]], message.headers() or [])
    return {name: (value or b"").decode() for name, value in headers}


def _queued(desk: str, lane: str, message: Message) -> Queued:
    headers = _headers(message)
    partner, report, revision = headers["ce_id"].split(":")
    source, _, _ = headers["referral-ingress"].rpartition("/")
    return Queued(
        desk,
        lane,
        partner,
        report,
        int(revision),
        loads(message.value() or b"")["action"] == "withdraw",
        tuple(filter(None, headers.get("referral-chain", "").split(","))),
        _unix_ms(headers["referral-received"]),
        source,
        int(headers["referral-count"]),
    )


def _answered(partner: str, receipt: dict[str, Any]) -> Answered:
    mark = receipt.get("reroute")
    return Answered(
        partner,
        receipt["report"],
        receipt["revision"],
        receipt["outcome"],
        _unix_ms(receipt["received_at"]),
        tuple(stop["desk"] for stop in receipt.get("destinations", ())),
        mark["command"] if mark else None,
    )


def _told(message: Message) -> Told:
    value = loads(message.value() or b"")
    return Told(_headers(message)["ce_id"], value["partner"], value["report"], value["desk"], value["outcome_class"])


def _commanded(value: dict[str, Any]) -> Commanded:
    envelope = value["envelope"]
    return Commanded(
        value["command"],
        value["action"],
        envelope["partner"],
        envelope["report"],
        envelope["revision"],
        value["from"],
        tuple(value["to"]),
    )


def _unix_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
