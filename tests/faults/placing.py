"""Where records stand that were acknowledged without an offset. Pure.

A producer that sends a batch again after a broker's death may be told "I have that already" (a duplicate sequence
number, KIP-98): the record is in the topic once, and nobody says where.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tests.faults.evidence import Ingress, Kind, Sent

NOWHERE: Final = -1
"""The offset of a record that was acknowledged and cannot be found: the judge will say so."""


@dataclass(frozen=True, slots=True)
class Unplaced:
    """What `Sent` is, but for the offset."""

    partition: int
    phase: int
    kind: Kind
    report: str
    value: bytes
    acked_s: float


def place(sent: Iterable[Sent], unplaced: Sequence[Unplaced], ingress: Iterable[Ingress]) -> list[Sent]:
    """All of them with coordinates: each unplaced one is the first record with its bytes that is nobody else's."""
    placed = list(sent)
    taken = {one.at for one in placed}
    free: dict[tuple[int, str, bytes], list[Ingress]] = {}
    for record in sorted(ingress, key=lambda record: record.at, reverse=True):
        if record.at not in taken:
            free.setdefault((record.at[0], record.report, record.value), []).append(record)
    for one in unplaced:
        records = free.get((one.partition, one.report, one.value))
        at = records.pop().at if records else (one.partition, NOWHERE)
        placed.append(Sent(at, one.phase, one.kind, one.report, one.acked_s))
    return placed
