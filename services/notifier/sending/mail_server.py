"""A mail server and the connections to it: TLS before anything is said, used again while they are fresh."""

import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiosmtplib

IDLE_SECONDS: Final = 20.0
"""A connection that waited longer is not used again: servers end theirs after a while, some without a word."""
MOST_KEPT: Final = 4
_LIBRARY_SECONDS: Final = 300.0
"""The library's own limit for a step: never reached, because who sends has a shorter one for all of it."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in. `sender`: the bare address it comes from. `public_url`: where the mail's link leads.

    `starttls` False sends without TLS, a password too. `password_file`: its first line is the password of `username`.
    """

    host: str
    port: int
    sender: str
    public_url: str
    starttls: bool = True
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None


class NoStartTls(Exception):  # noqa: N818 - said as it reads
    """The server does not offer it, and nothing is sent without."""


class NoPassword(Exception):  # noqa: N818 - said as it reads
    """The password file cannot be read, or its first line is empty."""


class MailConnections:
    """Connections to one server. Each is used by one at a time; one that failed is not used again."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._tls = ssl.create_default_context(cafile=server.ca_file)
        self._idle: list[tuple[float, aiosmtplib.SMTP]] = []

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """One that is logged in. Raises what the library raises, NoStartTls and NoPassword."""
        client = await self._fresh() or await self._connect()
        try:
            yield client
        except BaseException:
            client.close()
            raise
        if client.is_connected and len(self._idle) < MOST_KEPT:
            self._idle.append((time.monotonic(), client))
        else:
            client.close()

    def close(self) -> None:
        """End every connection that waits."""
        while self._idle:
            self._idle.pop()[1].close()

    async def _fresh(self) -> aiosmtplib.SMTP | None:
        while self._idle:
            since, client = self._idle.pop()
            try:
                if time.monotonic() - since < IDLE_SECONDS and client.is_connected:
                    await client.rset()
                    return client
            except (aiosmtplib.SMTPException, OSError):
                pass  # it ended meanwhile
            except BaseException:
                client.close()
                raise
            client.close()
        return None

    async def _connect(self) -> aiosmtplib.SMTP:
        server = self._server
        password = _password(server)
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            local_hostname=server.sender.rpartition("@")[2],
            start_tls=False,
            use_tls=False,
            tls_context=self._tls,
            timeout=_LIBRARY_SECONDS,
        )
        try:
            await client.connect()
            if server.starttls:
                await client.ehlo()
                if not client.supports_extension("starttls"):
                    raise NoStartTls
                await client.starttls()
            await client.ehlo()
            if server.username is not None:
                await client.login(server.username, password)
        except BaseException:
            client.close()
            raise
        return client


def _password(server: MailServer) -> str:
    if server.username is None:
        return ""
    try:
        lines = server.password_file.read_text("utf-8").splitlines() if server.password_file else []
    except (OSError, UnicodeDecodeError):
        raise NoPassword from None
    if not lines or not lines[0]:
        raise NoPassword
    return lines[0]
