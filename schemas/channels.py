"""The topics as AsyncAPI 3.0: who writes and reads each, its key, its headers, how long it is kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import yaml

from schemas import topics
from schemas.codes import Lane, Role
from schemas.envelope import REPORT_PATTERN, SLUG_PATTERN
from schemas.records import BROKER_TIME_PATTERN

PARTNER: Final = "{partner}"
DESK: Final = "{desk}"
LANE: Final = "{lane}"
DAY_MS: Final = 24 * 60 * 60 * 1000
WINDOW_DAYS: Final = 45
BINDING: Final = "0.5.0"


@dataclass(frozen=True, slots=True)
class Channel:
    """One kind of topic. `days` is the default retention; `message` names what is in it."""

    name: str
    address: str
    message: str
    written_by: str
    read_by: str
    days: int
    note: str


CHANNELS: Final = (
    Channel(
        "ingress", topics.ingress(PARTNER), "envelope", "the partner", "the router", 14,
        "Its partition count is fixed for life: deduplication goes by partition. `compression.type` is "
        "uncompressed, so that the broker refuses a decompression bomb when it is produced.",
    ),
    Channel(
        "ingressTest", topics.ingress_test(PARTNER), "envelope", "the partner", "the router", 1,
        "To try envelopes: receipts say what would have happened; nothing is routed, counted or notified.",
    ),
    Channel(
        "queue", topics.queue(DESK, LANE), "queued", "the router", "the desk and the ledger", 90,
        "One partition. Read it with `isolation.level=read_committed`; `referral-count` proves that nothing is "
        "missing.",
    ),
    Channel(
        "receipt", topics.receipt(PARTNER), "receipt", "the router", "that partner and the ledger", 30,
        "Receipts of ingress partition p are in partition p, those of test ingress and reroutes in partition 0. "
        "The key is missing where the report can not be read.",
    ),
    Channel(
        "quarantine", topics.QUARANTINE, "quarantine", "the router", "operators", 90,
        "Reason, coordinates and size of each refused record; never a byte of it.",
    ),
    Channel(
        "seen", topics.seen(PARTNER), "seen", "the router", "the router", WINDOW_DAYS + 14,
        "The deduplication window's changelog, with as many partitions as the ingress: the window and the "
        "ingress retention long. The format is the router's own.",
    ),
    Channel(
        "seenTest", topics.seen_test(PARTNER), "seen", "the router", "the router", WINDOW_DAYS + 1,
        "The same for the test ingress.",
    ),
    Channel(
        "seenReroute", topics.SEEN_REROUTE, "seen", "the router", "the router", WINDOW_DAYS + 30,
        "The same for reroute commands, by the command's id.",
    ),
    Channel(
        "status", topics.status(DESK), "status", "the desk", "the ledger", 90,
        "What the desk did with an entry.",
    ),
    Channel(
        "track", topics.track(DESK), "track", "the desk", "a ledger of that country only", 90,
        "National steps after an outcome: sensitive data about persons, never read by anybody else.",
    ),
    Channel(
        "outcome", topics.outcome(PARTNER), "outcome", "the ledger", "that partner", 30,
        "What became of a referral, in coarse codes.",
    ),
    Channel(
        "reroute", topics.REROUTE, "reroute", "the ledger (for the desk that holds the entry) and operators",
        "the router", 30, "Carried out in the router's transactions, with a receipt for the partner.",
    ),
    Channel(
        "notice", topics.NOTICE, "notice", "the ledger", "the notifier", 7,
        "What somebody has to be told.",
    ),
    Channel(
        "deskNotice", topics.notice(DESK), "message", "the notifier", "the desk", 30,
        "Only for a desk, or `operator`, whose `notify` has a channel with `kafka: true`. One partition. A message may "
        "come twice: then `ce_id` is the same.",
    ),
)  # fmt: skip

_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "partner": {"description": "Slug of who publishes envelopes", "examples": ["ncmec", "inhope-nl"]},
    "desk": {"description": "Slug of who works the queue", "examples": ["nl", "nl-hosting", "zz"]},
    "lane": {"description": "Set by the published triage policy", "enum": [lane.value for lane in Lane]},
}


def _text(pattern: str, description: str) -> dict[str, Any]:
    return {"type": "string", "pattern": pattern, "description": description}


def _cloud_event(event_type: str, source: str, identity: str, time: str) -> dict[str, Any]:
    """CloudEvents 1.0 in Kafka's binary content mode: attributes are headers, the value is the data."""
    return {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {"type": "string", "description": identity},
        "ce_source": {"type": "string", "description": source},
        "ce_type": {"type": "string", "const": event_type},
        "ce_time": {"type": "string", "format": "date-time", "description": time},
        "content-type": {"type": "string", "const": "application/json"},
    }


