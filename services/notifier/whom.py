"""Whom to tell, by name: what the configuration says of every desk and of who runs the system. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from policy.desks import DeskTable
from policy.notify import NOBODY, Channel, DeskTopic, Email, Notify, Webhook
from schemas.notices import OPERATOR


class Endpoint(NamedTuple):
    """A channel of a desk."""

    desk: str
    channel: str


@dataclass(frozen=True, slots=True)
class Whom:
    """By desk; `operator` is among them."""

    by_desk: Mapping[str, Notify]

    def notify(self, desk: str) -> Notify:
        """How it is told; `NOBODY` for one that is not known."""
        return self.by_desk.get(desk, NOBODY)

    def endpoints(self) -> dict[Endpoint, Channel]:
        """Every channel that is configured."""
        return {
            Endpoint(desk, name): channel
            for desk, notify in self.by_desk.items()
            for name, channel in notify.channels.items()
        }


def whom(table: DeskTable) -> Whom:
    """What the desk table says."""
    return Whom({**{desk.id: desk.notify for desk in table.desks}, OPERATOR: table.operator})


def kind_of(channel: Channel) -> str:
    """A word for metric and page."""
    match channel:
        case Webhook():
            return "webhook"
        case Email():
            return "email"
        case DeskTopic():
            return "kafka"


def fingerprint(channel: Channel) -> str:
    """Of its address: an endpoint that was disabled is another one when this changes."""
    match channel:
        case Webhook(url=url):
            address = url
        case Email(to=to):
            address = ",".join(to)
        case DeskTopic(name=name):
            address = name
    return sha256(f"{kind_of(channel)} {address}".encode()).hexdigest()
