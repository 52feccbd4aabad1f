"""A message as an e-mail, handed to the mail server of who runs this."""

import asyncio
import ssl
from collections import OrderedDict
from types import TracebackType
from typing import Final, Self

import aiosmtplib
from pydantic import ValidationError

from policy.notify import Email
from schemas.message import Message
from services.notifier.sending.codes import Failure
from services.notifier.sending.mail_composing import compose_mail
from services.notifier.sending.mail_server import MailConnections, MailServer, NoPassword, NoStartTls
from services.notifier.verdict import Delivered, Outgoing, Refused, Retry, Verdict

MOST_REMEMBERED: Final = 10_000


class EmailSender:
    """Sends to `policy.notify.Email`s. One for each process. `seconds`: the limit of one try, all of it.

    Where a server takes a mail for some addresses and not for others, the next try goes to the others alone. That is
    remembered here and not in the database: after a restart somebody may get a mail twice, with the same `Message-ID`.
    """

    def __init__(self, server: MailServer, *, seconds: float = 30.0) -> None:
        self._server = server
        self._seconds = seconds
        self._connections = MailConnections(server)
        self._taken: OrderedDict[str, set[str]] = OrderedDict()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End every connection."""
        self._connections.close()

    async def send(self, outgoing: Outgoing) -> Verdict:
        """Try once. The channel must be e-mail."""
        channel = outgoing.channel
        if not isinstance(channel, Email):
            raise TypeError("an e-mail sender sends e-mail")
        try:
            message = Message.model_validate_json(outgoing.body)
        except ValidationError:
            return Refused(Failure.UNREADABLE)
        taken = self._taken.get(outgoing.id, set())
        to = tuple(address for address in channel.to if address not in taken)
        mail = compose_mail(outgoing.id, message, self._server.sender, channel.to, self._server.public_url)
        try:
            async with asyncio.timeout(self._seconds), self._connections.connection() as client:
                refused, _ = await client.sendmail(self._server.sender, list(to), mail.as_bytes())
        except (aiosmtplib.SMTPException, OSError, ValueError, NoStartTls, NoPassword) as error:
            return _verdict(error)
        if not refused:
            self._taken.pop(outgoing.id, None)
            return Delivered()
        self._remember(outgoing.id, taken | (set(to) - refused.keys()))
        later = any(response.code < 500 for response in refused.values())
        return Retry(Failure.RECIPIENT_REFUSED) if later else Refused(Failure.RECIPIENT_REFUSED)

    def _remember(self, message_id: str, taken: set[str]) -> None:
        self._taken[message_id] = taken
        self._taken.move_to_end(message_id)
        while len(self._taken) > MOST_REMEMBERED:
            self._taken.popitem(last=False)


def _verdict(error: Exception) -> Verdict:
    match error:
        case NoStartTls():
            return Retry(Failure.NO_STARTTLS)
        case NoPassword():
            return Refused(Failure.PASSWORD_FILE)
        case aiosmtplib.SMTPAuthenticationError():
            return Refused(Failure.SMTP_LOGIN)
        case aiosmtplib.SMTPRecipientsRefused(recipients=recipients):
            later = any(one.code < 500 for one in recipients)
            return Retry(Failure.RECIPIENT_REFUSED) if later else Refused(Failure.RECIPIENT_REFUSED)
        case aiosmtplib.SMTPResponseException(code=code) if code < 0:
            return Retry(Failure.NOT_SMTP)
        case aiosmtplib.SMTPResponseException(code=code):
            return Retry(Failure.SMTP_4XX) if code < 500 else Refused(Failure.SMTP_5XX)
    return Retry(_failure(error))


def _failure(error: Exception) -> Failure:
    cause: BaseException | None = error
    while cause is not None:  # the library wraps what the network said
        if isinstance(cause, ssl.SSLError):
            return Failure.TLS
        if isinstance(cause, ConnectionRefusedError):
            return Failure.REFUSED
        cause = cause.__cause__ or cause.__context__
    match error:
        case TimeoutError():
            return Failure.TIMEOUT
        case aiosmtplib.SMTPConnectError():
            return Failure.UNREACHABLE
        case aiosmtplib.SMTPServerDisconnected() | OSError():
            return Failure.DISCONNECTED
        case _:
            return Failure.NOT_SMTP
