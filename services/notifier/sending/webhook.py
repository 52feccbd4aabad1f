"""A message as a Standard Webhook: one POST, no redirect, no proxy, a bounded answer, in bounded time."""

import asyncio
import ssl
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiohttp
from aiohttp.abc import AbstractResolver

from policy.notify import Webhook
from services.notifier.sending.answer import judge
from services.notifier.sending.codes import Failure
from services.notifier.sending.names import NameThreads
from services.notifier.sending.networks import Reach, watch_refusals
from services.notifier.sending.signing import KeyFiles, signed_headers
from services.notifier.verdict import Outgoing, Refused, Retry, Verdict
from services.runtime.webhook_keys import WrongKeys

_HEADERS: Final = {
    "content-type": "application/json",
    "user-agent": "referrals-notifier/1",
    "accept-encoding": "identity",
}

_ReachKey = tuple[tuple[IPv4Network | IPv6Network, ...], bool]


@dataclass(frozen=True, slots=True)
class WebhookLimits:
    """`seconds`: for a try, from the look-up of the name to the head of the answer. `body_seconds`, `body_bytes`: how
    long, and how much of, the answer's body is read; the verdict does not depend on it. `connections`: to one host,
    which may be that of many desks: a try waits for one within its `seconds`. `lookup_seconds`: how long a name's
    addresses are kept.
    """

    seconds: float = 15.0
    body_seconds: float = 1.0
    body_bytes: int = 8192
    connections: int = 512
    lookup_seconds: int = 10


class WebhookSender:
    """Sends to `policy.notify.Webhook`s, over connections that are kept. One for each process.

    Connections are shared by the channels that list the same networks, and by no others: else a channel without any
    would get a connection that another was allowed to make.
    """

    def __init__(
        self,
        limits: WebhookLimits | None = None,
        *,
        ca_file: Path | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._limits = limits or WebhookLimits()
        self._tls = ssl.create_default_context(cafile=ca_file)
        self._resolver = resolver or NameThreads()
        self._keys = KeyFiles()
        self._sessions: dict[_ReachKey, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End every connection."""
        sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            await session.close()

    async def send(self, outgoing: Outgoing) -> Verdict:
        """Try once. The channel must be a webhook."""
        channel = outgoing.channel
        if not isinstance(channel, Webhook):
            raise TypeError("a webhook sender sends to webhooks")
        try:
            keys = self._keys.keys(channel.secret_file)
        except WrongKeys:
            return Refused(Failure.SECRET_FILE)
        headers = _HEADERS | signed_headers(keys, outgoing.id, outgoing.at_ms, outgoing.body)
        with watch_refusals() as was_refused:
            try:
                async with asyncio.timeout(self._limits.seconds):
                    response = await self._session(channel).post(
                        channel.url, data=outgoing.body, headers=headers, allow_redirects=False
                    )
            except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
                return Refused(Failure.FORBIDDEN_NETWORK) if was_refused() else _verdict(error)
        try:
            return judge(response.status, response.headers.get("retry-after"), outgoing.at_ms)
        finally:
            await self._finish(response)

    async def _finish(self, response: aiohttp.ClientResponse) -> None:
        """Read to the body's end, by which the connection is given back; end it where that would take long."""
        if response.content.at_eof():
            return
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                left = self._limits.body_bytes
                while left > 0 and (piece := await response.content.read(left)):
                    left -= len(piece)
        except (aiohttp.ClientError, OSError, ValueError):
            pass  # what was answered is known
        finally:
            response.close()

    def _session(self, channel: Webhook) -> aiohttp.ClientSession:
        plain = not channel.url.lower().startswith("https:")
        key = (channel.networks, plain)
        if (session := self._sessions.get(key)) is None:
            session = self._sessions[key] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=self._tls,
                    limit=0,
                    limit_per_host=self._limits.connections,
                    resolver=self._resolver,
                    ttl_dns_cache=self._limits.lookup_seconds,
                    socket_factory=Reach(channel.networks, listed_only=plain).make_socket,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # `send` has one limit for all of it
                auto_decompress=False,
                requote_redirect_url=False,
                read_bufsize=self._limits.body_bytes,
                trust_env=False,
            )
        return session


def _verdict(error: Exception) -> Verdict:
    ours = isinstance(error, ValueError) and not isinstance(error, aiohttp.ClientError | OSError)
    if ours or isinstance(error, aiohttp.InvalidURL):
        return Refused(Failure.WRONG_URL)
    return Retry(_failure(error))


def _failure(error: Exception) -> Failure:
    match error:
        case TimeoutError():
            return Failure.TIMEOUT
        case aiohttp.ClientConnectorDNSError():
            return Failure.DNS
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return Failure.TLS
        case aiohttp.ClientConnectorError(os_error=ConnectionRefusedError()):
            return Failure.REFUSED
        case aiohttp.ClientConnectorError(os_error=ssl.SSLError()):
            return Failure.TLS
        case aiohttp.ClientConnectorError():
            return Failure.UNREACHABLE
        case aiohttp.ClientResponseError():
            return Failure.NOT_HTTP
        case _:
            return Failure.DISCONNECTED
