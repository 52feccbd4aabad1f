"""A good record taken apart so that it can be spoilt, and the list of what spoils it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Self

from schemas.codes import RejectReason
from services.simulator.sealed import secret_of

Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """One good record: its envelope as a dictionary, what it is sent with, and what a maker must know."""

    body: dict[str, Any]
    key: bytes | None
    value: bytes | None
    headers: Headers
    now_ms: int
    key_id: str | None
    """A hashing key that is accepted now."""
    expired_key_id: str | None
    """One that is not, where the configuration has one."""
    other_partner: str

    @property
    def text(self) -> bytes:
        """The value, which a good record has."""
        return self.value or b""

    def with_value(self, value: bytes) -> Self:
        """Other bytes in place of the value."""
        return replace(self, value=value)

    def with_fields(self, **fields: Any) -> Self:
        """The envelope with these fields in place of its own."""
        return self.with_value(json.dumps(self.body | fields, separators=(",", ":")).encode())

    def without(self, field: str) -> Self:
        """The envelope without one of its fields."""
        rest = {name: value for name, value in self.body.items() if name != field}
        return self.with_value(json.dumps(rest, separators=(",", ":")).encode())

    def identifiers(self, **fields: Any) -> list[dict[str, Any]]:
        """The report's identifiers, one at least, the first with these fields changed."""
        made_up = {
            "kind": "account",
            "subject": "unknown",
            "key_id": self.key_id or "none",
            "hmac_sha256": secret_of("account").hex(),
        }
        first, *others = self.body.get("identifiers") or [made_up]
        return [first | fields, *others]


Maker = Callable[[Draft, Random], Draft]


class Makers(dict[RejectReason, list[Maker]]):
    """The makers of bad records, by the reason each record must be rejected for."""

    def spoils(self, reason: RejectReason) -> Callable[[Maker], Maker]:
        """Enters a maker under its reason."""

        def enter(maker: Maker) -> Maker:
            self.setdefault(reason, []).append(maker)
            return maker

        return enter
