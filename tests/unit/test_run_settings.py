"""What a run makes of its environment."""

from pathlib import Path

import pytest

from services.console.run_settings import DEMONSTRATION, Places, configuration_place, for_children, read_settings
from services.runtime.exits import WrongUse


def test_an_empty_variable_is_the_default() -> None:
    settings, own_broker = read_settings({"DURATION": "", "RATE": "", "YEAR": "", "KAFKA_BOOTSTRAP_SERVERS": ""})
    assert (settings.duration, settings.rate, settings.year, own_broker) == (None, None, None, True)


def test_a_named_cluster_is_somebody_elses() -> None:
    _, own_broker = read_settings({"KAFKA_BOOTSTRAP_SERVERS": "kafka-1:9092"})
    assert not own_broker


@pytest.mark.parametrize(
    "wrong",
    [
        {"DURATION": "0"},
        {"DURATION": "soon"},
        {"DURATION": "inf"},
        {"RATE": "-1"},
        {"YEAR": "2018"},
        {"YEAR": "2024"},
        {"SIMULATE": "maybe"},
        {"REFERRAL_CONSOLE_BROKER_PORT": "99999"},
        {"REFERRAL_CONSOLE_BROKR_PORT": "9092"},
    ],
)
def test_what_does_not_hold_is_refused_by_name(wrong: dict[str, str]) -> None:
    (name,) = wrong
    with pytest.raises(WrongUse, match=name):
        read_settings(wrong)


def test_a_log_in_without_a_cluster_is_refused() -> None:
    with pytest.raises(WrongUse, match=r"KAFKA_SECURITY_PROTOCOL.*KAFKA_BOOTSTRAP_SERVERS"):
        read_settings({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"})


def test_the_children_get_what_was_settled_and_all_else_as_it_is() -> None:
    given = {"PATH": "/bin", "REFERRAL_SIMULATOR_SEED": "7", "RATE": "50", "YEAR": "2021"}
    settings, _ = read_settings(given)
    assert for_children(given, settings, Places("127.0.0.1:9", 10, 11, 12, Path("here"))) == {
        **given,
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
        "REFERRAL_ROUTER_PORT": "10",
        "REFERRAL_LEDGER_PORT": "11",
        "REFERRAL_NOTIFIER_PORT": "12",
        "REFERRAL_CONFIG_DIR": "here",
        "REFERRAL_SIMULATOR_RATE": "50.0",
        "REFERRAL_SIMULATOR_YEAR": "2021",
        "SIMULATE": "1",
    }


@pytest.mark.parametrize(
    ("given", "rate"),
    [({}, "250"), ({"RATE": ""}, "250"), ({"REFERRAL_SIMULATOR_RATE": "7"}, "7"),
     ({"REFERRAL_SIMULATOR_RATE": "7", "RATE": "50"}, "50.0")],
)  # fmt: skip
def test_who_gives_no_rate_gets_one_that_two_cores_carry(given: dict[str, str], rate: str) -> None:
    settings, _ = read_settings(given)
    children = for_children(given, settings, Places("127.0.0.1:9", 10, 11, 12, Path("here")))
    assert children["REFERRAL_SIMULATOR_RATE"] == rate


def test_what_is_simulated_goes_at_the_pace_of_the_demonstration_unless_a_directory_is_set() -> None:
    assert configuration_place({}, simulate=True) == DEMONSTRATION
    assert configuration_place({"REFERRAL_CONFIG_DIR": ""}, simulate=True) == DEMONSTRATION
    assert configuration_place({"REFERRAL_CONFIG_DIR": "own"}, simulate=True) == Path("own")


def test_what_is_real_never_goes_at_the_pace_of_the_demonstration() -> None:
    assert configuration_place({}, simulate=False) == Path("deploy")
