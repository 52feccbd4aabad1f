"""Webhooks over real connections on the loopback: what each way of answering, or not answering, makes of a message."""

import asyncio
import base64
import os
import socket
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, tzinfo
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from standardwebhooks import Webhook as Receiver
from standardwebhooks import WebhookVerificationError

from policy.notify import Webhook
from services.notifier.sending.codes import Failure
from services.notifier.sending.webhook import WebhookLimits, WebhookSender
from services.notifier.verdict import Delivered, Gone, Outgoing, Refused, Retry, Verdict
from tests.loopback import Conversation, certify, read_request, speaking

NOW_MS: Final = 1_790_000_000_000
LOOPBACK: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
LIMITS: Final = WebhookLimits(seconds=5, body_seconds=0.2)
SHORT: Final = WebhookLimits(seconds=0.2, body_seconds=0.2)
BODY: Final = b'{"type":"referral.notice.test","timestamp":"2026-09-21T13:33:20.000Z","data":{}}'
OLD, NEW = (f"whsec_{base64.b64encode(bytes([number]) * 32).decode()}" for number in (1, 2))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "desk.keys"
    path.write_text(f"{OLD}\n")
    return path


@pytest.fixture
async def sender() -> AsyncIterator[WebhookSender]:
    async with WebhookSender(LIMITS) as made:
        yield made


def outgoing(url: str, secret: Path, networks: tuple[object, ...] = LOOPBACK, message_id: str = "msg_1") -> Outgoing:
    return Outgoing(message_id, "nl", Webhook("duty", url, secret, networks), BODY, NOW_MS)  # type: ignore[arg-type]


def answering(*lines: str, body: bytes = b"") -> Conversation:
    """Answers every request of a connection with the same."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            head = "\r\n".join((f"HTTP/1.1 {lines[0]}", *lines[1:], f"Content-Length: {len(body)}"))
            writer.write(f"{head}\r\n\r\n".encode() + body)
            await writer.drain()

    return converse


async def verdict_of(conversation: Conversation, secret: Path, limits: WebhookLimits = LIMITS) -> Verdict:
    async with speaking(conversation) as port, WebhookSender(limits) as sender:
        return await sender.send(outgoing(f"http://127.0.0.1:{port}/", secret))


@pytest.mark.parametrize(
    ("lines", "verdict"),
    [
        (("200 OK",), Delivered()),
        (("204 No Content",), Delivered()),
        (("301 Moved", "Location: http://127.0.0.1:1/"), Refused(Failure.HTTP_3XX)),
        (("307 Elsewhere", "Location: /other"), Refused(Failure.HTTP_3XX)),
        (("400 Bad",), Refused(Failure.HTTP_4XX)),
        (("401 Who", "WWW-Authenticate: Basic"), Refused(Failure.HTTP_4XX)),
        (("408 Slow",), Retry(Failure.HTTP_4XX)),
        (("410 Gone",), Gone(Failure.HTTP_410)),
        (("429 Busy",), Retry(Failure.HTTP_429)),
        (("429 Busy", "Retry-After: 120"), Retry(Failure.HTTP_429, 120.0)),
        (("429 Busy", "Retry-After: Mon, 21 Sep 2026 14:14:50 GMT"), Retry(Failure.HTTP_429, 90.0)),
        (("429 Busy", "Retry-After: Mon, 21 Sep 2020 14:14:50 GMT"), Retry(Failure.HTTP_429, 0.0)),
        (("503 Down", "Retry-After: 99999999"), Retry(Failure.HTTP_503, 3600.0)),
        (("503 Down", "Retry-After: Mon, 21 Sep 2099 14:14:50 GMT"), Retry(Failure.HTTP_503, 3600.0)),
        (("503 Down", "Retry-After: soon"), Retry(Failure.HTTP_503)),
        (("503 Down", "Retry-After: -5"), Retry(Failure.HTTP_503)),
        (("500 Oh",), Retry(Failure.HTTP_5XX)),
        (("502 Oh", "Retry-After: 7"), Retry(Failure.HTTP_5XX, 7.0)),
        (("200 OK", "Content-Encoding: gzip"), Delivered()),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else type(value).__name__,
)
async def test_what_an_answer_means(lines: tuple[str, ...], verdict: Verdict, secret: Path) -> None:
    body = b"" if lines[0].startswith("204") else b"x" * 20
    assert await verdict_of(answering(*lines, body=body), secret) == verdict


async def test_a_redirect_is_not_followed(secret: Path, sender: WebhookSender) -> None:
    reached = asyncio.Event()

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()

    async with speaking(elsewhere) as other:
        moved = answering("302 Found", f"Location: http://127.0.0.1:{other}/")
        async with speaking(moved) as port:
            assert await sender.send(outgoing(f"http://127.0.0.1:{port}/", secret)) == Refused(Failure.HTTP_3XX)
    assert not reached.is_set()


async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    await asyncio.Event().wait()


async def header_by_header(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Each is soon enough for a limit that counts from the last byte."""
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Slow: 1\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("conversation", [never, header_by_header])
async def test_an_answer_that_does_not_come_in_time_is_none(conversation: Conversation, secret: Path) -> None:
    assert await verdict_of(conversation, secret, SHORT) == Retry(Failure.TIMEOUT)


