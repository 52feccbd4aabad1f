"""`python -m tests.notices.sink LOG FAIL SEED`: takes webhooks, fails some, writes a line for each request it read.

A plain protocol instead of a web framework: it must cost the machine less than the notifier that is measured. A share
FAIL of requests fails by chance: half get 500, half are read and their connection is cut before any answer. One
message fails at most once, because its third try would come five minutes after the second.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any, Final, TextIO

from tests.notices.desks import SECRET

TAKEN: Final = 204
FAILED: Final = 500
CUT: Final = 0
"""In the log, for a request that was read and got no answer."""
_ANSWERS: Final = {
    TAKEN: b"HTTP/1.1 204 No Content\r\n\r\n",
    FAILED: b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
}
_KEY: Final = base64.b64decode(SECRET.removeprefix("whsec_"))


class Desk:
    """What all connections share: the log, and chance."""

    def __init__(self, log: TextIO, fail: float, seed: int) -> None:
        self._log = log
        self._fail = fail
        self._random = random.Random(seed)
        self._failed: set[str] = set()

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """Write it down, and how it is answered: the line is there before the answer is."""
        identity = headers.get("webhook-id", "")
        drawn = self._random.random()
        status = TAKEN
        if drawn < self._fail and identity not in self._failed:
            self._failed.add(identity)
            status = FAILED if drawn < self._fail / 2 else CUT
        self._log.write(json.dumps(line(path, headers, body, status), separators=(",", ":")) + "\n")
        self._log.flush()
        return status


def line(path: str, headers: dict[str, str], body: bytes, status: int) -> dict[str, Any]:
    """What the log says of a request."""
    identity, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    data = json.loads(body)
    made = hmac.digest(_KEY, f"{identity}.{stamp}.".encode() + body, "sha256")
    return {
        "at_ms": time.time_ns() // 1_000_000,
        "path": path,
        "id": identity,
        "group": data["data"]["group"],
        "sequence": data["data"]["sequence"],
        "covers": data["data"]["covers"],
        "type": data["type"],
        "made": data["timestamp"],
        "sha256": hashlib.sha256(body).hexdigest(),
        "verified": f"v1,{base64.b64encode(made).decode()}" in headers.get("webhook-signature", "").split(" "),
        "status": status,
    }


class Conversation(asyncio.Protocol):
    """One connection: request after request."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._read = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        assert self._transport is not None
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            first, *rest = self._read[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest)}
            length = int(headers.get("content-length", "0"))
            if len(self._read) < end + 4 + length:
                return
            body, self._read = self._read[end + 4 : end + 4 + length], self._read[end + 4 + length :]
            status = self._desk.take(first.split(" ")[1], headers, body)
            if status == CUT:
                self._transport.abort()
                return
            self._transport.write(_ANSWERS[status])


async def serve(log: Path, fail: float, seed: int) -> None:
    """Until SIGTERM; the first line of its output names the port."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with log.open("a", encoding="ascii") as file:
        desk = Desk(file, fail, seed)
        server = await asyncio.get_running_loop().create_server(lambda: Conversation(desk), "127.0.0.1", 0)
        print(json.dumps({"listening": server.sockets[0].getsockname()[1]}), flush=True)  # noqa: T201 - to who started it
        await stop.wait()
        server.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
