"""From what was polled to values in order, with the positions behind them. Pure: a fault is a value too."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from confluent_kafka import Message
from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder

from schemas import topics
from schemas.notices import Notice
from services.ledger.batch import Batch
from services.ledger.inputs import Directory, Input, Kind
from services.ledger.known import Placed
from services.ledger.reading import read_arrival, read_notice, read_receipt, read_status, read_track
from services.ledger.values import Arrival, Fault, FaultKind, Receipted, Reported, Tracked
from services.runtime.cluster import Place

Value = Arrival | Receipted | Placed | Tracked


class Read(Struct, array_like=True):
    """What some records say, each topic's in order, and what of the database that concerns.

    `faults`: the topic of each. `ends`: how far partitions without records were seen to go. `records`: how many.
    """

    values: list[Value] = []
    notices: list[Notice] = []
    faults: list[tuple[str, FaultKind]] = []
    positions: dict[Place, int] = {}
    ends: dict[Place, int] = {}
    records: int = 0


_AS_IT_IS: Final = (Arrival, Receipted, Tracked)
Reader = Callable[[Message], Value | Reported | Notice | Fault | None]


def readers(inputs: Mapping[str, Input], known: Directory) -> Mapping[str, Reader]:
    """Topic → what reads its records."""
    return {topic: _reader(place, known) for topic, place in inputs.items()}


def _reader(place: Input, known: Directory) -> Reader:
    desk, lane, partner, ingress = place.desk, place.lane, place.partner, place.ingress
    match place.kind:
        case Kind.QUEUE:
            return lambda message: read_arrival(desk, lane, message.value(), message.headers())  # type: ignore[arg-type]
        case Kind.RECEIPT:
            return lambda message: read_receipt(partner, ingress, topics.REROUTE, message.value())
        case Kind.STATUS:
            return lambda message: read_status(desk, message.value(), message.timestamp()[1], known)
        case Kind.TRACK:
            return lambda message: read_track(desk, message.value(), message.timestamp()[1])
        case Kind.NOTICE:
            return lambda message: read_notice(message.value())


def read(messages: Iterable[Message], reading: Mapping[str, Reader]) -> Read:
    """What the records say; a fault is counted at its desk, and the position goes on."""
    found = Read()
    values, positions = found.values, found.positions
    for message in messages:
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None and partition is not None and offset is not None  # noqa: PT018 - a record has all three
        value = reading[topic](message)
        positions[topic, partition] = offset + 1
        found.records += 1
        if isinstance(value, _AS_IT_IS):
            values.append(value)
        elif isinstance(value, Reported):
            values.append(Placed(value, offset))
        elif isinstance(value, Fault):
            found.faults.append((topic, value.kind))
        elif isinstance(value, Notice):
            found.notices.append(value)
    return found


def packed(found: Read) -> bytes:
    """For another process (MessagePack): in C, a tenth of what pickle takes."""
    return _PACK.encode(found)


def unpacked(content: bytes) -> Read:
    """The inverse of `packed`."""
    return _UNPACK.decode(content)


def _as_json(found: object) -> bytes:
    assert isinstance(found, Notice)  # the only thing in it that msgspec does not know
    return found.model_dump_json().encode()


def _of_json(kind: type, content: Any) -> Notice:
    assert kind is Notice
    return Notice.model_validate_json(content)


_PACK: Final = Encoder(enc_hook=_as_json)
_UNPACK: Final = Decoder(Read, dec_hook=_of_json)


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
