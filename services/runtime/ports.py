"""Ports on loopback: free ones that stay free, and a clear refusal for one that is taken."""

import random
import socket
from pathlib import Path
from typing import Final

from services.runtime.exits import CannotRun

LOOPBACK: Final = "127.0.0.1"
_RANGE_FILE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST: Final = 10_000
_TRIES: Final = 200


def free_ports(count: int) -> list[int]:
    """`count` different ports nobody listens on.

    Below the range the kernel gives to outgoing connections, where there is room: from inside it, a client
    that keeps calling a broker which is down may get that very port as its own, and the broker cannot return.
    """
    highest = _first_outgoing_port() - 1
    found: set[int] = set()
    for _ in range(_TRIES):
        if len(found) == count:
            return sorted(found)
        low = highest - _LOWEST > 10 * count
        port = random.randint(_LOWEST, highest) if low else 0  # noqa: S311 - no secret
        if (bound := _bind(port)) is not None:
            found.add(bound)
    raise CannotRun(f"no {count} free ports on {LOOPBACK}: end some of the processes that listen there")


def require_free(port: int, purpose: str) -> None:
    """Raise CannotRun if somebody listens on `port`; `purpose` says who needs it."""
    if _bind(port) is None:
        raise CannotRun(
            f"port {port} on {LOOPBACK} is taken; {purpose} needs it. "
            f"End what listens there (`ss -ltnp 'sport = :{port}'` names it) or choose another port"
        )


def _bind(port: int) -> int | None:
    """The port that could be listened on, as a server would: what merely lingers in TIME_WAIT is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return None
        return int(probe.getsockname()[1])


def _first_outgoing_port() -> int:
    try:
        return int(_RANGE_FILE.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 0
