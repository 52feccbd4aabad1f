"""From what was polled to values in order, with the positions behind them. Pure: a fault is a value too."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from confluent_kafka import Message

from policy.configuration import Configuration
from schemas import topics
from schemas.notices import Notice
from services.ledger.batch import Batch
from services.ledger.inputs import Input, Kind
from services.ledger.known import Placed
from services.ledger.reading import read_arrival, read_notice, read_receipt, read_status, read_track
from services.ledger.values import Arrival, Fault, FaultKind, Receipted, Reported, Tracked
from services.runtime.topic_reader import Place

Value = Arrival | Receipted | Placed | Tracked | Notice | None


@dataclass(slots=True)
class Read:
    """What some records say, in order, and what of the database that concerns."""

    values: list[Value] = field(default_factory=list)
    faults: list[tuple[Input, FaultKind]] = field(default_factory=list)
    positions: dict[Place, int] = field(default_factory=dict)


def read(messages: Iterable[Message], inputs: Mapping[str, Input], configuration: Configuration) -> Read:
    """What the records say; a fault is counted at its desk, and the position goes on."""
    found = Read()
    for message in messages:
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None and partition is not None and offset is not None  # noqa: PT018 - a record has all three
        place = inputs[topic]
        value = _value(place, message, configuration)
        if isinstance(value, Fault):
            found.faults.append((place, value.kind))
        else:
            found.values.append(Placed(value, offset) if isinstance(value, Reported) else value)
        found.positions[topic, partition] = offset + 1
    return found


def _value(
    place: Input, message: Message, configuration: Configuration
) -> Arrival | Receipted | Reported | Tracked | Notice | Fault | None:
    content = message.value()
    match place.kind:
        case Kind.QUEUE:
            return read_arrival(place.desk, place.lane, content, message.headers())  # type: ignore[arg-type]
        case Kind.RECEIPT:
            return read_receipt(place.partner, place.ingress, topics.REROUTE, content)
        case Kind.STATUS:
            return read_status(place.desk, content, message.timestamp()[1], configuration)
        case Kind.TRACK:
            return read_track(place.desk, content, message.timestamp()[1])
        case Kind.NOTICE:
            return read_notice(content)


def take(batch: Batch, value: Value) -> None:
    """Have the batch do what the value says."""
    match value:
        case Arrival():
            batch.arrive(value)
        case Receipted():
            batch.receive(value)
        case Placed():
            batch.report(value)
        case Tracked():
            batch.track(value)
