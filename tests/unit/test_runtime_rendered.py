"""How often metrics are rendered: often where there is time for it, seldom beside other work, never too seldom."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry, Gauge, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from services.runtime import rendered as module
from services.runtime.rendered import LONGEST_S, LOOK_S, TOO_OLD_S, Rendered, pause_s


@pytest.mark.parametrize(
    ("cost_s", "busy", "expected_s"),
    [
        (0.0, 0.0, LOOK_S),
        (0.15, 0.0, 0.15),
        (0.1, 0.5, 0.2),
        (0.04, 0.8, 0.2),
        (0.04, 1.9, 0.8),
        (10.0, 0.0, LONGEST_S),
    ],
)
def test_it_pauses_for_as_long_as_other_work_needs(cost_s: float, busy: float, expected_s: float) -> None:
    assert pause_s(cost_s, busy) == pytest.approx(expected_s)


def test_it_shows_what_was_when_it_was_rendered() -> None:
    registry = CollectorRegistry()
    gauge = Gauge("waiting", "How many wait", registry=registry)
    rendered = Rendered(registry, lambda: 0)
    gauge.set(7)
    assert b"waiting 0.0" in rendered.text
    rendered.render()
    assert b"waiting 7.0" in rendered.text


class Clock:
    """Stands where `time` does."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def monotonic(self) -> float:
        return self.now_s

    def process_time(self) -> float:
        return 0.0

    thread_time = process_time


class FailingOnce(Collector):
    """Has a number that grows from look to look; at one of them there is none. `told` hears of each look."""

    def __init__(self, fails_at: int, told: Callable[[int], object] = id) -> None:
        self._fails_at = fails_at
        self._told = told
        self.looks = 0

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        self.looks += 1
        self._told(self.looks)
        if self.looks == self._fails_at:
            raise MemoryError
        yield GaugeMetricFamily("looks", "How many", value=self.looks)


async def test_it_goes_on_after_a_rendering_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_S", 0.01)
    running, after_third = asyncio.get_running_loop(), asyncio.Event()

    def told(looks: int) -> None:
        if looks == 4:
            running.call_soon_threadsafe(after_third.set)

    registry, collector = CollectorRegistry(), FailingOnce(2, told)
    registry.register(collector)
    rendered = Rendered(registry, lambda: collector.looks)
    keeping = asyncio.create_task(rendered.keep())
    try:
        async with asyncio.timeout(20):
            await after_third.wait()
    finally:
        keeping.cancel()
    assert b"looks 1.0" not in rendered.text


def test_a_text_grows_too_old_while_renderings_fail_until_one_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    registry, collector = CollectorRegistry(), FailingOnce(2)
    registry.register(collector)
    rendered = Rendered(registry, lambda: 0)
    clock.now_s += TOO_OLD_S
    with pytest.raises(MemoryError):
        rendered.render()
    assert not rendered.too_old
    clock.now_s += 1.0
    assert rendered.too_old
    rendered.render()
    assert not rendered.too_old
