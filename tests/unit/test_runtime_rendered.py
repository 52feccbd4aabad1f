"""How often metrics are rendered: often where there is time for it, seldom beside other work, never too seldom."""

import pytest
from prometheus_client import CollectorRegistry, Gauge

from services.runtime.rendered import LONGEST_S, LOOK_S, Rendered, pause_s


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
