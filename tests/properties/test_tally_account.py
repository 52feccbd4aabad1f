"""Whatever one record is dropped, doubled, moved or altered, the account does not add up."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas import topics
from schemas.codes import RejectReason
from services.console.tally_sets import Fingerprint, OffsetSet, element
from services.console.tally_terms import Place
from tests.unit.tally_world import NL, TEST, ZZ, Plan, World, settle

INPUTS = [Place(topics.ingress("p"), 0), Place(topics.ingress("p"), 1), Place(topics.ingress("q"), 0)]
QUEUES = [NL, ZZ, topics.queue("de", "priority")]

passed_on = st.builds(
    Plan,
    source=st.sampled_from(INPUTS),
    outcome=st.sampled_from(["routed", "amended", "withdrawn", "unroutable"]),
    queues=st.lists(st.sampled_from(QUEUES), min_size=1, unique=True),
)
rejected = st.builds(
    Plan,
    source=st.sampled_from(INPUTS),
    outcome=st.just("rejected"),
    reason=st.sampled_from(list(RejectReason)),
)
duplicate = st.builds(Plan, source=st.sampled_from(INPUTS), outcome=st.just("duplicate"))
tests = st.builds(Plan, source=st.just(TEST), outcome=st.just("routed"), queues=st.just([NL]))
plans = st.lists(st.one_of(passed_on, passed_on, rejected, duplicate, tests), min_size=1, max_size=40)
worlds = plans.map(settle)


@given(worlds)
def test_a_right_world_adds_up(world: World) -> None:
    account = world.account()
    assert account.findings() == []
    for sums in account.sums().values():
        assert sum(sums.outcomes.values()) == sums.received


def _kinds(world: World) -> list[str]:
    return [kind for kind in ("received", "answers", "queued", "notes") if getattr(world, kind)]


def _pick(data: st.DataObject, world: World) -> tuple[str, list[Any], int]:
    kind = data.draw(st.sampled_from(_kinds(world)))
    records = list(getattr(world, kind))
    return kind, records, data.draw(st.integers(0, len(records) - 1))


@given(worlds, st.data())
def test_a_dropped_record_is_found(world: World, data: st.DataObject) -> None:
    kind, records, place = _pick(data, world)
    del records[place]
    changed: dict[str, Any] = {kind: records}
    assert replace(world, **changed).findings()


@given(worlds, st.data())
def test_a_doubled_record_is_found(world: World, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([kind for kind in _kinds(world) if kind != "received"]))
    records = list(getattr(world, kind))
    records.insert(data.draw(st.integers(0, len(records))), data.draw(st.sampled_from(records)))
    changed: dict[str, Any] = {kind: records}
    assert replace(world, **changed).findings()


ALTERED: dict[str, Any] = {
    "queue": lambda value: topics.queue("fr", "urgent") if value != topics.queue("fr", "urgent") else NL,
    "offset": lambda value: value + 1,
    "number": lambda value: value + 1,
    "identity": lambda value: value + "1",
    "roles": lambda value: value + ",victim",
    "reason": lambda value: "null_value" if value != "null_value" else "oversize",
    "source": lambda value: Place(value.topic, value.partition + 7),
}


@given(worlds, st.data())
def test_an_altered_queue_record_is_found(world: World, data: st.DataObject) -> None:
    if not world.queued:
        return
    place = data.draw(st.integers(0, len(world.queued) - 1))
    name = data.draw(st.sampled_from(["queue", "offset", "number", "identity", "roles", "source"]))
    records = list(world.queued)
    records[place] = replace(records[place], **{name: ALTERED[name](getattr(records[place], name))})
    assert replace(world, queued=records).findings()


@given(worlds, st.data())
def test_an_altered_note_is_found(world: World, data: st.DataObject) -> None:
    if not world.notes:
        return
    place = data.draw(st.integers(0, len(world.notes) - 1))
    name = data.draw(st.sampled_from(["offset", "reason", "source"]))
    notes = list(world.notes)
    notes[place] = replace(notes[place], **{name: ALTERED[name](getattr(notes[place], name))})
    assert replace(world, notes=notes).findings()


@given(worlds, st.data())
def test_two_queue_records_in_the_wrong_order_are_found(world: World, data: st.DataObject) -> None:
    """The count runs in the order of the queue: a reader relies on it."""
    series = [(record.queue, record.source) for record in world.queued]
    pairs = [(i, j) for i in range(len(series)) for j in range(i + 1, len(series)) if series[i] == series[j]]
    if not pairs:
        return
    i, j = data.draw(st.sampled_from(pairs))
    records = list(world.queued)
    records[i], records[j] = records[j], records[i]
    assert replace(world, queued=records).findings()


offsets = st.integers(0, 200_000)


@given(st.sets(offsets), st.sets(offsets), offsets, offsets)
def test_an_offset_set_answers_as_a_set_does(one: set[int], other: set[int], start: int, stop: int) -> None:
    mine, theirs = OffsetSet(), OffsetSet()
    assert all(mine.add(offset) for offset in one)
    assert not any(mine.add(offset) for offset in one)
    assert all(theirs.add(offset) for offset in other)
    between = {offset for offset in one if start <= offset < stop}
    assert mine.count(start, stop) == len(between)
    assert mine.missing_from(theirs, start, stop) == len(between - other)
    assert mine.first_missing_from(theirs, start, stop, 3) == sorted(between - other)[:3]
    assert mine.past_last() == (max(one) + 1 if one else 0)
    assert {offset for offset in one | other if offset in mine} == one


elements = st.lists(st.tuples(st.integers(0, 9), st.text(max_size=2)), max_size=6)


@given(elements, elements)
def test_fingerprints_are_equal_exactly_when_the_multisets_are(
    one: list[tuple[int, str]], other: list[tuple[int, str]]
) -> None:
    fingerprints = []
    for records in (one, other):
        fingerprint = Fingerprint()
        for offset, text in records:
            fingerprint.add(offset, element(offset, text))
        fingerprints.append(fingerprint)
    assert (fingerprints[0] == fingerprints[1]) == (sorted(one) == sorted(other))
