"""What became of one attempt to deliver a message, and what a sender is given. Pure."""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from msgspec import Struct

from policy.notify import Channel


@dataclass(frozen=True, slots=True)
class Delivered:
    """The endpoint has taken it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Again later. `code`: of a closed list of short ones, for metric, log and page: timeout, http_5xx, refused, tls, …

    `after_seconds`: as the receiver asked (Retry-After); None: as the schedule has it.
    """

    code: str
    after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """The endpoint wants nothing any more (HTTP 410): it is disabled, loudly."""

    code: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It will not be taken so (a wrong address, a forbidden network, 4xx, 301): a failed try, repeated on the schedule
    all the same, because what is wrong may be put right.
    """

    code: str


Verdict: TypeAlias = Delivered | Retry | Gone | Refused


class Outgoing(Struct, frozen=True):
    """One try. `id`: the webhook-id, the same at each try; `body`: the JSON, composed once; `at_ms`: now."""

    id: str
    desk: str
    channel: Channel
    body: bytes
    at_ms: int


class Sender(Protocol):
    """Sends by one kind of channel. What the network does is a verdict, never an exception."""

    async def send(self, outgoing: Outgoing) -> Verdict:
        """Try once, in bounded time."""
        ...
