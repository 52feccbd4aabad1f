"""A message as an e-mail, with what a mail program needs to thread it and to know it again. Pure."""

from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256

from schemas.message import Message
from services.notifier.sending.mail_text import write_mail


def compose_mail(message_id: str, message: Message, sender: str, to: tuple[str, ...], public_url: str) -> EmailMessage:
    """The mail; the same for the same message, its date too. `sender` and `to` are bare addresses.

    The message's id is the mail's `Message-ID`; mails of one group refer to one root, so that they are one thread.
    """
    text = write_mail(message, public_url)
    domain = Address(addr_spec=sender).domain
    root = f"<group.{sha256(message.data.group.encode()).hexdigest()[:32]}@{domain}>"
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Subject"] = text.subject
    mail["Date"] = format_datetime(datetime.fromisoformat(message.timestamp).astimezone(UTC))
    mail["Message-ID"] = f"<{message_id}@{domain}>"
    mail["In-Reply-To"] = root
    mail["References"] = root
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday reply
    mail.set_content(text.plain, cte="quoted-printable")
    mail.add_alternative(text.html, subtype="html", cte="quoted-printable")
    mail.set_boundary(f"=_{message_id}")  # `=_` is in no quoted-printable text
    return mail
