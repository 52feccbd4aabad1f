"""A TCP proxy between routers and brokers that loses, withholds or forges single answers of Kafka.

It stands behind a listener of its own (`topology`), whose advertised address is the proxy's, so that every
connection a router opens after its first comes here too. It knows frame heads only (`frames`).
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType

from tests.faults.frames import (
    ADD_OFFSETS_TO_TXN,
    END_TXN,
    GROUP_AUTHORIZATION_FAILED,
    Head,
    correlation_of,
    refusal,
    request_head,
)


class Trick(StrEnum):
    """What is done to one request and its answer."""

    LOSE_COMMIT_ANSWER = "lose_commit_answer"
    WITHHOLD_COMMIT_ANSWER = "withhold_commit_answer"
    CUT_BEFORE_COMMIT = "cut_before_commit"
    REFUSE_OFFSETS = "refuse_offsets"
    DELAY_COMMIT = "delay_commit"
    WATCH_COMMIT = "watch_commit"


@dataclass(slots=True)
class Ambush:
    """A trick that waits for its request, `times` times, and then calls `then` off the main thread."""

    trick: Trick
    times: int = 1
    then: Callable[[], None] | None = None
    late_s: float = 0.0
    """How late a delayed commit is sent, in seconds."""

    def matches(self, head: Head) -> bool:
        """Whether this request is the one waited for."""
        return head.api == ADD_OFFSETS_TO_TXN if self.trick is Trick.REFUSE_OFFSETS else head.commits


class Proxy:
    """One listening port a node, in a thread of its own. Use as a context manager; `ports` are given first."""

    def __init__(self, targets: Mapping[int, int]) -> None:
        """`targets`: the proxy's port to the broker's, on the loopback address."""
        self._targets = dict(targets)
        self._ambushes: list[Ambush] = []
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self.sprung: dict[Trick, int] = dict.fromkeys(Trick, 0)

    def arm(self, ambush: Ambush) -> None:
        """Lay an ambush; it takes effect with the next request that matches."""
        with self._lock:
            self._ambushes.append(ambush)

    def disarm(self) -> None:
        """Forget every ambush that has not sprung."""
        with self._lock:
            self._ambushes.clear()

    def __enter__(self) -> "Proxy":
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(Exception):
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        if not self._thread.is_alive():
            self._loop.close()

    async def _listen(self) -> None:
        for port, target in self._targets.items():
            server = await asyncio.start_server(self._accept(target), "127.0.0.1", port)
            self._servers.append(server)

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, target: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = self._loop.create_task(self._connection(target, reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return accept

    async def _connection(self, target: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Both directions until either side ends, then neither."""
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.transport.abort()
            return
        marked: dict[int, Trick] = {}
        ways = [
            asyncio.create_task(self._requests(reader, there_writer, marked)),
            asyncio.create_task(self._answers(there_reader, writer, marked)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.transport.abort()
            there_writer.transport.abort()

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, marked: dict[int, Trick]
    ) -> None:
        while frame := await _frame(reader):
            head = request_head(frame)
            ambush = self._spring(head)
            if ambush is not None and ambush.trick is Trick.CUT_BEFORE_COMMIT:
                return
            if ambush is not None and ambush.trick is Trick.DELAY_COMMIT:
                await self._send_late(writer, frame, ambush)
                return
            if ambush is not None:
                marked[head.correlation] = ambush.trick
            _send(writer, frame)
            await writer.drain()
            if ambush is not None and ambush.then is not None:
                ambush.then()

    async def _send_late(self, writer: asyncio.StreamWriter, frame: bytes, ambush: Ambush) -> None:
        """The frame, long after, and the end of the stream: the broker answers, hangs up, and so all ends."""
        if ambush.then is not None:
            ambush.then()
        await asyncio.sleep(ambush.late_s)
        _send(writer, frame)
        writer.write_eof()
        await self._loop.create_future()

    async def _answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, marked: dict[int, Trick]
    ) -> None:
        while frame := await _frame(reader):
            trick = marked.pop(correlation_of(frame), None)
            if trick is Trick.LOSE_COMMIT_ANSWER:
                return
            if trick is Trick.WITHHOLD_COMMIT_ANSWER:
                # Silent from here on: what would come next has a number the client does not wait for yet.
                while await reader.read(65536):
                    pass
                return
            if trick is Trick.REFUSE_OFFSETS:
                frame = refusal(correlation_of(frame), GROUP_AUTHORIZATION_FAILED)
            _send(writer, frame)
            await writer.drain()

    def _spring(self, head: Head) -> Ambush | None:
        if head.api not in (END_TXN, ADD_OFFSETS_TO_TXN):
            return None
        with self._lock:
            for ambush in self._ambushes:
                if ambush.times and ambush.matches(head):
                    ambush.times -= 1
                    self.sprung[ambush.trick] += 1
                    return ambush
        return None


async def _frame(reader: asyncio.StreamReader) -> bytes:
    """The next frame without its size; empty at the end of the stream."""
    try:
        size = int.from_bytes(await reader.readexactly(4), "big")
        return await reader.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


def _send(writer: asyncio.StreamWriter, frame: bytes) -> None:
    writer.write(len(frame).to_bytes(4, "big") + frame)
