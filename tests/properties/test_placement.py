"""Our murmur2 is everybody's murmur2."""

from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from services.router.placement import partition_of


@given(st.binary(min_size=1, max_size=48), st.integers(1, 1000))
def test_every_key_is_where_the_libraries_put_it(key: bytes, partitions: int) -> None:
    assert partition_of(key, partitions) == (murmur2(key) & 0x7FFFFFFF) % partitions
