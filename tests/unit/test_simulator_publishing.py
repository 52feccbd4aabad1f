"""Publishing stops where it is told, waits where it must, and counts only what was acknowledged."""

import threading
from collections.abc import Callable, Iterator
from itertools import islice
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException

from policy.partners import Partner
from schemas.codes import Outcome, RejectReason
from services.router.placement import partition_of
from services.runtime.exits import CannotRun
from services.simulator import intents, publishing
from services.simulator.envelopes import Record
from services.simulator.publishing import Limits, Publisher, fill, publish

PARTNER = Partner("ncmec", "A clearing house", 4)


class Broker:
    """In place of librdkafka's producer: a queue with room for so many, that `poll` and `flush` acknowledge."""

    def __init__(self, room: int = 1_000, partitions: int = 4) -> None:
        self.room, self.partitions = room, partitions
        self.waiting: list[Callable[[KafkaError | None, Any], None]] = []
        self.taken: list[tuple[str, bytes | None, bytes | None, int]] = []
        self.answers: Iterator[KafkaError | None] | None = None
        self.refuses_for_good = self.paused = False

    def __call__(self, *_: Any, **__: Any) -> "Broker":
        return self

    def list_topics(self, topic: str, _timeout_s: float) -> Any:
        error = None if self.partitions else KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)
        found = SimpleNamespace(error=error, partitions=dict.fromkeys(range(self.partitions)))
        return SimpleNamespace(topics={topic: found})

    def produce(self, topic: str, value: bytes | None, key: bytes | None, **how: Any) -> None:
        if self.refuses_for_good:
            raise KafkaException(KafkaError(KafkaError._FATAL))
        if len(self.waiting) >= self.room:
            raise BufferError
        self.waiting.append(how["on_delivery"])
        self.taken.append((topic, value, key, how["partition"]))

    def poll(self, _timeout_s: float = 0.0) -> int:
        answered = [] if self.paused else self.waiting
        for callback in answered:
            callback(next(self.answers) if self.answers else None, None)
        self.waiting = self.waiting if self.paused else []
        return len(answered)

    def flush(self, _timeout_s: float) -> int:
        self.poll()
        return len(self.waiting)

    def purge(self) -> None:
        for callback in self.waiting:
            callback(KafkaError(KafkaError._PURGE_QUEUE), None)
        self.waiting = []


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker()
    monkeypatch.setattr(publishing, "Producer", made)
    return made


def record(number: int, intent: str = intents.NEW) -> Record:
    return Record("ncmec", b"%d" % number, b"{}", (), intent)


def endless() -> Iterator[Record]:
    number = 0
    while True:
        number += 1
        yield record(number)


def publisher() -> Publisher:
    return Publisher({}, [PARTNER])


class Clock:
    """Monotonic time that passes by a fixed step whenever it is read."""

    def __init__(self, step_s: float) -> None:
        self.now_s, self.step_s = 100.0, step_s

    def __call__(self) -> float:
        self.now_s += self.step_s
        return self.now_s


def test_it_ends_after_exactly_so_many_records(broker: Broker) -> None:
    publish(endless(), publisher(), Limits(count=1_234), threading.Event())
    assert len(broker.taken) == 1_234


def test_it_ends_when_the_time_is_up_having_kept_the_rate(broker: Broker) -> None:
    publish(endless(), publisher(), Limits(rate=500, duration_s=4), threading.Event(), Clock(0.001))
    assert 1_990 <= len(broker.taken) <= 2_000


def test_it_ends_when_told_to(broker: Broker) -> None:
    stop = threading.Event()

    def until_stopped() -> Iterator[Record]:
        yield from islice(endless(), 700)
        stop.set()
        yield from endless()

    publish(until_stopped(), publisher(), Limits(), stop)
    assert 700 <= len(broker.taken) <= 700 + 500


