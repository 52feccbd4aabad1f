"""The schedules can be done: what is woken was paused, what is started was not running."""

from random import Random

import pytest

from tests.faults.schedule import BY_NAME, FAULTS, JITTER_S, Act, Fault, spread

UP = {Act.START_ROUTER: True, Act.KILL_ROUTER: False, Act.STOP_ROUTER: False}
UP[Act.KILL_ROUTER_IN_COMMIT] = UP[Act.DELAY_COMMIT_OF_KILLED] = False


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_router_is_started_only_when_down_and_ended_only_when_up(fault: Fault) -> None:
    up = {0: True, 1: fault.routers == 2}
    for step in fault.steps:
        if step.act in UP:
            assert up[step.on] is not UP[step.act], step
            up[step.on] = UP[step.act]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_steps_come_in_order_and_leave_time_for_the_stream_after_them(fault: Fault) -> None:
    moments = [step.at_s for step in fault.steps]
    assert moments == sorted(moments)
    assert all(moment + 2 * JITTER_S <= fault.lasts_s for moment in moments)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_spreading_keeps_the_order_and_one_broker(fault: Fault) -> None:
    for seed in range(20):
        moved = spread(fault, Random(seed), nodes=3)
        moments = [step.at_s for step in moved.steps]
        assert moments == sorted(moments)
        assert [step.act for step in moved.steps] == [step.act for step in fault.steps]
        assert all(0 <= b.at_s - a.at_s <= JITTER_S for a, b in zip(fault.steps, moved.steps, strict=True))
        assert len({step.on for step in moved.steps if "broker" in step.act}) <= 1


def test_spreading_is_by_seed_and_reaches_every_broker() -> None:
    fault = BY_NAME["broker-killed"]
    assert spread(fault, Random(5), 3) == spread(fault, Random(5), 3)
    assert {spread(fault, Random(seed), 3).steps[0].on for seed in range(40)} == {0, 1, 2}


def test_every_act_is_part_of_some_fault() -> None:
    assert {step.act for fault in FAULTS for step in fault.steps} == set(Act)


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(FAULTS)
