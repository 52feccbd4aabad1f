"""Which partition a key belongs to: murmur2, as Java's, aiokafka's and librdkafka's `murmur2_random` choose it. Pure.

Dedupe is per partition, so a record that sits elsewhere is counted. The libraries' own Python version of murmur2
takes five times as long, which would be a sixth of the loop; a test holds this one to it.
"""

from struct import Struct
from typing import Final

_M: Final = 0x5BD1E995
_SEED: Final = 0x9747B28C
_MASK: Final = 0xFFFFFFFF
_WORDS: Final = tuple(Struct(f"<{count}I") for count in range(13))
"""Little-endian words of a key; a report's number has at most 48 bytes."""


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key of at most 51 bytes (`org.apache.kafka.common.utils.Utils.murmur2`)."""
    size = len(key)
    whole = size >> 2
    h = _SEED ^ size
    for k in _WORDS[whole].unpack_from(key):
        k = k * _M & _MASK
        h = (h * _M & _MASK) ^ ((k ^ k >> 24) * _M & _MASK)
    rest = size & 3
    if rest:
        h = ((h ^ int.from_bytes(key[-rest:], "little")) * _M) & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return ((h ^ h >> 15) & 0x7FFFFFFF) % partitions