_ENVELOPE_EVENT: Final = _cloud_event(
    "referral.envelope.v1", "/partners/<partner>", "<partner>:<report>:<revision>", "the envelope's submitted_at"
)
_CODES: Final = r"^[a-z][a-z0-9_]*(,[a-z][a-z0-9_]*)*$"
_QUEUED: Final = {
    "referral-lane": {"type": "string", "enum": [lane.value for lane in Lane]},
    "referral-reasons": _text(_CODES, "The triage rules that decided, comma separated"),
    "referral-policy": {"type": "string", "description": "Version of the triage policy"},
    "referral-roles": _text(_CODES, f"Why it is this desk's, sorted, comma separated: {', '.join(Role)}"),
    "referral-received": _text(BROKER_TIME_PATTERN, "The broker's time of the ingress record"),
    "referral-count": _text(r"^[0-9]{1,19}$", "Running number of this (ingress partition, queue), from 1"),
    "referral-ingress": _text(r"^referral\.[a-z0-9.-]+/[0-9]+/[0-9]+$", "<topic>/<partition>/<offset> it came from"),
}
_CHAIN: Final = {
    "referral-chain": _text(
        r"^[a-z][a-z0-9-]*(,[a-z][a-z0-9-]*)*$", "Of a rerouted one: the desks that had it, in order"
    )
}


def _headers(properties: dict[str, Any], required: Iterable[str] | None = None) -> dict[str, Any]:
    names = list(properties if required is None else required)
    return {"type": "object", "properties": properties} | ({"required": names} if names else {})


_KEYED: Final = {"kafka": {"key": _text(REPORT_PATTERN, "The report"), "bindingVersion": BINDING}}
_BY_ROUTER: Final = ("/services/router", "<topic>/<partition>/<offset> of the ingress record")
_BY_DESK: Final = ("/desks/<desk>", "chosen by the desk, unique there")
_BY_NOTIFIER: Final = ("/services/notifier", "the same however often it is sent; of a webhook, `webhook-id`")
_BY_LEDGER: Final = ("/services/ledger", "chosen by the ledger, unique there")


def _message(name: str, summary: str, headers: dict[str, Any], *, keyed: bool = True) -> dict[str, Any]:
    return {
        "name": name,
        "summary": summary,
        "contentType": "application/json",
        "headers": headers,
        "payload": {"$ref": f"./json/{name}.v1.json"},
    } | ({"bindings": _KEYED} if keyed else {})


def _event(name: str, summary: str, by: tuple[str, str], time: str, *, keyed: bool = True) -> dict[str, Any]:
    return _message(name, summary, _headers(_cloud_event(f"referral.{name}.v1", *by, time)), keyed=keyed)