async def test_a_receiver_that_does_not_read_is_waited_for_no_longer(secret: Path) -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    assert await verdict_of(deaf, secret, SHORT) == Retry(Failure.TIMEOUT)


async def test_of_an_endless_body_little_is_read_and_its_connection_is_ended(secret: Path) -> None:
    sent = 0
    ended = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
                await writer.drain()
                sent += 4096
        except ConnectionError:
            ended.set()

    async with speaking(endless) as port, WebhookSender(LIMITS) as sender:
        assert await sender.send(outgoing(f"http://127.0.0.1:{port}/", secret)) == Delivered()
        await asyncio.wait_for(ended.wait(), 5)
    assert sent < 16 << 20  # what the two kernels hold of it, and no more


async def test_a_body_that_drips_holds_up_nobody(secret: Path) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    assert await verdict_of(drip, secret) == Delivered()


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (b"", Retry(Failure.DISCONNECTED)),
        (b"HTTP/1.1 200 OK\r\nConte", Retry(Failure.DISCONNECTED)),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", Retry(Failure.NOT_HTTP)),
        (b"HTTP/1.1 999999 Odd\r\n\r\n", Retry(Failure.NOT_HTTP)),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", Retry(Failure.NOT_HTTP)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", Delivered()),
    ],
)
async def test_what_is_no_answer(answer: bytes, verdict: Verdict, secret: Path) -> None:
    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()

    assert await verdict_of(broken, secret) == verdict


async def test_where_nothing_listens_the_connection_is_refused(secret: Path, sender: WebhookSender) -> None:
    with socket.socket() as taken:  # bound, and not listening
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        assert await sender.send(outgoing(url, secret)) == Retry(Failure.REFUSED)


async def test_a_certificate_that_nobody_vouches_for_is_not_taken(tmp_path: Path, secret: Path) -> None:
    tls = certify(tmp_path, "desk")
    certify(tmp_path, "other")
    async with speaking(answering("204 No Content"), tls=tls) as port:
        message = outgoing(f"https://127.0.0.1:{port}/", secret)
        async with WebhookSender(LIMITS) as sender:
            assert await sender.send(message) == Retry(Failure.TLS)
        async with WebhookSender(LIMITS, ca_file=tmp_path / "other.pem") as sender:
            assert await sender.send(message) == Retry(Failure.TLS)
        async with WebhookSender(LIMITS, ca_file=tmp_path / "desk.pem") as sender:
            assert await sender.send(message) == Delivered()


async def test_a_certificate_for_another_name_is_not_taken(tmp_path: Path, secret: Path) -> None:
    tls = certify(tmp_path, "desk", "DNS:desk.example")
    async with (
        speaking(answering("204 No Content"), tls=tls) as port,
        WebhookSender(LIMITS, ca_file=tmp_path / "desk.pem") as sender,
    ):
        assert await sender.send(outgoing(f"https://127.0.0.1:{port}/", secret)) == Retry(Failure.TLS)


async def test_a_handshake_that_breaks_is_told_as_such(secret: Path, sender: WebhookSender) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 This is not TLS\r\n\r\n")
        await writer.drain()

    async with speaking(plain) as port:
        assert await sender.send(outgoing(f"https://127.0.0.1:{port}/", secret)) == Retry(Failure.TLS)


