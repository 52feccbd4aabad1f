"""Whom a desk wants told, how, and in which order until somebody answers. Values alone; `notify_file` reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Webhook:
    """A URL that gets each message as a Standard Webhook.

    `secret_file` holds one or two keys, a line each, the newer first: both sign while they are exchanged. `networks`:
    the private, loopback or link-local networks that the URL may lead to; all others of these are refused.
    """

    name: str
    url: str
    secret_file: Path
    networks: tuple[IPv4Network | IPv6Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Email:
    """Mailboxes, each a bare address."""

    name: str
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeskTopic:
    """The desk's own `referral.notice.<desk>.v1`."""

    name: str


Channel = Webhook | Email | DeskTopic


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ladder: which channels, when nobody has answered `after_seconds` after the group opened."""

    after_seconds: int
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quiet:
    """From when until when, by the desk's own clock, only what is urgent is told. May go over midnight."""

    start: time
    end: time


@dataclass(frozen=True, slots=True)
class Notify:
    """How a desk is told. `rungs` are in order of time, the first at 0; the last repeats each `repeat_seconds` until
    somebody answers. `digest`: the desk's own time of the daily digest, None for no digest. `time_zone`: an IANA name.
    """

    channels: Mapping[str, Channel] = field(default_factory=dict, hash=False)
    rungs: tuple[Rung, ...] = ()
    repeat_seconds: int = 86_400
    time_zone: str = "UTC"
    quiet: Quiet | None = None
    digest: time | None = None
    report_numbers: bool = False


NOBODY = Notify()
"""Of a desk for which nothing is configured: nobody is told, and that is shown."""