def _messages() -> dict[str, Any]:
    queued = _message("envelope", "A referral, serialised anew from what was checked, with why it is here",
                      _headers(_ENVELOPE_EVENT | _QUEUED | _CHAIN, [*_ENVELOPE_EVENT, *_QUEUED]))  # fmt: skip
    return {
        "envelope": _message("envelope", "A referral as the partner sends it; headers are optional, but must not "
                             "contradict it", _headers(_ENVELOPE_EVENT, [])),
        "queued": queued | {"name": "queued"},
        "receipt": _event("receipt", "What became of one ingress record", _BY_ROUTER, "received_at"),
        "quarantine": _event("quarantine", "Where a refused record is, and why", _BY_ROUTER, "received_at",
                             keyed=False),
        "seen": {"name": "seen", "summary": "Keys first seen, running counts, next offset", "contentType": "text/plain",
                 "payload": {"type": "string"}},
        "status": _event("status", "What a desk did with an entry", _BY_DESK, "at"),
        "track": _event("track", "A national step after an outcome", _BY_DESK, "at"),
        "outcome": _event("outcome", "The fate of a referral at one desk, coarsely", _BY_LEDGER, "at"),
        "reroute": _message("reroute", "Passes a referral on from a desk", _headers({})),
        "notice": _event("notice", "How a group of what is open stands", _BY_LEDGER, "at", keyed=False) | {
                   "bindings": {"kafka": {"key": _text(SLUG_PATTERN, "The desk, or operator"),
                                          "bindingVersion": BINDING}}},
        "message": _event("message", "What a desk is told, as a webhook brings it", _BY_NOTIFIER, "timestamp",
                          keyed=False) | {
                   "bindings": {"kafka": {"key": _text(r"^[a-z][a-z0-9/_-]{0,95}$", "The group: in one order"),
                                          "bindingVersion": BINDING}}},
    }  # fmt: skip


def _channel(channel: Channel) -> dict[str, Any]:
    parameters = {name: _PARAMETERS[name] for name in _PARAMETERS if f"{{{name}}}" in channel.address}
    return {
        "address": channel.address,
        "description": f"Written by {channel.written_by}, read by {channel.read_by}. Kept for {channel.days} "
        f"{'day' if channel.days == 1 else 'days'} by default. {channel.note}",
        **({"parameters": parameters} if parameters else {}),
        "messages": {channel.message: {"$ref": f"#/components/messages/{channel.message}"}},
        "bindings": {
            "kafka": {
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": channel.days * DAY_MS},
                "bindingVersion": BINDING,
            }
        },
    }


_OPERATIONS: Final = {
    "router": (
        ["ingress", "ingressTest", "reroute", "seen", "seenTest", "seenReroute"],
        ["queue", "receipt", "quarantine", "seen", "seenTest", "seenReroute"],
    ),
    "ledger": (["queue", "receipt", "status", "track"], ["notice", "outcome", "reroute"]),
    "notifier": (["notice"], ["deskNotice"]),
}
"""Service → (channels it reads, channels it writes)."""


def _operations() -> dict[str, Any]:
    return {
        f"{service}{'Reads' if action == 'receive' else 'Writes'}{name[0].upper()}{name[1:]}": {
            "action": action,
            "channel": {"$ref": f"#/channels/{name}"},
        }
        for service, (read, written) in _OPERATIONS.items()
        for action, names in (("receive", read), ("send", written))
        for name in names
    }


def asyncapi() -> str:
    """The document, as YAML."""
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Referrals",
            "version": "1",
            "description": "Every topic. All have `message.timestamp.type=LogAppendTime`: the broker's clock is the "
            "one that counts. Messages are CloudEvents 1.0 in Kafka's binary mode; no value is ever null.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "development": {"host": "localhost:9092", "protocol": "kafka", "description": "Started by `make run`"}
        },
        "channels": {channel.name: _channel(channel) for channel in CHANNELS},
        "operations": _operations(),
        "components": {"messages": _messages()},
    }
    return "# Generated by `make schemas` from schemas/channels.py; do not edit.\n" + yaml.dump(
        document, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110
    )


class _Plain(yaml.SafeDumper):
    """Without anchors: a reader should not have to look elsewhere for what a message's key is."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Write everything out."""
        return True
