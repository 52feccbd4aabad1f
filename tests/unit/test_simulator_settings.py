"""The simulator starts only where it may, and says what is wrong with a setting."""

import threading
from dataclasses import fields, replace
from pathlib import Path

import pytest

from services.runtime.environment import document, read
from services.runtime.exits import WrongUse
from services.simulator.__main__ import simulate
from services.simulator.mix import EXCLUSIVE, Mix
from services.simulator.publishing import fill
from services.simulator.settings import SimulatorSettings


def test_without_permission_nothing_is_published_whatever_else_is_set() -> None:
    for environment in ({}, {"SIMULATE": ""}, {"SIMULATE": "0"}, {"REFERRAL_SIMULATOR_RATE": "5"}):
        with pytest.raises(WrongUse, match="SIMULATE=1"):
            simulate(environment, threading.Event())


def test_filling_topics_needs_the_same_permission() -> None:
    with pytest.raises(WrongUse, match="SIMULATE=1"):
        fill(1, {}, [], simulate=False)


def test_the_defaults_are_those_of_the_mix() -> None:
    assert read(SimulatorSettings, {}).mix() == Mix()


def test_every_share_is_a_setting() -> None:
    for field in fields(Mix):
        settings = read(SimulatorSettings, {f"REFERRAL_SIMULATOR_{field.name.upper()}": "0.5".removeprefix("0.")
                                            if field.name == "memory" else "0.5"})  # fmt: skip
        assert getattr(settings.mix(), field.name) == (5 if field.name == "memory" else 0.5)


def test_only_good_ones_keep_what_is_no_fault() -> None:
    settings = read(SimulatorSettings, {"REFERRAL_SIMULATOR_ONLY_GOOD": "1", "REFERRAL_SIMULATOR_URGENT": "0.25"})
    assert settings.mix() == replace(Mix.good(), urgent=0.25)
    assert sum(getattr(settings.mix(), name) for name in EXCLUSIVE) == 0


def test_shares_that_make_more_than_everything_are_refused() -> None:
    with pytest.raises(WrongUse, match="at most 1 is possible"):
        read(SimulatorSettings, {"REFERRAL_SIMULATOR_BAD": "0.9", "REFERRAL_SIMULATOR_DUPLICATES": "0.2"})


@pytest.mark.parametrize(
    ("name", "value"),
    [("YEAR", "2018"), ("RATE", "-1"), ("LATE", "1.5"), ("MEMORY", "0"), ("START_MS", "12"), ("TOPICS", "ncmec")],
)
def test_a_value_that_does_not_hold_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(WrongUse, match=f"REFERRAL_SIMULATOR_{name}"):
        read(SimulatorSettings, {f"REFERRAL_SIMULATOR_{name}": value})


def test_a_share_outside_0_and_1_is_no_mix() -> None:
    with pytest.raises(ValueError, match="conflicts is 2"):
        Mix(conflicts=2)
    with pytest.raises(ValueError, match="memory is 0"):
        Mix(memory=0)


def test_topics_are_named_by_partner() -> None:
    settings = read(SimulatorSettings, {"REFERRAL_SIMULATOR_TOPICS": "ncmec=a.v1,inhope-nl=b.v1"})
    assert settings.topic_by_partner() == {"ncmec": "a.v1", "inhope-nl": "b.v1"}


def test_the_page_documents_every_setting_as_it_is() -> None:
    assert document(SimulatorSettings) in Path("docs/simulation.md").read_text(encoding="utf-8")
