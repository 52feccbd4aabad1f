"""One run in one place, and who has a port."""

import os
import socket
from pathlib import Path

import pytest

from services.console.run_place import LOCK, held, listener, require_port
from services.runtime.exits import CannotRun
from services.runtime.ports import free_ports

URL = "http://127.0.0.1:1/metrics"


def test_a_second_holder_is_told_of_the_first(tmp_path: Path) -> None:
    with held(tmp_path, URL), pytest.raises(CannotRun, match=f"pid {os.getpid()}.*{URL}"), held(tmp_path, "other"):
        pytest.fail("held twice")


def test_a_place_is_free_again_afterwards(tmp_path: Path) -> None:
    with held(tmp_path, URL):
        pass
    with held(tmp_path, "http://127.0.0.1:2/metrics"):
        assert "http://127.0.0.1:2/metrics" in (tmp_path / LOCK).read_text()
        assert URL not in (tmp_path / LOCK).read_text()


def test_what_a_dead_run_wrote_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text("pid 1\nurl http://127.0.0.1:1/metrics\n")
    with held(tmp_path, URL):
        pass


def test_a_place_that_cannot_be_written_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotRun, match="cannot be written"), held(tmp_path / "file", URL):
        pytest.fail("held")


def test_the_refusal_of_a_port_names_who_has_it_and_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotRun) as refusal:
            require_port(port, "the router", "REFERRAL_ROUTER_PORT")
    text = str(refusal.value)
    for words in (f"port {port}", f"(pid {os.getpid()})", "the router needs it", "REFERRAL_ROUTER_PORT="):
        assert words in text


def test_a_file_that_is_closed_while_they_are_listed_hides_no_listener() -> None:
    low = os.open("/dev/null", os.O_RDONLY)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        os.close(low)  # the lowest free number: the list of our own files takes it, and gives it back before it is read
        assert f"(pid {os.getpid()})" in str(listener(taken.getsockname()[1]))


def test_nobody_listens_on_a_free_port() -> None:
    (port,) = free_ports(1)
    require_port(port, "the router", "REFERRAL_ROUTER_PORT")
    assert listener(port) is None
