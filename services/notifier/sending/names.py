"""The addresses of a name, each looked up in a thread of its own: one that hangs takes the place of no other.

A loop has few threads for all that look-ups wait for; uvloop's has four, of which names get two.
"""

import asyncio
import socket
import threading
from concurrent.futures import Future
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

_NUMERIC: Final = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
_AS_NUMBERS: Final = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


class NameThreads(AbstractResolver):
    """For aiohttp, with which whoever asks for a name waits for one look-up: there are no more threads than webhooks.

    They are daemons: nothing ends a look-up, and no process need wait for one that hangs.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """As numbers. OSError where there are none."""
        found: Future[list[ResolveResult]] = Future()
        found.set_running_or_notify_cancel()
        threading.Thread(target=_look_up, args=(found, host, port, family), name="name", daemon=True).start()
        return await asyncio.wrap_future(found)

    async def close(self) -> None:
        """Nothing is kept."""


def _look_up(found: Future[list[ResolveResult]], host: str, port: int, family: socket.AddressFamily) -> None:
    try:
        rows = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        addresses = [
            ResolveResult(hostname=host, host=number, port=port, family=kind, proto=protocol, flags=_NUMERIC)
            for kind, _, protocol, _, address in rows
            for number, _ in [socket.getnameinfo(address, _AS_NUMBERS)]  # with the zone of a link-local one
        ]
    except Exception as error:  # noqa: BLE001 - for whoever waits
        found.set_exception(error)
    else:
        found.set_result(addresses)
