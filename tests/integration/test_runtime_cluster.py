"""What a real broker says of a partition's oldest records."""

from contextlib import closing

from confluent_kafka import Producer

from schemas import topics
from services.runtime.cluster import Cluster
from services.runtime.kafka import librdkafka_options
from services.runtime.settings import KafkaSettings


def test_the_oldest_records_are_read_in_order_as_far_as_is_asked_or_to_the_end(kafka: KafkaSettings) -> None:
    place = topics.receipt("ncmec"), 0
    cluster = Cluster(kafka)
    before = len(list(cluster.first_values(place, 1_000_000)))
    producer = Producer(dict(librdkafka_options(kafka)))
    for number in range(3):
        producer.produce(place[0], str(number).encode(), partition=place[1])
    producer.flush(10)
    assert list(cluster.first_values(place, before + 9))[before:] == [b"0", b"1", b"2"]
    assert len(list(cluster.first_values(place, before + 2))) == before + 2
    with closing(cluster.first_values(place, before + 2)) as values:
        assert next(values) is not None
