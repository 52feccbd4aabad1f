"""Each maker of bad records makes one that is rejected for its own reason and no other."""

import json
from functools import cache
from itertools import islice
from random import Random

import pytest

from policy.intake import Accepted, examine
from schemas.codes import RejectReason
from schemas.reading import Rejection
from services.simulator import flaws
from services.simulator.drafts import Draft, Maker
from services.simulator.envelopes import Record, Referrals
from services.simulator.mix import Mix
from tests.unit.test_simulator_envelopes import BY_ID, NOW_MS, PARTNERS

EVERY_MAKER = [
    pytest.param(reason, maker, id=f"{reason.value}-{maker.__name__.strip('_')}")
    for reason, makers in flaws.MAKERS.items()
    for maker in makers
]


@cache
def _drafts() -> tuple[Draft, ...]:
    good = islice(Referrals(5, 2023, Mix.good(hotlines=0), NOW_MS, PARTNERS), 40)
    return tuple(_draft(record) for record in good)


def _draft(record: Record) -> Draft:
    return Draft(
        body=json.loads(record.value or b""),
        key=record.key,
        value=record.value,
        headers=record.headers,
        now_ms=NOW_MS,
        key_id="ncmec-current",
        expired_key_id="ncmec-retired",
        other_partner="inhope-nl",
    )


def _examine(draft: Draft) -> Accepted | Rejection:
    return examine(draft.value, draft.key, draft.headers, BY_ID["ncmec"], NOW_MS)


def test_every_reason_has_a_maker_but_those_that_take_more_than_one_record() -> None:
    assert set(flaws.MAKERS) == set(RejectReason) - flaws.NEEDS_ANOTHER


def test_the_drafts_are_good() -> None:
    assert all(isinstance(_examine(draft), Accepted) for draft in _drafts())


@pytest.mark.parametrize(("reason", "maker"), EVERY_MAKER)
def test_a_maker_spoils_for_its_reason_and_leaves_the_draft_alone(reason: RejectReason, maker: Maker) -> None:
    rng = Random(11)
    for draft in _drafts():
        before = json.dumps(draft.body)
        found = _examine(maker(draft, rng))
        assert isinstance(found, Rejection)
        assert found.reason is reason
        assert json.dumps(draft.body) == before


def test_a_key_that_ran_out_is_needed_to_send_one() -> None:
    assert set(flaws.possible(expired=True)) - set(flaws.possible(expired=False)) == {RejectReason.KEY_NOT_VALID}
