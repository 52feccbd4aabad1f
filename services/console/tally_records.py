"""From the bytes of the router's own records to the terms of the account. Pure.

Everything here raises ValueError for what the router does not write; the text never holds what was read.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from pydantic_core import from_json

from schemas import topics
from services.console.tally_terms import Answer, Goal, Kind, Noted, Place, Queued

_SLUG: Final = r"[a-z0-9-]+"
_QUEUE: Final = re.compile(rf"referral\.queue\.({_SLUG})\.({_SLUG})\.v1")
_INGRESS: Final = re.compile(rf"referral\.ingress\.({_SLUG})(\.test)?\.v1")
_RECEIPT: Final = re.compile(rf"referral\.receipt\.({_SLUG})\.v1")
_COORDINATES: Final = re.compile(r"([a-z0-9.-]+)/([0-9]+)/([0-9]+)")

Headers = Mapping[str, str | bytes | None]


def is_queue(topic: str) -> bool:
    """Whether desks read referrals there."""
    return _QUEUE.fullmatch(topic) is not None


def partner_of_receipts(topic: str) -> str | None:
    """Whose receipts stand in the topic; None for another topic."""
    found = _RECEIPT.fullmatch(topic)
    return found and found[1]


def input_kind(topic: str) -> Kind | None:
    """What the router reads there; None for a topic that it does not read."""
    if topic == topics.REROUTE:
        return Kind.REROUTE
    found = _INGRESS.fullmatch(topic)
    return found and (Kind.TEST if found[2] else Kind.INGRESS)


def seen_log(topic: str) -> str:
    """The changelog of an input."""
    if topic == topics.REROUTE:
        return topics.SEEN_REROUTE
    found = _INGRESS.fullmatch(topic)
    if found is None:
        raise ValueError("not an input of the router")
    return topics.seen_test(found[1]) if found[2] else topics.seen(found[1])


def receipt_topic(input_topic: str) -> str | None:
    """Where an input is answered; None for commands, which are answered to whom they name."""
    found = _INGRESS.fullmatch(input_topic)
    return found and topics.receipt(found[1])


def read_receipt(topic: str, value: bytes | None) -> Answer:
    """A record of a receipt topic."""
    partner = partner_of_receipts(topic)
    fields = _object(value)
    try:
        return Answer(
            stands_in=topic,
            source=Place(_answered_topic(partner, fields), _number(fields["partition"])),
            offset=_number(fields["offset"]),
            outcome=fields["outcome"],
            reason=fields["reason"],
            identity=f"{partner}:{fields['report']}:{fields['revision']}",
            goals=[
                Goal(_queue(goal["desk"], goal["lane"]), ",".join(sorted(goal["roles"])))
                for goal in fields["destinations"]
            ],
        )
    except (KeyError, TypeError):
        raise ValueError("not a receipt") from None


def _answered_topic(partner: str | None, fields: dict[str, Any]) -> str:
    if partner is None:
        raise ValueError("not a topic of receipts")
    if fields.get("reroute"):
        return topics.REROUTE
    return topics.ingress_test(partner) if fields.get("test") else topics.ingress(partner)


def read_queued(topic: str, headers: Headers) -> Queued:
    """A record of a queue: all that is checked stands in its headers."""
    try:
        found = {name: value.decode() for name, value in headers.items() if isinstance(value, bytes)}
        coordinates = _COORDINATES.fullmatch(found["referral-ingress"])
        number, identity, roles = found["referral-count"], found["ce_id"], found["referral-roles"]
    except (KeyError, UnicodeDecodeError):
        raise ValueError("a header is missing, or no text") from None
    if coordinates is None or not (number.isascii() and number.isdecimal()):
        raise ValueError("referral-ingress or referral-count is not as it must be")
    source = Place(coordinates[1], int(coordinates[2]))
    return Queued(topic, source, int(coordinates[3]), int(number), identity, roles)


def read_note(value: bytes | None) -> Noted:
    """A record of the quarantine."""
    fields = _object(value)
    try:
        source = Place(str(fields["topic"]), _number(fields["partition"]))
        return Noted(source, _number(fields["offset"]), str(fields["reason"]))
    except KeyError:
        raise ValueError("not a quarantine note") from None


def _object(value: bytes | None) -> dict[str, Any]:
    try:
        fields = from_json(value or b"")
    except ValueError:
        raise ValueError("not JSON") from None
    if not isinstance(fields, dict):
        raise ValueError("not an object")
    return fields


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("not an offset")
    return value


@cache
def _queue(desk: str, lane: str) -> str:
    return topics.queue(desk, lane)