class Names(AbstractResolver):
    """A name server of the test's own: each look-up of a name takes the next of its addresses, the last for ever."""

    def __init__(self, **addresses: list[str]) -> None:
        self._addresses = {name.replace("_", "."): list(found) for name, found in addresses.items()}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        left = self._addresses.get(host)
        if left is None:
            raise OSError("no such name")
        address = left.pop(0) if len(left) > 1 else left[0]
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)]

    async def close(self) -> None:
        pass


async def test_a_name_that_changes_to_a_private_address_is_not_followed_there(secret: Path) -> None:
    """127.0.0.2 is listed and stands for the address at first; 127.0.0.1 is not, and is where it leads then."""
    reached = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal reached
        reached += 1
        await read_request(reader)
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()

    resolver = Names(desk_example=["127.0.0.2", "127.0.0.1"])
    limits = replace(LIMITS, lookup_seconds=0)
    async with speaking(once, host="0.0.0.0") as port, WebhookSender(limits, resolver=resolver) as sender:
        message = outgoing(f"http://desk.example:{port}/", secret, (ip_network("127.0.0.2/32"),))
        assert await sender.send(message) == Delivered()
        assert await sender.send(message) == Refused(Failure.FORBIDDEN_NETWORK)
    assert reached == 1


async def test_a_name_that_nobody_knows(secret: Path) -> None:
    async with WebhookSender(LIMITS, resolver=Names()) as sender:
        assert await sender.send(outgoing("https://desk.example/", secret)) == Retry(Failure.DNS)


