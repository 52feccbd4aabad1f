"""`referrals run` from outside: how it ends, what it says, and that nothing is left of it."""

import os
import signal
import socket
from pathlib import Path

import pytest

from services.console.run import run
from services.runtime.exits import CannotRun
from tests.integration.run_process import environment, running

HOPELESS = "127.0.0.1:1"


def refused(directory: Path, env: dict[str, str]) -> str:
    """What a run says that cannot begin."""
    with running(directory, env) as going:
        assert going.end() == 3
        return going.err


def test_a_killed_run_leaves_no_process_and_the_next_one_adds_up_all_that_is_kept(tmp_path: Path) -> None:
    """The next one is alone in its place, and ends in order when asked."""
    env = environment(tmp_path)
    with running(tmp_path, env) as killed:
        killed.until_routing()
        seen = killed.received
        assert killed.end(signal.SIGKILL) == -signal.SIGKILL
    with running(tmp_path, env) as following:
        following.until_routing()
        beside = tmp_path / "beside"
        beside.mkdir()
        (beside / "var").symlink_to(tmp_path / "var")
        said = refused(beside, environment(tmp_path))
        assert f"pid {following.process.pid}" in said
        assert f"http://127.0.0.1:{env['REFERRAL_ROUTER_PORT']}/metrics" in said
        # make and timeout both pass a signal on: one request, twice at once
        following.process.send_signal(signal.SIGINT)
        assert following.end(signal.SIGTERM) == 0
    assert "It adds up" in following.out
    tally = following.tally()
    assert tally["adds_up"]
    assert (tally["waiting"], tally["unchecked"]) == (0, 0)
    assert tally["received"] >= seen > 0


def test_a_router_that_dies_ends_the_run_in_words(tmp_path: Path) -> None:
    with running(tmp_path, environment(tmp_path)) as going:
        going.until_routing()
        going.part("services.router").kill()
        assert going.end() == 1
    assert "the router ended by itself; why is in var/log/router.log" in going.err
    assert going.tally()["adds_up"], "what was routed before is whole"


def test_a_ledger_that_dies_ends_the_run_in_words(tmp_path: Path) -> None:
    with running(tmp_path, environment(tmp_path)) as going:
        going.until_routing()
        going.part("services.ledger").kill()
        assert going.end() == 1
    assert "the ledger ended by itself; why is in var/log/ledger.log" in going.err
    assert going.tally()["adds_up"], "what it does not count is routed all the same"


def test_a_broker_that_dies_ends_the_run_without_a_tally(tmp_path: Path) -> None:
    with running(tmp_path, environment(tmp_path)) as going:
        going.until_routing()
        going.part("kafka.Kafka").kill()
        assert going.end() == 3
    assert "the broker ended by itself; why is in" in going.err
    assert not (tmp_path / "var" / "tally.json").exists()


@pytest.mark.parametrize(
    ("setting", "purpose"),
    [
        ("REFERRAL_CONSOLE_BROKER_PORT", "the Kafka broker"),
        ("REFERRAL_ROUTER_PORT", "the router"),
        ("REFERRAL_LEDGER_PORT", "the ledger"),
        ("REFERRAL_NOTIFIER_PORT", "the notifier"),
        ("REFERRAL_SINK_WEBHOOK_PORT", "the desks' end of webhooks"),
        ("REFERRAL_SINK_MAIL_PORT", "the desks' mail server"),
    ],
)
def test_a_taken_port_is_named_with_who_has_it_and_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, purpose: str
) -> None:
    env = {**environment(tmp_path), "REFERRAL_CONFIG_DIR": str(tmp_path / "told")}
    (tmp_path / "told").mkdir()
    pace = f"like: {tmp_path}/config\noperator: {{notify: {{channels: {{mail: {{email: [duty@desk.example]}}}}}}}}\n"
    (tmp_path / "told" / "pace.yaml").write_text(pace)
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(CannotRun) as refusal:
            run({**env, setting: port})
    (line,) = str(refusal.value).splitlines()
    assert f"port {port} on 127.0.0.1 is taken by" in line
    assert f"(pid {os.getpid()})" in line
    assert purpose in line
    assert not (tmp_path / "var" / "kafka").exists(), "nothing was started"
    assert f"{setting}=" in line


def test_a_cluster_out_of_reach_is_one_line(tmp_path: Path) -> None:
    said = refused(tmp_path, environment(tmp_path, KAFKA_BOOTSTRAP_SERVERS=HOPELESS))
    assert HOPELESS in said.splitlines()[-1]
    assert not (tmp_path / "var" / "kafka").exists()


def test_a_cluster_of_somebody_elses_gets_no_broker_no_invented_referrals_and_no_notifier(
    tmp_path: Path, bootstrap: str
) -> None:
    with running(tmp_path, environment(tmp_path, KAFKA_BOOTSTRAP_SERVERS=bootstrap)) as going:
        going.until(lambda: "lag 0" in going.out)
        programs = sorted(child.cmdline()[2] for child in going.family if child.is_running())
        assert programs == ["services.ledger", "services.ledger.feeder", "services.router"]
        assert going.end(signal.SIGTERM) in (0, 1), "the other tests' records need not add up"
    assert "nothing is simulated" in going.out
