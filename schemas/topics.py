"""Names of topics, group and transactional ids. One place: everything else asks here."""

from typing import Final

from schemas.codes import Lane

GROUP: Final = "referral-router"
QUARANTINE: Final = "referral.quarantine.v1"
REROUTE: Final = "referral.reroute.v1"
NOTICE: Final = "referral.notice.v1"
SLUG: Final = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
"""What a partner or a desk may be called; at most 32 characters, never with a dot."""
RESERVED_PARTNERS: Final = frozenset({"reroute", "test"})
"""Names a partner may not have: their seen-log is taken."""


def ingress(partner: str) -> str:
    """Where a partner publishes envelopes."""
    return f"referral.ingress.{partner}.v1"


def ingress_test(partner: str) -> str:
    """Where a partner tries envelopes: receipts, and nothing else."""
    return f"referral.ingress.{partner}.test.v1"


def queue(desk: str, lane: Lane | str) -> str:
    """Where a desk finds its referrals of one lane."""
    return f"referral.queue.{desk}.{lane}.v1"


def receipt(partner: str) -> str:
    """Where a partner reads what became of each record."""
    return f"referral.receipt.{partner}.v1"


def seen(partner: str) -> str:
    """The router's dedupe changelog of a partner's ingress."""
    return f"referral.seen.{partner}.v1"


def seen_test(partner: str) -> str:
    """The same for the partner's test ingress."""
    return f"referral.seen.{partner}.test.v1"


SEEN_REROUTE: Final = "referral.seen.reroute.v1"


def status(desk: str) -> str:
    """Where a desk reports what it did."""
    return f"referral.status.{desk}.v1"


def track(desk: str) -> str:
    """A country's own steps after an outcome."""
    return f"referral.track.{desk}.v1"


def outcome(partner: str) -> str:
    """Where a partner reads the fate of its referrals, in coarse codes."""
    return f"referral.outcome.{partner}.v1"


def transactional_id(topic: str, partition: int) -> str:
    """One id an input partition (kafka.md 2): starting it fences whoever had it before."""
    return f"referral-router-{topic}-{partition}"


def notice(desk: str) -> str:
    """Where a desk that asks for it finds what it is told, as a webhook would bring it."""
    return f"referral.notice.{desk}.v1"
