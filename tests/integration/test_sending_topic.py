"""A message on a desk's own topic, on a real broker: as the contract has it; and what a missing topic makes of it."""

from dataclasses import replace
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from policy.configuration import load
from policy.desks import DeskTable
from policy.notify import DeskTopic, Notify, Rung
from policy.topics import TopicSpec, topic_plan
from schemas import topics
from schemas.message import Message, MessageData
from schemas.records import serialise
from services.console.provision import provision
from services.notifier.senders import senders
from services.notifier.sending.codes import Failure
from services.notifier.sending.topic import TopicSender
from services.notifier.settings import NotifierSettings
from services.notifier.verdict import Delivered, Outgoing, Refused, Retry
from services.notifier.whom import Whom
from services.runtime.kafka import aiokafka_options
from services.runtime.settings import KafkaSettings, read
from tests.integration.conftest import DEPLOY

TOPIC: Final = DeskTopic("topic")
TOLD: Final = Notify(channels={"topic": TOPIC}, rungs=(Rung(0, ("topic",)),))
BODY: Final = serialise(
    Message(
        type="referral.notice.test",
        timestamp="2026-09-21T14:13:20.000Z",
        data=MessageData(desk="nl", group="nl/test/topic", sequence=1, covers=0, count=0),
    )
)


def provide(kafka: KafkaSettings, desk: str) -> None:
    configuration = load(DEPLOY)
    desks = tuple(replace(one, notify=TOLD) if one.id == desk else one for one in configuration.desks.desks)
    provision(kafka, topic_plan(replace(configuration, desks=DeskTable(desks))), dry_run=False)


async def test_a_message_arrives_as_the_contract_has_it(kafka: KafkaSettings) -> None:
    provide(kafka, "nl")
    options = aiokafka_options(kafka)
    async with AIOKafkaProducer(**options, acks="all") as producer:
        sender = TopicSender(producer)
        assert await sender.send(Outgoing("msg_1", "nl", TOPIC, BODY, 0)) == Delivered()
    async with AIOKafkaConsumer(
        "referral.notice.nl.v1", **options, auto_offset_reset="earliest", isolation_level="read_committed"
    ) as consumer:
        record = await consumer.getone()
    assert (record.key, record.value) == (b"nl/test/topic", BODY)
    assert dict(record.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"msg_1",
        "ce_source": b"/services/notifier",
        "ce_type": b"referral.message.v1",
        "ce_time": b"2026-09-21T14:13:20.000Z",
        "content-type": b"application/json",
    }


async def test_a_topic_that_is_not_there_is_waited_for_no_longer_than_the_limit(kafka: KafkaSettings) -> None:
    async with AIOKafkaProducer(**aiokafka_options(kafka), acks="all") as producer:
        verdict = await TopicSender(producer, seconds=0.3).send(Outgoing("msg_1", "fr", TOPIC, BODY, 0))
    assert verdict == Retry(Failure.TIMEOUT)


async def test_what_the_broker_refuses_holds_up_nothing_behind_it(kafka: KafkaSettings) -> None:
    provision(kafka, [TopicSpec(topics.notice("be"), 1, {"max.message.bytes": "2000"}, fixed=True)], dry_run=False)
    long = BODY.removesuffix(b"}") + b',"more":"%s"}' % (b"x" * 3000)
    async with senders(Whom({"be": TOLD}), read(NotifierSettings, {}), kafka) as made:
        verdicts = [await made["kafka"].send(Outgoing("msg_1", "be", TOPIC, body, 0)) for body in (BODY, long, BODY)]
    assert verdicts == [Delivered(), Refused(Failure.KAFKA_REFUSED), Delivered()]


async def test_what_is_no_message_is_not_sent(kafka: KafkaSettings) -> None:
    async with AIOKafkaProducer(**aiokafka_options(kafka)) as producer:
        for body in (b"", b"[]", b'{"timestamp": "t", "data": {}}'):
            verdict = await TopicSender(producer).send(Outgoing("msg_1", "nl", TOPIC, body, 0))
            assert verdict == Refused(Failure.UNREADABLE)
