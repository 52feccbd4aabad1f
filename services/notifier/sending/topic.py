"""A message on the desk's own topic, as a CloudEvent in Kafka's binary mode."""

import asyncio
import json

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
)

from policy.notify import DeskTopic
from schemas import topics
from services.notifier.sending.codes import Failure
from services.notifier.verdict import Delivered, Outgoing, Refused, Retry, Verdict


class TopicSender:
    """Sends to `policy.notify.DeskTopic`s by a producer that is started, waits for all replicas and is not idempotent.

    `seconds`: the limit of one try. A record that comes too late for it may still be written: the next try writes it
    again, with the same `ce_id`. An idempotent producer would not spare that, and aiokafka's leaves a hole in its
    sequence where a record is refused, behind which the broker takes nothing more of it.
    """

    def __init__(self, producer: AIOKafkaProducer, *, seconds: float = 15.0) -> None:
        self._producer = producer
        self._seconds = seconds

    async def send(self, outgoing: Outgoing) -> Verdict:
        """Try once. The channel must be a topic."""
        if not isinstance(outgoing.channel, DeskTopic):
            raise TypeError("a topic sender sends to topics")
        try:
            message = json.loads(outgoing.body)
            group, at = message["data"]["group"].encode(), message["timestamp"].encode()
        except (ValueError, KeyError, TypeError, AttributeError):
            return Refused(Failure.UNREADABLE)
        try:
            async with asyncio.timeout(self._seconds):
                await self._producer.send_and_wait(
                    topics.notice(outgoing.desk),
                    value=outgoing.body,
                    key=group,
                    headers=cloud_event(outgoing.id, at),
                )
        except TimeoutError:
            return Retry(Failure.TIMEOUT)
        except TopicAuthorizationFailedError:
            return Refused(Failure.KAFKA_DENIED)
        except (MessageSizeTooLargeError, InvalidTopicError):
            return Refused(Failure.KAFKA_REFUSED)
        except KafkaError:
            return Retry(Failure.KAFKA_UNAVAILABLE)
        return Delivered()


def cloud_event(message_id: str, at: bytes) -> list[tuple[str, bytes]]:
    """The headers, as `schemas/asyncapi.yaml` has them."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", message_id.encode()),
        ("ce_source", b"/services/notifier"),
        ("ce_type", b"referral.message.v1"),
        ("ce_time", at),
        ("content-type", b"application/json"),
    ]
