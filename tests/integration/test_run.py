"""`referrals run` from outside: how it ends, what it says, and that nothing is left of it."""

import os
import signal
import socket
from pathlib import Path

import pytest

from tests.integration.run_process import environment, running

HOPELESS = "127.0.0.1:1"


def refused(directory: Path, env: dict[str, str]) -> str:
    """What a run says that cannot begin."""
    with running(directory, env) as run:
        assert run.end() == 3
        return run.err


def test_a_killed_run_leaves_no_process_and_the_next_one_adds_up_all_that_is_kept(tmp_path: Path) -> None:
    env = environment(tmp_path)
    with running(tmp_path, env) as killed:
        killed.until_routing()
        seen = killed.received
        assert killed.end(signal.SIGKILL) == -signal.SIGKILL
    with running(tmp_path, {**env, "DURATION": "3"}) as following:
        assert following.end() == 0
    assert "It adds up" in following.out
    tally = following.tally()
    assert tally["adds_up"]
    assert (tally["waiting"], tally["unchecked"]) == (0, 0)
    assert tally["received"] >= seen > 0


def test_a_run_is_alone_in_its_place_and_ends_in_order_when_asked(tmp_path: Path) -> None:
    env = environment(tmp_path)
    with running(tmp_path, env) as first:
        first.until_routing()
        beside = tmp_path / "beside"
        beside.mkdir()
        (beside / "var").symlink_to(tmp_path / "var")
        said = refused(beside, environment(tmp_path))
        assert f"pid {first.process.pid}" in said
        assert f"http://127.0.0.1:{env['REFERRAL_ROUTER_PORT']}/metrics" in said
        # make and timeout both pass a signal on: one request, twice at once
        first.process.send_signal(signal.SIGINT)
        assert first.end(signal.SIGTERM) == 0
    assert "It adds up" in first.out
    assert first.tally()["waiting"] == 0


def test_a_router_that_dies_ends_the_run_in_words(tmp_path: Path) -> None:
    with running(tmp_path, environment(tmp_path)) as run:
        run.until_routing()
        run.part("services.router").kill()
        assert run.end() == 1
    assert "the router ended by itself; why is in var/log/router.log" in run.err
    assert run.tally()["adds_up"], "what was routed before is whole"


def test_a_ledger_that_dies_ends_the_run_in_words(tmp_path: Path) -> None:
    with running(tmp_path, environment(tmp_path)) as run:
        run.until_routing()
        run.part("services.ledger").kill()
        assert run.end() == 1
    assert "the ledger ended by itself; why is in var/log/ledger.log" in run.err
    assert run.tally()["adds_up"], "what it does not count is routed all the same"


def test_a_broker_that_dies_ends_the_run_without_a_tally(tmp_path: Path) -> None:
    with running(tmp_path, environment(tmp_path)) as run:
        run.until_routing()
        run.part("kafka.Kafka").kill()
        assert run.end() == 3
    assert "the broker ended by itself; why is in" in run.err
    assert not (tmp_path / "var" / "tally.json").exists()


@pytest.mark.parametrize(
    ("setting", "purpose"),
    [
        ("REFERRAL_CONSOLE_BROKER_PORT", "the Kafka broker"),
        ("REFERRAL_ROUTER_PORT", "the router"),
        ("REFERRAL_LEDGER_PORT", "the ledger"),
    ],
)
def test_a_taken_port_is_named_with_who_has_it_and_what_to_set(tmp_path: Path, setting: str, purpose: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        (line,) = refused(tmp_path, environment(tmp_path, **{setting: port})).splitlines()
    assert f"port {port} on 127.0.0.1 is taken by" in line
    assert f"(pid {os.getpid()})" in line
    assert purpose in line
    assert not (tmp_path / "var" / "kafka").exists(), "nothing was started"
    assert f"{setting}=" in line


def test_a_cluster_out_of_reach_is_one_line(tmp_path: Path) -> None:
    said = refused(tmp_path, environment(tmp_path, KAFKA_BOOTSTRAP_SERVERS=HOPELESS))
    assert HOPELESS in said.splitlines()[-1]
    assert not (tmp_path / "var" / "kafka").exists()


def test_a_cluster_of_somebody_elses_gets_no_broker_and_no_invented_referrals(tmp_path: Path, bootstrap: str) -> None:
    with running(tmp_path, environment(tmp_path, KAFKA_BOOTSTRAP_SERVERS=bootstrap)) as run:
        run.until(lambda: "lag 0" in run.out)
        router, ledger = sorted((" ".join(child.cmdline()) for child in run.family if child.is_running()), reverse=True)
        assert "services.router" in router
        assert "services.ledger" in ledger
        assert run.end(signal.SIGTERM) in (0, 1), "the other tests' records need not add up"
    assert "nothing is simulated" in run.out
