"""Whom the deliverer hands a message to: one sender for each kind of channel that the configuration has."""

import contextlib
from collections.abc import AsyncIterator, Mapping

from aiokafka import AIOKafkaProducer

from services.notifier.sending.email import EmailSender
from services.notifier.sending.mail_server import MailServer
from services.notifier.sending.topic import TopicSender
from services.notifier.sending.webhook import WebhookSender
from services.notifier.settings import NotifierSettings, StartTls
from services.notifier.verdict import Sender
from services.notifier.whom import Whom, kind_of
from services.runtime.exits import WrongUse
from services.runtime.kafka import aiokafka_options
from services.runtime.settings import KafkaSettings


@contextlib.asynccontextmanager
async def senders(whom: Whom, settings: NotifierSettings, kafka: KafkaSettings) -> AsyncIterator[Mapping[str, Sender]]:
    """By kind, until the block ends. WrongUse where a desk wants e-mail and no mail server is named."""
    kinds = {kind_of(channel) for channel in whom.endpoints().values()}
    made: dict[str, Sender] = {}
    async with contextlib.AsyncExitStack() as stack:
        if "webhook" in kinds:
            made["webhook"] = await stack.enter_async_context(WebhookSender())
        if "email" in kinds:
            made["email"] = await stack.enter_async_context(EmailSender(mail_server(whom, settings)))
        if "kafka" in kinds:
            producer = AIOKafkaProducer(**aiokafka_options(kafka), acks="all")
            made["kafka"] = TopicSender(await stack.enter_async_context(producer))
        yield made


def mail_server(whom: Whom, settings: NotifierSettings) -> MailServer:
    """Where mail is handed in. WrongUse names a desk that needs it."""
    if settings.smtp_host is None or settings.smtp_from is None:
        asking = next(place for place, channel in whom.endpoints().items() if kind_of(channel) == "email")
        raise WrongUse(
            f"REFERRAL_NOTIFIER_SMTP_HOST: missing; desk {asking.desk} wants e-mail (channel {asking.channel} in "
            "desks.yaml): name the mail server that takes it, and REFERRAL_NOTIFIER_SMTP_FROM"
        )
    return MailServer(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_from,
        settings.public_url,
        settings.smtp_starttls is StartTls.REQUIRED,
        settings.smtp_username,
        settings.smtp_password_file,
    )
