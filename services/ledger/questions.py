"""What a ledger says to the process that reads for it. Not in that program's module: run, it has another name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.ledger.inputs import Directory, Input
from services.runtime.cluster import Place
from services.runtime.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class Hello:
    """What is to be read, said once."""

    kafka: KafkaSettings
    inputs: Mapping[str, Input]
    known: Directory


@dataclass(frozen=True, slots=True)
class Ask:
    """For what came next, `at_most` so many records; of these places too, each from its position or its beginning."""

    at_most: int
    places: Sequence[Place]
    positions: Mapping[Place, int]