def test_a_full_queue_is_waited_for_and_loses_nothing(broker: Broker) -> None:
    broker.room = 10
    publish(endless(), target := publisher(), Limits(count=500), threading.Event())
    assert [key for _, _, key, _ in broker.taken] == [b"%d" % number for number in range(1, 501)]
    assert target.finish(1).acknowledged["ncmec"] == {intents.NEW: 500}


def test_a_paused_broker_holds_nothing_up_once_it_is_told_to_end(broker: Broker) -> None:
    broker.room, broker.paused = 10, True
    stop, target = threading.Event(), publisher()
    ended = threading.Thread(target=publish, args=(endless(), target, Limits(), stop))
    ended.start()
    stop.set()
    ended.join(timeout=10)
    assert not ended.is_alive()
    tally = target.finish(0.1)
    assert tally.total == 0
    assert tally.not_acknowledged == {"_PURGE_QUEUE": len(broker.taken)}


def test_only_what_was_acknowledged_is_counted_by_partner_and_intent(broker: Broker) -> None:
    too_large = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)
    broker.answers = iter([None, too_large, None])
    target = publisher()
    for number, intent in enumerate((intents.NEW, intents.NEW, intents.DUPLICATE)):
        target.send(record(number, intent))
    assert target.finish(1).as_json() == {
        "acknowledged": {"ncmec": {"duplicate": 1, "new": 1}},
        "acknowledged_total": 2,
        "not_acknowledged": {"MSG_SIZE_TOO_LARGE": 1},
    }


def test_a_misplaced_record_goes_where_its_key_does_not_say(broker: Broker) -> None:
    target = publisher()
    for number in range(50):
        target.send(record(number, intents.MISPLACED))
        target.send(record(number))
    for _, _, key, partition in broker.taken[::2]:
        assert partition in range(4)
        assert partition != partition_of(cast("bytes", key), 4)
    assert {partition for *_, partition in broker.taken[1::2]} == {-1}


def test_a_topic_of_ones_own_takes_the_place_of_the_ingress_topic(broker: Broker) -> None:
    Publisher({}, [PARTNER], {"ncmec": "bench.in"}).send(record(1))
    publisher().send(record(2))
    assert [topic for topic, *_ in broker.taken] == ["bench.in", "referral.ingress.ncmec.v1"]


def test_a_topic_that_is_missing_is_named_with_what_to_do(broker: Broker) -> None:
    broker.partitions = 0
    with pytest.raises(CannotRun, match=r"referral\.ingress\.ncmec\.v1 is not there.*referrals provision"):
        publisher()


def test_a_producer_that_is_refused_for_good_says_so(broker: Broker) -> None:
    target = publisher()
    broker.refuses_for_good = True
    with pytest.raises(CannotRun, match="_FATAL"):
        target.send(record(1))


def test_filling_publishes_exactly_so_many_good_ones(broker: Broker) -> None:
    tally = fill(700, {}, [PARTNER], simulate=True, start_ms=1_780_000_000_000)
    assert tally.total == len(broker.taken) == 700
    assert set(tally.acknowledged["ncmec"]) == {intents.NEW, intents.UNPLACED}


def test_filling_fails_when_something_was_not_acknowledged(broker: Broker) -> None:
    broker.answers = iter([KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)] + [None] * 99)
    with pytest.raises(CannotRun, match="99 of 100"):
        fill(100, {}, [PARTNER], simulate=True, start_ms=1_780_000_000_000)


def test_outcomes_are_foretold_from_the_intents() -> None:
    counts = {"new": 5, "late": 2, "corrected": 1, "unplaced": 3, "conflict": 1, "bad:oversize": 4, "amend": 2}
    assert intents.expected_outcomes(counts) == {
        (Outcome.ROUTED, None): 8,
        (Outcome.UNROUTABLE, None): 3,
        (Outcome.REJECTED, RejectReason.IDENTITY_CONFLICT): 1,
        (Outcome.REJECTED, RejectReason.OVERSIZE): 4,
        (Outcome.AMENDED, None): 2,
    }
    with pytest.raises(KeyError):
        intents.expected("unheard-of")
