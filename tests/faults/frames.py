"""Heads of Kafka's frames, as far as the proxy needs them. Pure.

A request is size (int32), api key (int16), api version (int16), correlation id (int32), …; an answer is size,
correlation id, … (kafka.apache.org/protocol: request header v1, response header v0).
"""

from dataclasses import dataclass
from struct import Struct
from typing import Final

PRODUCE: Final = 0
ADD_OFFSETS_TO_TXN: Final = 25
END_TXN: Final = 26
GROUP_AUTHORIZATION_FAILED: Final = 30

_REQUEST = Struct(">hhi")
_CORRELATION = Struct(">i")
_TRANSACTION_ANSWER = Struct(">iih")


@dataclass(frozen=True, slots=True)
class Head:
    """The fixed part of a request; `commits` only of an EndTxn that asks for a commit, not an abort."""

    api: int
    version: int
    correlation: int
    commits: bool


def request_head(frame: bytes) -> Head:
    """The head of a request, without its size. ValueError when it is too short."""
    if len(frame) < _REQUEST.size:
        raise ValueError("a request shorter than its head")
    api, version, correlation = _REQUEST.unpack_from(frame)
    # EndTxn v0-2 ends with the boolean `committed`; from v3 (flexible) an empty tag buffer follows.
    result = frame[-1] if version < 3 else frame[-2]
    return Head(api, version, correlation, api == END_TXN and result == 1)


def correlation_of(answer: bytes) -> int:
    """Which request an answer (without its size) belongs to."""
    return int(_CORRELATION.unpack_from(answer)[0])


def refusal(correlation: int, error: int) -> bytes:
    """An AddOffsetsToTxn or EndTxn answer v0 (not throttled) that carries `error`, without its size."""
    return _TRANSACTION_ANSWER.pack(correlation, 0, error)