async def test_names_that_hang_delay_no_other(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    over = threading.Event()
    real = socket.getaddrinfo

    def look_up(host: str, *arguments: Any, **named: Any) -> Any:
        if not host.startswith("slow"):
            return real("127.0.0.1", *arguments, **named)
        asked.append(host)
        over.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    limits = replace(LIMITS, seconds=60)
    try:
        async with speaking(answering("204 No Content")) as port, WebhookSender(limits) as sender:
            slow = [outgoing(f"http://slow-{desk}.example:{port}/", secret) for desk in range(40)]
            tries = [asyncio.create_task(sender.send(one)) for one in (*slow, *slow)]
            async with asyncio.timeout(20):
                while len(asked) < len(slow):  # noqa: ASYNC110 - threads ask
                    await asyncio.sleep(0.005)
            assert await sender.send(outgoing(f"http://desk.example:{port}/", secret)) == Delivered()
            assert len(asked) == len(slow)
            over.set()
            assert set(await asyncio.gather(*tries)) == {Retry(Failure.DNS)}
    finally:
        over.set()


LOOPBACKS: Final = (
    "127.0.0.1", "127.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "0177.0.0.1", "0.0.0.0", "localhost",
    "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]", "[0:0:0:0:0:0:0:1]",
)  # fmt: skip


@pytest.mark.parametrize("host", LOOPBACKS)
async def test_no_notation_of_the_loopback_is_let_through(host: str, secret: Path, sender: WebhookSender) -> None:
    reached = 0

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal reached
        reached += 1

    async with speaking(count) as port:
        for scheme in ("http", "https"):
            verdict = await sender.send(outgoing(f"{scheme}://{host}:{port}/", secret, ()))
            assert isinstance(verdict, Refused)
            assert verdict.code in (Failure.FORBIDDEN_NETWORK, Failure.WRONG_URL)
    assert reached == 0


async def test_the_listed_loopback_is_reached_by_its_ipv6_address_too(secret: Path, sender: WebhookSender) -> None:
    async with speaking(answering("204 No Content"), host="::1") as port:
        assert await sender.send(outgoing(f"http://[::1]:{port}/", secret)) == Delivered()


async def test_a_connection_that_one_channel_may_have_is_not_lent_to_another(
    secret: Path, sender: WebhookSender
) -> None:
    async with speaking(answering("204 No Content")) as port:
        url = f"http://127.0.0.1:{port}/"
        assert await sender.send(outgoing(url, secret)) == Delivered()
        assert await sender.send(outgoing(url, secret, ())) == Refused(Failure.FORBIDDEN_NETWORK)
        assert await sender.send(outgoing(url, secret)) == Delivered()


async def test_connections_are_used_again(secret: Path, sender: WebhookSender) -> None:
    connections = 0
    take = answering("200 OK", body=b"thanks")

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await take(reader, writer)

    async with speaking(count) as port:
        for _ in range(5):
            assert await sender.send(outgoing(f"http://127.0.0.1:{port}/", secret)) == Delivered()
    assert connections == 1


async def test_no_proxy_of_the_environment_is_used(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    assert await verdict_of(answering("204 No Content"), secret) == Delivered()


async def test_no_cookie_of_one_answer_is_in_the_next_request(secret: Path, sender: WebhookSender) -> None:
    seen: list[dict[str, str]] = []

    async def bake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen.append((await read_request(reader))[0])
            writer.write(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n")

    async with speaking(bake) as port:
        for _ in range(2):
            await sender.send(outgoing(f"http://127.0.0.1:{port}/", secret))
    assert len(seen) == 2
    assert all("cookie" not in headers for headers in seen)


async def received(secret: Path, count: int = 1, between: str | None = None) -> list[tuple[dict[str, str], bytes]]:
    """What a receiver got, of tries between which the secret file is replaced."""
    requests: list[tuple[dict[str, str], bytes]] = []

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            requests.append(await read_request(reader))
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with speaking(keep) as port, WebhookSender(LIMITS) as sender:
        for number in range(count):
            if number and between is not None:
                fresh = secret.with_suffix(".new")
                fresh.write_text(between)
                os.replace(fresh, secret)
            assert await sender.send(outgoing(f"http://127.0.0.1:{port}/n", secret)) == Delivered()
    return requests


async def test_what_arrives_is_a_standard_webhook(secret: Path) -> None:
    ((headers, body),) = await received(secret)
    assert body == BODY
    assert headers["content-type"] == "application/json"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("msg_1", str(NOW_MS // 1000))


def verify(headers: dict[str, str], body: bytes, key: str, monkeypatch: pytest.MonkeyPatch, at: float) -> None:
    """By the receiver's library; its clock stands at `at`, in seconds."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Clock":
            return cls.fromtimestamp(at, tz)

    with monkeypatch.context() as patch:
        patch.setattr("standardwebhooks.webhooks.datetime", Clock)
        Receiver(key).verify(body, headers)


async def test_the_library_of_receivers_verifies_it_and_nothing_else(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((headers, body),) = await received(secret)
    now = NOW_MS / 1000
    verify(headers, body, OLD, monkeypatch, now + 299)
    for wrong, content, key, at in (
        (headers, body.replace(b"test", b"tes7"), OLD, now),
        (headers, body, NEW, now),
        (headers, body, OLD, now + 301),
        (headers | {"webhook-timestamp": str(NOW_MS // 1000 + 1)}, body, OLD, now),
        (headers | {"webhook-id": "msg_2"}, body, OLD, now),
    ):
        with pytest.raises(WebhookVerificationError):
            verify(wrong, content, key, monkeypatch, at)


async def test_while_keys_are_exchanged_both_verify_and_a_change_counts_at_once(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = await received(secret, 2, between=f"{NEW}\n{OLD}\n")
    (first, body), (second, _) = requests
    assert len(first["webhook-signature"].split(" ")) == 1
    assert len(second["webhook-signature"].split(" ")) == 2
    for key in (OLD, NEW):
        verify(second, body, key, monkeypatch, NOW_MS / 1000)
    with pytest.raises(WebhookVerificationError):
        verify(first, body, NEW, monkeypatch, NOW_MS / 1000)


@pytest.mark.parametrize("content", [None, "", "no key\n"])
async def test_without_a_key_nothing_is_sent(content: str | None, tmp_path: Path, sender: WebhookSender) -> None:
    path = tmp_path / "some.keys"
    if content is not None:
        path.write_text(content)
    reached = False

    async def reach(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal reached
        reached = True

    async with speaking(reach) as port:
        assert await sender.send(outgoing(f"http://127.0.0.1:{port}/", path)) == Refused(Failure.SECRET_FILE)
    assert not reached
