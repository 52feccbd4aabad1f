"""From scrapes of the router to what a person sees."""

from prometheus_client import CollectorRegistry, generate_latest

from policy.configuration import load
from services.console.run_figures import LATENCY_SECONDS, RATE_SECONDS, History, Reading, quantile, read_metrics
from services.router.metrics import RouterMetrics
from tests.samples import DEPLOY

INF = float("inf")


def reading(at: float, received: int = 0, latency: dict[float, int] | None = None) -> Reading:
    return Reading(at, received, {"routed": received}, {"nl": received}, 0, latency or {})


def history(*readings: Reading) -> History:
    found = History()
    for one in readings:
        found.add(one)
    return found


def test_the_routers_own_metrics_are_read() -> None:
    """What the router exposes and what is shown here meet only in the names of metrics."""
    registry = CollectorRegistry()
    metrics = RouterMetrics(load(DEPLOY), registry)
    metrics.received.labels("ncmec").inc(5)
    metrics.outcomes.labels("ncmec", "routed").inc(3)
    metrics.outcomes.labels("ncmec", "rejected").inc(2)
    metrics.routed.labels("nl", "urgent").inc(2)
    metrics.routed.labels("nl", "routine").inc(1)
    metrics.ingress_lag.labels("ncmec", 0).set(7)
    metrics.route_latency.observe(("urgent",), 0.012, 2)
    metrics.route_latency.observe(("routine",), 0.2, 1)
    found = read_metrics(generate_latest(registry).decode(), at=1.0)
    assert (found.received, found.lag, found.desks["nl"]) == (5, 7, 3)
    assert (found.outcomes["routed"], found.outcomes["rejected"], found.outcomes["duplicate"]) == (3, 2, 0)
    assert (found.latency[0.01], found.latency[0.02], found.latency[INF]) == (0, 2, 3)


def test_nothing_is_shown_before_the_first_scrape() -> None:
    assert History().figures() is None


def test_one_scrape_has_totals_and_no_rate() -> None:
    figures = history(reading(0, 10)).figures()
    assert figures is not None
    assert (figures.received, figures.per_second, figures.p50_ms) == (10, None, None)


def test_the_rate_is_of_the_last_seconds() -> None:
    figures = history(reading(0, 0), reading(100, 1000), reading(100 + RATE_SECONDS, 2000)).figures()
    assert figures is not None
    assert figures.per_second == 1000 / RATE_SECONDS


def test_latency_is_of_the_last_seconds_only() -> None:
    slow, quick = {0.01: 0, 1.0: 90, INF: 90}, {0.01: 10, 1.0: 100, INF: 100}
    figures = history(reading(0), reading(50, latency=slow), reading(50 + LATENCY_SECONDS, latency=quick)).figures()
    assert figures is not None
    assert figures.p99_ms is not None
    assert figures.p99_ms <= 10


def test_a_router_that_started_anew_counts_from_zero() -> None:
    figures = history(reading(0, 1000), reading(1, 5)).figures()
    assert figures is not None
    assert (figures.received, figures.per_second) == (5, None)


def test_old_readings_are_forgotten() -> None:
    found = history(*(reading(float(second)) for second in range(1000)))
    assert len(found.readings) <= LATENCY_SECONDS + 2


def test_the_busiest_desks_are_ordered_and_idle_ones_left_out() -> None:
    one = Reading(0, 0, {}, {"nl": 2, "de": 9, "fr": 0}, 0, {})
    figures = history(one).figures()
    assert figures is not None
    assert figures.busiest == (("de", 9), ("nl", 2))


def test_a_quantile_is_interpolated_within_its_bucket() -> None:
    assert quantile([(0.1, 0), (0.2, 10), (INF, 10)], 0.5) == 0.15000000000000002


def test_a_quantile_beyond_the_last_bound_is_that_bound() -> None:
    assert quantile([(0.1, 0), (0.2, 1), (INF, 10)], 0.99) == 0.2


def test_there_is_no_quantile_of_nothing() -> None:
    assert quantile([], 0.5) is None
    assert quantile([(0.1, 0), (INF, 0)], 0.5) is None
