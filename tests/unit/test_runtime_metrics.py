"""The bulk histogram is Prometheus's own, only faster; the page of metrics names them all."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from services.runtime.metrics import BulkHistogram, document

BUCKETS = (0.01, 0.5, 1, 30)


def bulk(registry: CollectorRegistry | None = None) -> BulkHistogram:
    return BulkHistogram("route_latency_seconds", "How long", ("lane",), BUCKETS, registry)


# Integers and halves: sums of them are exact in any order.
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["urgent", "routine"]),
            st.integers(-4, 80).map(lambda n: n / 2),
            st.integers(0, 50),
        )
    )
)
def test_it_renders_exactly_as_prometheus_clients_own(seen: list[tuple[str, float, int]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    quick = bulk(ours)
    slow = Histogram("route_latency_seconds", "How long", ["lane"], buckets=BUCKETS, registry=theirs)
    for lane, value, count in seen:
        quick.observe((lane,), value, count)
        child = slow.labels(lane)
        for _ in range(count):
            child.observe(value)
    assert generate_latest(ours) == generate_latest(theirs)


def test_a_series_exists_at_zero_once_touched() -> None:
    registry = CollectorRegistry()
    bulk(registry).touch(("urgent",))
    assert registry.get_sample_value("route_latency_seconds_count", {"lane": "urgent"}) == 0
    assert registry.get_sample_value("route_latency_seconds_bucket", {"lane": "urgent", "le": "+Inf"}) == 0


def test_touching_again_forgets_nothing() -> None:
    registry = CollectorRegistry()
    histogram = bulk(registry)
    histogram.observe(("urgent",), 1.0, 3)
    histogram.touch(("urgent",))
    assert registry.get_sample_value("route_latency_seconds_count", {"lane": "urgent"}) == 3


def test_a_histogram_without_labels_exists_at_once() -> None:
    registry = CollectorRegistry()
    BulkHistogram("records", "How many", (), (1, 10), registry)
    assert registry.get_sample_value("records_count") == 0


def test_a_value_on_a_bound_belongs_to_its_bucket_and_infinity_to_the_last() -> None:
    registry = CollectorRegistry()
    histogram = bulk(registry)
    histogram.observe(("urgent",), 0.5)
    histogram.observe(("urgent",), inf)
    assert registry.get_sample_value("route_latency_seconds_bucket", {"lane": "urgent", "le": "0.5"}) == 1
    assert registry.get_sample_value("route_latency_seconds_bucket", {"lane": "urgent", "le": "30.0"}) == 1
    assert registry.get_sample_value("route_latency_seconds_count", {"lane": "urgent"}) == 2


@pytest.mark.parametrize("buckets", [(), (1, 1), (2, 1), (1, inf)])
def test_buckets_must_ascend_and_end(buckets: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="buckets"):
        BulkHistogram("x", "x", (), buckets)


@pytest.mark.parametrize(("value", "count"), [(nan, 1), (1.0, -1)])
def test_a_histogram_only_grows(value: float, count: int) -> None:
    with pytest.raises(ValueError, match="only grows"):
        bulk().observe(("urgent",), value, count)


def test_wrong_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="has the labels"):
        bulk().touch(("urgent", "nl"))


def test_its_name_is_taken_in_the_registry() -> None:
    registry = CollectorRegistry()
    bulk(registry)
    with pytest.raises(ValueError, match="Duplicated"):
        Histogram("route_latency_seconds", "x", registry=registry)


def test_the_page_names_every_metric_its_type_and_labels_even_without_a_series() -> None:
    counter = Counter("received", "Records", ["partner", "outcome"], registry=None)
    gauge = Gauge("assigned", "A | B", registry=None)
    assert document([counter, gauge, bulk()]) == (
        "| metric | type | labels | meaning |\n"
        "|---|---|---|---|\n"
        "| `assigned` | gauge |  | A \\| B |\n"
        "| `received_total` | counter | `partner`, `outcome` | Records |\n"
        "| `route_latency_seconds` | histogram | `lane` | How long |\n"
    )
