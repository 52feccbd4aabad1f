"""Exit codes, ports, and children that do not outlive their parent."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import psutil
import pytest

from services.runtime import exits, ports
from services.runtime.child import Child
from services.runtime.exits import CannotRun, WrongUse, run_main
from services.runtime.loop import run

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def wait_for(condition: Callable[[], bool], deadline_s: float = 20.0) -> bool:
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_the_two_refusals_become_their_text_and_their_code(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(error: Exception) -> int:
        raise error

    assert run_main(lambda: refuse(CannotRun("no Java"))) == exits.CANNOT_RUN == 3
    assert run_main(lambda: refuse(WrongUse("PORT: what?"))) == exits.USAGE == 2
    assert run_main(lambda: exits.FOUND) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "cannot run: no Java\nwrong use: PORT: what?\n")


def test_other_errors_are_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        run_main(lambda: 1 // 0)


def test_services_run_in_uvloop() -> None:
    import asyncio

    async def which() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert run(which()).startswith("uvloop")


def test_free_ports_differ_can_be_listened_on_and_are_not_given_to_callers() -> None:
    found = ports.free_ports(12)
    assert len(set(found)) == 12
    for port in found:
        socket.create_server((ports.LOOPBACK, port)).close()
    outgoing = ports._first_outgoing_port()
    if outgoing > 12_000:
        assert all(port < outgoing for port in found)


def test_without_a_known_range_the_kernel_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_first_outgoing_port", lambda: 0)
    assert len(set(ports.free_ports(5))) == 5


def test_a_taken_port_is_named_with_who_needs_it() -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotRun, match=rf"^port {port} on 127\.0\.0\.1 is taken; the broker needs it"):
            ports.require_free(port, "the broker")


def test_a_port_nobody_listens_on_is_free_although_a_connection_lingers() -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection((ports.LOOPBACK, port)) as caller:
            accepted, _ = server.accept()
            accepted.close()  # the side that closes first lingers
            caller.recv(1)
    ports.require_free(port, "the broker")


def test_a_child_leads_its_own_group_and_ends_when_asked() -> None:
    child = Child(SLEEPER, output=subprocess.DEVNULL)
    assert os.getpgid(child.pid) == child.pid != os.getpgid(0)
    assert child.end(patience_s=20)
    assert not child.alive


def test_a_paused_child_can_be_ended() -> None:
    child = Child(SLEEPER, output=subprocess.DEVNULL)
    child.signal(signal.SIGSTOP)
    assert wait_for(lambda: psutil.Process(child.pid).status() == psutil.STATUS_STOPPED)
    assert child.end(patience_s=20)


def test_a_child_that_does_not_listen_is_killed() -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); signal.pause()"
    read, write = os.pipe()
    child = Child([sys.executable, "-c", deaf], output=write)
    os.close(write)
    with os.fdopen(read) as said:
        assert said.readline() == "1\n"
        assert not child.end(patience_s=0.1)
    assert not child.alive


def test_signalling_a_child_that_has_ended_does_nothing() -> None:
    child = Child([sys.executable, "-c", ""], output=subprocess.DEVNULL)
    assert child.join(patience_s=20)
    child.signal(signal.SIGKILL)
    child.ask_to_end()


def test_a_child_outlives_the_thread_that_started_it() -> None:
    children: list[Child] = []
    tethered = threading.Event()

    def start() -> None:
        children.append(Child(SLEEPER, output=subprocess.DEVNULL))
        tethered.wait(60)

    thread = threading.Thread(target=start)
    thread.start()
    assert wait_for(lambda: bool(children) and psutil.Process(children[0].pid).cmdline()[1:2] == ["-c"])
    tethered.set()
    thread.join()
    assert wait_for(lambda: thread.native_id not in {t.id for t in psutil.Process().threads()})
    assert children[0].alive
    children[0].kill()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_a_child_dies_with_its_parent() -> None:
    code = (
        "import subprocess, sys, time\n"
        "from services.runtime.child import Child\n"
        "child = Child([sys.executable, '-c', \"print(1, flush=True); import time; time.sleep(600)\"], output=1)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout as said:
        first, second = said.readline(), said.readline()
        orphan = int(max(first, second, key=len))
        parent.kill()
        parent.wait()
        assert wait_for(lambda: not psutil.pid_exists(orphan) or _is_zombie(orphan))


def _is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
