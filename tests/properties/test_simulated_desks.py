"""Whatever comes to a simulated desk, and whenever it is asked: it says only what a desk may say."""

from hypothesis import given
from hypothesis import strategies as st

from policy.configuration import load
from policy.desks import Reporting
from schemas.codes import Lane
from schemas.lifecycle import Step, course
from schemas.records import StatusEvent, serialise
from services.simulator.desks.conduct import conduct_of
from services.simulator.desks.desk import SimulatedDesk
from tests.samples import DEPLOY

DESKS = load(DEPLOY / "demo").desks
START_MS = 1_790_000_000_000

names = st.sampled_from([desk.id for desk in DESKS.desks if desk.reporting is Reporting.STATUS])
moves = st.lists(
    st.tuples(st.integers(0, 30_000), st.integers(0, 12), st.sampled_from(Lane), st.booleans()), max_size=60
)


def live(name: str, seed: int, moved: list[tuple[int, int, Lane, bool]], every_ms: int) -> list[StatusEvent]:
    """All that the desk says while this comes to it, asked so often, and for an hour after."""
    desk = SimulatedDesk(DESKS.by_id[name], DESKS, conduct_of(name), seed, START_MS)
    now_ms, said = START_MS, []
    for wait_ms, report, lane, withdrawn in moved:
        for _ in range(wait_ms // every_ms):
            now_ms += every_ms
            said += desk.decide(now_ms)
        desk.take_in("ncmec", f"R-{report}", lane, withdrawn=withdrawn, now_ms=now_ms)
    return said + [event for hour in range(1, 60) for event in desk.decide(now_ms + hour * 60_000)]


@given(names, st.integers(0, 9), moves, st.sampled_from([100, 1_000, 7_000]))
def test_only_steps_that_may_follow_each_other_are_said(
    name: str, seed: int, moved: list[tuple[int, int, Lane, bool]], every_ms: int
) -> None:
    courses: dict[str, list[Step]] = {}
    for value in dict.fromkeys(serialise(event) for event in live(name, seed, moved, every_ms)):
        found = StatusEvent.model_validate_json(value)
        assert found.desk == name
        assert found.to is None or found.to in DESKS.by_id
        courses.setdefault(found.report, []).append(Step(found.event, found.role, 0, found.disposition, found.to))
    for steps in courses.values():
        assert course(steps).contested == 0


@given(names, st.integers(0, 9), moves)
def test_the_same_seed_says_the_same(name: str, seed: int, moved: list[tuple[int, int, Lane, bool]]) -> None:
    assert live(name, seed, moved, 1_000) == live(name, seed, moved, 1_000)


@given(names, moves, st.integers(0, 40))
def test_what_was_said_before_is_never_contradicted_after_a_restart(
    name: str, moved: list[tuple[int, int, Lane, bool]], cut: int
) -> None:
    before = live(name, 1, moved, 1_000)[:cut]
    desk = SimulatedDesk(DESKS.by_id[name], DESKS, conduct_of(name), 1, START_MS)
    for event in before:
        desk.remember(event)
    for _, report, lane, _ in moved:
        desk.take_in("ncmec", f"R-{report}", lane, withdrawn=False, now_ms=START_MS)
    after = [event for minute in range(1, 60) for event in desk.decide(START_MS + minute * 60_000)]
    courses: dict[str, list[Step]] = {}
    for value in dict.fromkeys(serialise(event) for event in [*before, *after]):
        found = StatusEvent.model_validate_json(value)
        courses.setdefault(found.report, []).append(Step(found.event, found.role, 0, found.disposition, found.to))
    for steps in courses.values():
        assert course(steps).contested == 0
