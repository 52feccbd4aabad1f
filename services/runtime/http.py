"""A service's HTTP port: `/metrics`, `/livez`, `/readyz`, in the loop that runs already. No access log, no signals."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import uvicorn
from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from services.runtime.exits import CannotRun
from services.runtime.rendered import Rendered

Readiness = Callable[[], tuple[bool, Mapping[str, Any]]]
"""Whether the service does its work now, and the counts or codes that say why (they are shown to whoever asks)."""
_GRACE_S: Final = 2

# Whoever serves has none, whether or not its metrics are of services.runtime.metrics: the setting is the process's.
disable_created_metrics()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Served:
    """Where the server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Without a path."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


@contextlib.asynccontextmanager
async def serve(
    registry: CollectorRegistry | Rendered,
    readiness: Readiness,
    host: str,
    port: int,
    extra_routes: Sequence[BaseRoute] = (),
) -> AsyncIterator[Served]:
    """Serve until the block ends; requests in hand then get 2 s. `port` 0 takes a free one.

    Raises CannotRun if the port is taken or the address is not this machine's.
    """
    listener = _listen(host, port)
    config = uvicorn.Config(
        application(registry, readiness, extra_routes),
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    try:
        await server.listening.wait()
        yield Served(host, listener.getsockname()[1])
    finally:
        server.should_exit = True
        await asyncio.wait({task}, timeout=2 * _GRACE_S)
        task.cancel()
        await asyncio.wait({task}, timeout=_GRACE_S)
        listener.close()


def application(
    registry: CollectorRegistry | Rendered, readiness: Readiness, extra_routes: Sequence[BaseRoute] = ()
) -> Starlette:
    """The ASGI application itself, for tests without a port."""

    async def metrics(request: Request) -> Response:
        if isinstance(registry, Rendered):
            if registry.too_old:
                return PlainTextResponse("not rendered for long: the log says why (rendering_failed)\n", 500)
            return Response(registry.text, headers={"content-type": registry.content_type})
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": content_type})

    async def livez(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        ready, state = readiness()
        return JSONResponse({"ready": ready, **state}, status_code=200 if ready else 503)

    own = [Route("/metrics", metrics), Route("/livez", livez), Route("/readyz", readyz)]
    return Starlette(routes=[*own, *extra_routes])


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, and with word of when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None: the service decides what a signal means."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn's, then the word."""
        await super().startup(sockets)
        self.listening.set()


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket. Refused while another listens, though not for connections that linger in TIME_WAIT."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _refusal(host, port, error) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        raise _refusal(host, port, error) from None
    listener.setblocking(False)
    return listener


def _refusal(host: str, port: int, error: OSError) -> CannotRun:
    return CannotRun(
        f"cannot listen on {host} port {port} ({type(error).__name__}: {error.strerror}); metrics and health are "
        "served there: end what uses it, or set another port (0 takes a free one)"
    )
