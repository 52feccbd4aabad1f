"""A desk's end of a webhook: takes any POST, says whether its signature holds, answers as it was told to."""

import asyncio
import hashlib
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from services.simulator.sinks.verification import Trusted, verify

Tell = Callable[[dict[str, Any]], None]
"""Takes what is said of one delivery."""

_MOST_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """Shares of requests, from 0 to 1, that are answered otherwise than with 204; `delay_seconds` before every answer.

    `fail`: 500; `busy`: 429 with `Retry-After: 1`; `gone`: 410; `redirect`: 301 to another place here.
    """

    fail: float = 0.0
    busy: float = 0.0
    gone: float = 0.0
    redirect: float = 0.0
    delay_seconds: float = 0.0

    def status(self, drawn: float) -> int:
        """The status for a number drawn from 0 to 1."""
        for share, status in ((self.fail, 500), (self.busy, 429), (self.gone, 410), (self.redirect, 301)):
            if drawn < share:
                return status
            drawn -= share
        return 204


class WebhookSink:
    """`trusted` None: nothing can be verified, and every line says so."""

    def __init__(self, trusted: Trusted | None, misbehaviour: Misbehaviour, tell: Tell, *, seed: int = 0) -> None:
        self._trusted = trusted
        self._misbehaviour = misbehaviour
        self._tell = tell
        self._random = random.Random(seed)  # noqa: S311 - which requests fail is no secret
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; the port. OSError where it is taken."""
        application = web.Application(client_max_size=_MOST_BYTES)
        application.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self._misbehaviour.delay_seconds:
            await asyncio.sleep(self._misbehaviour.delay_seconds)
        status = self._misbehaviour.status(self._random.random())
        self._tell(self._line(request, body, status))
        headers = {}
        if status == 429:
            headers["Retry-After"] = "1"
        elif status == 301:
            headers["Location"] = "/moved"
        return web.Response(status=status, headers=headers)

    def _line(self, request: web.Request, body: bytes, status: int) -> dict[str, Any]:
        now = time.time()
        verified = self._trusted is not None and verify(request.headers, body, self._trusted, now)
        return {
            "channel": "webhook",
            "at_ms": int(now * 1000),
            "path": request.path,
            "id": request.headers.get("webhook-id"),
            **describe(body),
            "sha256": hashlib.sha256(body).hexdigest(),
            "verified": verified,
            "status": status,
        }


def describe(body: bytes) -> dict[str, Any]:
    """Of a message's body: what it is about, and which of its group's it is; None for what is not there."""
    try:
        message = json.loads(body)
        data = message["data"]
        return {"type": message["type"], **{name: data.get(name) for name in ("desk", "group", "sequence", "covers")}}
    except (ValueError, KeyError, TypeError, AttributeError):
        return dict.fromkeys(("type", "desk", "group", "sequence", "covers"))
