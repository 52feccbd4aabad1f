"""A notifier without Kafka and without a network: notices as values, a clock that is set, senders that write down."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, Final

from policy.notify import DeskTopic, Notify, Rung, Webhook
from schemas import notices
from schemas.codes import CLOSING_NOTICES, Lane, NoticeType
from schemas.message import Message
from schemas.records import serialise
from services.notifier.answering import Tokens
from services.notifier.notice import Notice, read_notice
from services.notifier.verdict import Delivered, Outgoing, Verdict
from services.notifier.whom import Whom

NOW_MS: Final = 1_790_000_000_000
TOKENS: Final = Tokens(b"k" * 32, "http://127.0.0.1:9466")


def hook(name: str) -> Webhook:
    return Webhook(name, f"https://desk.example/{name}", Path("secret"))


def notify(*rungs: Rung, channels: tuple[str, ...] = ("duty", "chief"), report_numbers: bool = False) -> Notify:
    """A duty officer at once, the chief after ten minutes; again each day."""
    ladder = rungs or (Rung(0, ("duty",)), Rung(600, ("chief",)))
    return Notify({name: hook(name) for name in channels}, ladder, report_numbers=report_numbers)


def whom(**by_desk: Notify) -> Whom:
    return Whom(by_desk)


TOPIC: Final = Notify({"topic": DeskTopic("topic")}, (Rung(0, ("topic",)),))


def written(
    sequence: int,
    type_: NoticeType = NoticeType.TARGET_MISSED,
    desk: str = "nl",
    lane: Lane | None = Lane.ROUTINE,
    count: int = 1,
    added: int = 1,
    ends: NoticeType = NoticeType.TARGET_MISSED,
) -> notices.Notice:
    """As a ledger has it."""
    ending = type_ in CLOSING_NOTICES
    return notices.Notice(
        id=f"{sequence:032x}",
        type=type_,
        group=f"{desk}/{lane or 'all'}/{ends if ending else type_}",
        sequence=sequence,
        desk=desk,
        at="2026-11-18T11:06:40Z",
        lane=lane,
        ends=ends if ending else None,
        count=0 if ending else count,
        added=0 if ending else added,
    )


@wraps(written)
def notice(*arguments: Any, **named: Any) -> Notice:
    """The same as the notifier reads it."""
    found = read_notice(serialise(written(*arguments, **named)))
    assert found is not None
    return found


@dataclass
class Recorder:
    """A sender that writes down what it was given, and says what it is told to say."""

    verdict: Callable[[Outgoing], Verdict] = lambda _outgoing: Delivered()
    sent: list[Outgoing] = field(default_factory=list)
    hold: dict[str, asyncio.Event] = field(default_factory=dict)

    async def send(self, outgoing: Outgoing) -> Verdict:
        self.sent.append(outgoing)
        if (gate := self.hold.get(outgoing.channel.name)) is not None:
            await gate.wait()
        return self.verdict(outgoing)

    def messages(self, channel: str | None = None) -> list[Message]:
        return [Message.model_validate_json(each.body) for each in self.sent if channel in (None, each.channel.name)]
