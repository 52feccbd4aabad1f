"""The HTTP port: metrics, life, readiness; and how it begins and ends."""

import signal
import socket
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from services.runtime import rendered
from services.runtime.exits import CannotRun
from services.runtime.http import serve
from services.runtime.rendered import Rendered


def ready() -> tuple[bool, Mapping[str, Any]]:
    return True, {"partitions": 4}


def not_ready() -> tuple[bool, Mapping[str, Any]]:
    return False, {"partitions": 0}


async def get(url: str, accept: str = "*/*") -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(url, headers={"accept": accept})


async def test_metrics_are_the_registrys_in_the_text_format() -> None:
    registry = CollectorRegistry()
    Counter("referral_router_received", "x", ["partner"], registry=registry).labels("ncmec").inc(3)
    async with serve(registry, ready, "127.0.0.1", 0) as server:
        answer = await get(f"{server.url}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'referral_router_received_total{partner="ncmec"} 3.0' in answer.text
    assert "_created" not in answer.text


async def test_prometheus_gets_the_openmetrics_it_asks_for() -> None:
    async with serve(CollectorRegistry(), ready, "127.0.0.1", 0) as server:
        answer = await get(f"{server.url}/metrics", "application/openmetrics-text; version=1.0.0")
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")


async def test_metrics_not_rendered_for_long_are_a_500_until_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Rendered(CollectorRegistry(), lambda: 0)
    async with serve(kept, ready, "127.0.0.1", 0) as server:
        assert (await get(f"{server.url}/metrics")).status_code == 200
        with monkeypatch.context() as later:
            later.setattr(rendered, "TOO_OLD_S", -1.0)
            assert (await get(f"{server.url}/metrics")).status_code == 500
        assert (await get(f"{server.url}/metrics")).status_code == 200


async def test_a_live_service_that_is_not_ready_says_both() -> None:
    async with serve(CollectorRegistry(), not_ready, "127.0.0.1", 0) as server:
        assert (await get(f"{server.url}/livez")).status_code == 200
        answer = await get(f"{server.url}/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "partitions": 0})


async def test_a_ready_service_answers_200_with_its_state() -> None:
    async with serve(CollectorRegistry(), ready, "127.0.0.1", 0) as server:
        answer = await get(f"{server.url}/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "partitions": 4})


async def test_a_readiness_that_fails_is_a_500_without_the_errors_text() -> None:
    def broken() -> tuple[bool, Mapping[str, Any]]:
        raise ValueError("hunter2")

    async with serve(CollectorRegistry(), broken, "127.0.0.1", 0) as server:
        answer = await get(f"{server.url}/readyz")
        assert (await get(f"{server.url}/livez")).status_code == 200
    assert answer.status_code == 500
    assert "hunter2" not in answer.text


async def test_a_service_adds_routes_of_its_own() -> None:
    routes = [Route("/page", lambda _request: PlainTextResponse("page"))]
    async with serve(CollectorRegistry(), ready, "127.0.0.1", 0, routes) as server:
        assert (await get(f"{server.url}/page")).text == "page"


async def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotRun, match=rf"127\.0\.0\.1 port {port} .*another port"):
            async with serve(CollectorRegistry(), ready, "127.0.0.1", port):
                pass


async def test_an_address_that_is_not_this_machines_is_refused() -> None:
    with pytest.raises(CannotRun, match=r"cannot listen on 192\.0\.2\.1"):
        async with serve(CollectorRegistry(), ready, "192.0.2.1", 0):
            pass


async def test_the_port_is_free_again_at_once() -> None:
    async with serve(CollectorRegistry(), ready, "127.0.0.1", 0) as first:
        await get(f"{first.url}/livez")
    async with serve(CollectorRegistry(), ready, "127.0.0.1", first.port) as second:
        assert (await get(f"{second.url}/livez")).status_code == 200


async def test_an_idle_connection_does_not_hold_up_the_end() -> None:
    async with httpx.AsyncClient() as client:
        async with serve(CollectorRegistry(), ready, "127.0.0.1", 0) as server:
            await client.get(f"{server.url}/livez")
        with pytest.raises(httpx.TransportError):
            await client.get(f"{server.url}/livez")


async def test_signals_stay_with_the_service() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    async with serve(CollectorRegistry(), ready, "127.0.0.1", 0):
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
