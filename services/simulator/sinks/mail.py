"""A desk's mailbox: takes any mail for anybody, on this machine, and says of each what came."""

import asyncio
import hashlib
import time
from email import message_from_bytes
from email.policy import default
from typing import Any, Final

from aiosmtpd.smtp import SMTP, Envelope, Session

from services.simulator.sinks.webhook import Tell

_MOST_BYTES: Final = 1 << 20


class Mailbox:
    """aiosmtpd calls it for each mail. `refuse_recipient`: an address for which no mail is taken."""

    def __init__(self, tell: Tell, refuse_recipient: str | None = None) -> None:
        self._tell = tell
        self._refused = refuse_recipient

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name and arguments
        self,
        server: SMTP,  # noqa: ARG002
        session: Session,  # noqa: ARG002
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Take an address, or refuse it for good."""
        if address == self._refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802, ARG002
        """Take a mail."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self._tell(_line(content, list(envelope.rcpt_tos)))
        return "250 taken"


def _line(content: bytes, to: list[str]) -> dict[str, Any]:
    mail = message_from_bytes(content, policy=default)
    return {
        "channel": "email",
        "at_ms": time.time_ns() // 1_000_000,
        "to": to,
        "id": mail["Message-ID"],
        "thread": mail["References"],
        "subject": mail["Subject"],
        "sha256": hashlib.sha256(content).hexdigest(),
    }


class MailSink:
    """A mail server on a port of its own, without TLS: it is for this machine alone."""

    def __init__(self, tell: Tell, refuse_recipient: str | None = None) -> None:
        self._mailbox = Mailbox(tell, refuse_recipient)
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; the port. OSError where it is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(self._mailbox, hostname="mail.sink", data_size_limit=_MOST_BYTES, loop=loop), host, port
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
