"""Before a partition routes: seen-log and offset must name the same place, and nothing of ours may be open.

What `leftover` decides, from what `restoring`, `pieces` and the group say, is done here, until nothing is left to do.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from services.router import transaction
from services.router.clients import Clients, producer_id
from services.router.leftover import Repair, repair, was_committed
from services.router.pieces import left_by_us
from services.router.restoring import left_open, restore
from services.router.window import Window
from services.runtime.log import Event, Name

REPAIRS: Final = 4
"""Rounds of looking and mending in one take-over; two are the most that was ever needed."""


Pieces = Mapping[TopicPartition, int | None]
"""Where a transaction of ours is open → the ingress offset that its first record was written for."""


class DisagreementError(Exception):
    """Committed offset and seen-log name different places; the broker's answer may be stale, or worse."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What one input partition's transactions are made of: where it reads, its seen-log, all that they may touch."""

    place: TopicPartition
    seen_place: TopicPartition
    touched: Sequence[tuple[str, int]]
    horizon_seconds: int


async def agree(
    clients: Clients,
    producer: AIOKafkaProducer,
    reader: AIOKafkaConsumer,
    ground: Ground,
    committed_offset: Callable[[], Awaitable[int | None]],
    commit_decided: bool,
    log: Any,
) -> tuple[Window, int]:
    """The window and where to go on. `producer` has started, so what is open of ours is open for good.

    Raises DisagreementError: a person must decide, or the broker's answers must settle first.
    """
    touched = {TopicPartition(*place) for place in ground.touched}
    for _ in range(REPAIRS):
        stuck = await left_open(clients, reader, touched)
        committed = await committed_offset()
        window, untouched = await restore(reader, ground.seen_place, ground.horizon_seconds)
        ours = await left_by_us(clients, producer.client, producer_id(producer), stuck) if stuck else {}
        needed = repair(
            commit_decided=commit_decided,
            seen_open=ground.seen_place in stuck,
            ours_open=bool(ours),
            committed=committed,
            seen_next=window.next_offset,
            untouched=untouched,
        )
        if needed is Repair.NOTHING:
            return window, committed or 0
        log.error(
            Event.DISAGREEMENT if needed is Repair.REFUSE else Event.LEFTOVER_HEALED,
            repair=Name(needed.name.lower()),
            committed=committed,
            changelog=window.next_offset,
            left_open=len(stuck),
            ours=len(ours),
        )
        match needed:
            case Repair.REFUSE:
                break
            case Repair.ABORT:
                await _commit_pieces(producer, ground.place, ours, committed)
                await transaction.abort_leftover(producer, ground.place, committed or 0, ground.touched)
            case Repair.CLOSE_PIECES:
                await _commit_pieces(producer, ground.place, ours, committed)
                await _abort_pieces(producer, ground.place, ours, committed)
            case Repair.ROLL_FORWARD:
                await _abort_pieces(producer, ground.place, ours, window.next_offset)
                await transaction.commit_leftover(producer, ground.place, window.next_offset, ground.touched)
            case Repair.COMMIT:
                await transaction.commit_leftover(producer, ground.place, None, ground.touched)
        commit_decided = False
    raise DisagreementError


async def _commit_pieces(
    producer: AIOKafkaProducer, place: TopicPartition, ours: Pieces, next_offset: int | None
) -> None:
    """What was routed will not be written again: without its marker it would be lost."""
    wanted = [(topic, part) for (topic, part), offset in ours.items() if was_committed(offset, next_offset)]
    if wanted:
        await transaction.commit_leftover(producer, place, None, wanted)


async def _abort_pieces(
    producer: AIOKafkaProducer, place: TopicPartition, ours: Pieces, next_offset: int | None
) -> None:
    """What will be routed again: the next commit of this id would commit it too."""
    wanted = [(topic, part) for (topic, part), offset in ours.items() if not was_committed(offset, next_offset)]
    if wanted:
        await transaction.abort_leftover(producer, place, next_offset or 0, wanted)
