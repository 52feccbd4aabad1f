"""What goes from the process that reads to the one that stores is the same there."""

import pytest

from schemas.codes import Disposition, Lane, Outcome, RejectReason, TrackStep
from schemas.notices import Notice
from services.ledger.intake import Read, Value, packed, unpacked
from services.ledger.values import FaultKind, Tracked
from tests.samples import NOW_MS, as_json
from tests.unit.ledger_world import arrival, receipt, status

MARK = {"command": "c-1", "from": "nl", "chain": ["be"]}
VALUES: tuple[Value, ...] = (
    arrival("nl", Lane.URGENT),
    arrival("nl", chain="be", expires_at="2027-01-01T00:00:00Z", action="withdraw", identifiers=[]),
    receipt(desks=("nl", "de")),
    receipt(Outcome.REJECTED, (), report=None, revision=None, reason=RejectReason.INVALID_JSON, claims_urgent=True),
    receipt(Outcome.REJECTED, (), reroute=MARK),
    status("looked"),
    status("closed", disposition=Disposition.NO_OFFENCE),
    Tracked("ncmec:A:nl", TrackStep.SUPERVISION, NOW_MS, NOW_MS - 5, "analyst", "2026-01-01", None, "e" * 32),
)
NOTICE = Notice.model_validate_json(
    as_json(
        {
            "id": "0" * 32,
            "type": "urgent_arrived",
            "group": "nl/urgent/urgent_arrived",
            "sequence": 3,
            "desk": "nl",
            "at": "2026-11-18T18:06:40.000Z",
            "lane": "urgent",
            "count": 1,
            "added": 1,
            "oldest_at": "2026-11-18T18:06:40.000Z",
            "through": "2026-11-18T18:06:40.000Z",
        }
    )
)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_is_the_same_on_the_other_side(value: Value) -> None:
    (found,) = unpacked(packed(Read(values=[value]))).values
    assert found == value
    assert type(found) is type(value)


def test_so_is_all_else_that_was_read() -> None:
    whole = Read(
        values=list(VALUES),
        notices=[NOTICE],
        faults=[("referral.status.nl.v1", FaultKind.OVERSIZE)],
        positions={("referral.queue.nl.urgent.v1", 0): 7, ("referral.queue.nl.urgent.v1", 1): 2**62},
        ends={("referral.notice.v1", 0): 9},
        records=11,
    )
    assert unpacked(packed(whole)) == whole


def test_what_is_passed_on_is_read_alike_when_codes_are_asked_for_by_identity() -> None:
    first, second, *_ = unpacked(packed(Read(values=list(VALUES)))).values
    assert first.lane is Lane.URGENT  # type: ignore[union-attr]
    assert second.rerouted  # type: ignore[union-attr]
