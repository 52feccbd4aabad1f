"""Whatever comes, leaves and is missed: who waits longest is exact, and no target passes without being seen."""

from hypothesis import given
from hypothesis import strategies as st

from services.ledger.waits import Queue, Waiting, Waits

SLOT_MS = 10
QUEUES: tuple[Queue, ...] = (("aa", "urgent"), ("aa", "routine"), ("bb", "urgent"))
times = st.integers(0, 60)
comings = st.tuples(st.just("come"), st.integers(0, 5), st.sampled_from(QUEUES), times)
leavings = st.tuples(st.just("leave"), st.integers(0, 5), st.sampled_from(QUEUES), times)
sweeps = st.tuples(st.just("sweep"), st.just(0), st.sampled_from(QUEUES), times)


@given(st.lists(st.one_of(comings, leavings, sweeps), max_size=40))
def test_after_every_sweep_the_oldest_are_known_and_all_that_is_late_is_missed(
    steps: list[tuple[str, int, Queue, int]],
) -> None:
    waits, entries = Waits({}, {}), _Entries()
    for act, name, queue, at_ms in steps:
        if act == "sweep":
            for stale in list(waits.stale):
                waits.refresh(stale, entries.oldest(stale))
            assert waits.oldest == {one: at for one in QUEUES if (at := entries.oldest(one)) is not None}
            for late, from_ms in waits.past(dict.fromkeys(QUEUES, at_ms)):
                entries.miss(late, from_ms, at_ms)
                waits.counted(late, entries.oldest(late, unmissed=True))
            assert all(missed for _, arrived_ms, missed in entries.waiting.values() if arrived_ms < at_ms)
        else:
            waits.stored(entries.change(name, (queue, at_ms, False) if act == "come" else None))


def test_of_a_queue_that_no_table_names_nothing_is_due() -> None:
    waits = Waits({("gone", "urgent"): 5}, {("gone", "urgent"): 5})
    assert list(waits.past({("aa", "urgent"): 100})) == []


class _Entries:
    """What a database would hold: name → queue, arrival, whether it is counted as missed."""

    def __init__(self) -> None:
        self.waiting: dict[int, tuple[Queue, int, bool]] = {}

    def change(self, name: int, now: tuple[Queue, int, bool] | None) -> Waiting:
        """One entry comes, moves or leaves; as a batch tells it."""
        told = Waiting()
        if (was := self.waiting.pop(name, None)) is not None:
            told.leave(was[0], was[1] // SLOT_MS * SLOT_MS)
        if now is not None:
            self.waiting[name] = now
            told.come(*now)
        return told

    def oldest(self, queue: Queue, *, unmissed: bool = False) -> int | None:
        found = (at for one, at, missed in self.waiting.values() if one == queue and not (unmissed and missed))
        return min(found, default=None)

    def miss(self, queue: Queue, from_ms: int, before_ms: int) -> None:
        """Only what arrived from then on is looked at."""
        for name, (one, at_ms, _) in self.waiting.items():
            if one == queue and from_ms <= at_ms < before_ms:
                self.waiting[name] = one, at_ms, True
