"""The proxy passes everything, and does to one answer what it was told. Against a server of a few lines."""

import asyncio
import socket
from collections.abc import AsyncIterator
from struct import pack

import pytest

from tests.faults.frames import (
    ADD_OFFSETS_TO_TXN,
    END_TXN,
    GROUP_AUTHORIZATION_FAILED,
    PRODUCE,
    request_head,
)
from tests.faults.proxy import Ambush, Proxy, Trick

FETCH = 1


def request(api: int, correlation: int, commits: bool = True) -> bytes:
    """As a client would write it: head, client id, transactional id, producer, result of an EndTxn."""
    body = pack(">hhi", api, 0, correlation) + pack(">h2s", 2, b"me") + pack(">h2sqh", 2, b"id", 7, 0)
    body += pack(">?", commits) if api == END_TXN else b""
    return len(body).to_bytes(4, "big") + body


class Broker:
    """Answers every request with its number and no error; remembers which came, hangs up after `last`."""

    def __init__(self) -> None:
        self.came: list[int] = []
        self.last = -1
        self.hung_up = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while size := await reader.readexactly(4):
                frame = await reader.readexactly(int.from_bytes(size, "big"))
                self.came.append(int.from_bytes(frame[4:8], "big"))
                writer.write((10).to_bytes(4, "big") + frame[4:8] + pack(">ih", 0, 0))
                if self.came[-1] == self.last:
                    writer.close()
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
            self.hung_up.set()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def broker() -> AsyncIterator[tuple[Broker, int]]:
    answering = Broker()
    server = await asyncio.start_server(answering.serve, "127.0.0.1", 0)
    yield answering, server.sockets[0].getsockname()[1]
    server.close()


class Client:
    """One connection through the proxy."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> "Client":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def ask(self, frame: bytes) -> tuple[int, int] | None:
        """Correlation id and error code of the answer; None when the connection was cut."""
        self.writer.write(frame)
        try:
            answer = await self.reader.readexactly(14)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        return int.from_bytes(answer[4:8], "big"), int.from_bytes(answer[12:14], "big")


async def test_everything_passes_when_nothing_is_armed(broker: tuple[Broker, int]) -> None:
    port = free_port()
    with Proxy({port: broker[1]}):
        async with Client(port) as client:
            for number, api in enumerate((PRODUCE, FETCH, ADD_OFFSETS_TO_TXN, END_TXN)):
                assert await client.ask(request(api, number)) == (number, 0)


async def test_a_lost_commit_answer_was_committed_and_cuts_the_connection(broker: tuple[Broker, int]) -> None:
    port = free_port()
    with Proxy({port: broker[1]}) as proxy:
        proxy.arm(Ambush(Trick.LOSE_COMMIT_ANSWER))
        async with Client(port) as client:
            assert await client.ask(request(FETCH, 1)) == (1, 0)
            assert await client.ask(request(END_TXN, 2)) is None
        async with Client(port) as client:
            assert await client.ask(request(END_TXN, 3)) == (3, 0)
    assert broker[0].came == [1, 2, 3]
    assert proxy.sprung[Trick.LOSE_COMMIT_ANSWER] == 1


async def test_an_abort_is_no_commit(broker: tuple[Broker, int]) -> None:
    port = free_port()
    with Proxy({port: broker[1]}) as proxy:
        proxy.arm(Ambush(Trick.LOSE_COMMIT_ANSWER))
        async with Client(port) as client:
            assert await client.ask(request(END_TXN, 1, commits=False)) == (1, 0)


async def test_a_cut_before_the_commit_keeps_it_from_the_broker(broker: tuple[Broker, int]) -> None:
    port = free_port()
    with Proxy({port: broker[1]}) as proxy:
        proxy.arm(Ambush(Trick.CUT_BEFORE_COMMIT))
        async with Client(port) as client:
            assert await client.ask(request(END_TXN, 1)) is None
    assert broker[0].came == []


async def test_a_withheld_answer_leaves_the_connection_open_and_silent(broker: tuple[Broker, int]) -> None:
    port = free_port()
    with Proxy({port: broker[1]}) as proxy:
        broker[0].last = 3
        proxy.arm(Ambush(Trick.WITHHOLD_COMMIT_ANSWER))
        async with Client(port) as client:
            client.writer.write(request(END_TXN, 1) + request(FETCH, 2))
            assert await client.ask(request(FETCH, 3)) is None, "open until the broker hangs up, and silent"
    assert broker[0].came == [1, 2, 3]


async def test_refused_offsets_carry_the_error(broker: tuple[Broker, int]) -> None:
    port = free_port()
    with Proxy({port: broker[1]}) as proxy:
        proxy.arm(Ambush(Trick.REFUSE_OFFSETS))
        async with Client(port) as client:
            assert await client.ask(request(ADD_OFFSETS_TO_TXN, 1)) == (1, GROUP_AUTHORIZATION_FAILED)
            assert await client.ask(request(ADD_OFFSETS_TO_TXN, 2)) == (2, 0)


async def test_whoever_watches_a_commit_is_called_after_it_went_out(broker: tuple[Broker, int]) -> None:
    port, called = free_port(), []
    with Proxy({port: broker[1]}) as proxy:
        proxy.arm(Ambush(Trick.WATCH_COMMIT, then=lambda: called.append("now")))
        async with Client(port) as client:
            assert await client.ask(request(FETCH, 1)) == (1, 0)
            assert called == []
            assert await client.ask(request(END_TXN, 2)) == (2, 0)
    assert called == ["now"]


async def test_a_delayed_commit_arrives_although_its_sender_is_gone(broker: tuple[Broker, int]) -> None:
    port, gone = free_port(), asyncio.Event()
    with Proxy({port: broker[1]}) as proxy:
        loop = asyncio.get_running_loop()

        def tell() -> None:
            loop.call_soon_threadsafe(gone.set)

        proxy.arm(Ambush(Trick.DELAY_COMMIT, then=tell))
        async with Client(port) as client:
            client.writer.write(request(END_TXN, 1))
            await gone.wait()
        await broker[0].hung_up.wait()
    assert broker[0].came == [1]


async def test_a_broker_that_is_away_ends_the_connection() -> None:
    port = free_port()
    with Proxy({port: free_port()}):
        async with Client(port) as client:
            assert await client.ask(request(FETCH, 1)) is None


async def test_disarmed_ambushes_do_not_spring(broker: tuple[Broker, int]) -> None:
    port = free_port()
    with Proxy({port: broker[1]}) as proxy:
        proxy.arm(Ambush(Trick.CUT_BEFORE_COMMIT, times=5))
        proxy.disarm()
        async with Client(port) as client:
            assert await client.ask(request(END_TXN, 1)) == (1, 0)


def test_a_request_without_a_head_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        request_head(b"\0\0")
