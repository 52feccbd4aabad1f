"""In which order a partition is taken over, and what it does when something breaks. Clients are small stand-ins."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError, ProducerFenced
from prometheus_client import CollectorRegistry

from schemas.changelog import encode
from services.router import agreement, transaction
from services.router import partition as module
from services.router.batch import Batch
from services.router.decision import Decider
from services.router.metrics import PartitionMetrics, RouterMetrics
from services.router.partition import PartitionLoop, Turns
from services.router.source import sources, written_by
from tests.batches import entries_of
from tests.samples import Record, configuration, record

SOURCE = sources(configuration())["referral.ingress.ncmec.v1"]
INGRESS, SEEN = TopicPartition(SOURCE.topic, 0), TopicPartition(SOURCE.seen_topic, 0)
QUEUE = TopicPartition("referral.queue.nl.routine.v1", 0)
TOUCHED = written_by(SOURCE, 0, configuration())


class Broker:
    """One input partition and its seen-log; `diary` is what was asked of it, in order."""

    def __init__(self, records: list[Record]) -> None:
        self.diary: list[str] = []
        self.records = records
        self.committed: int | None = None
        self.seen: list[bytes] = []
        self.stuck: set[TopicPartition] = set()
        self.ours: dict[TopicPartition, int | None] = {}
        """Where our own producer left something open, beside the seen-log, and for which ingress offset."""
        self.closed: dict[TopicPartition, str] = {}
        self.commit_decided = False
        self.hidden: list[bytes] = []
        """Seen-log records that become visible with a commit marker."""
        self.fail: dict[str, list[BaseException]] = {}
        self.on_commit: Callable[[], None] = lambda: None
        self.on_begin: Callable[[PartitionLoop], None] = lambda _: None
        self.loop: PartitionLoop | None = None
        self.answers_after_ms = 0

    def note(self, what: str) -> None:
        self.diary.append(what)
        if self.fail.get(what):
            raise self.fail[what].pop(0)

    def close(self, places: set[TopicPartition], how: str) -> None:
        """A marker of ours ends what is ours; what others left open stays."""
        for place in places & (self.ours.keys() | {SEEN}):
            self.stuck.discard(place)
            if place in self.ours:
                self.closed[place] = how
                del self.ours[place]

    async def read_committed_offset(self, _: TopicPartition) -> int | None:
        self.note("committed offset")
        return self.committed


class FakeProducer:
    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.pending: dict[str, list[Any]] = {}
        self.offset: int | None = None
        self.added: set[TopicPartition] = set()

        self.client = broker

    async def start(self) -> None:
        self.broker.note("fence")

    async def begin_transaction(self) -> None:
        self.broker.note("begin")
        assert self.broker.loop is not None
        self.broker.on_begin(self.broker.loop)
        self.pending, self.offset, self.added = {}, None, set()

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[None]:
        self.pending.setdefault(topic, []).extend(entries_of(batch))
        return self._answer("delivery")

    async def send(self, topic: str, value: bytes, *, partition: int) -> asyncio.Future[None]:
        self.pending.setdefault(topic, []).append(value)
        return self._answer("delivery")

    def _answer(self, what: str) -> asyncio.Future[None]:
        answer = asyncio.get_running_loop().create_future()
        try:
            self.broker.note(what)
            answer.set_result(None)
        except BaseException as error:
            answer.set_exception(error)
        return answer

    async def send_offsets_to_transaction(self, offsets: dict[TopicPartition, int], group: str) -> None:
        assert group == "referral-router"
        (self.offset,) = offsets.values()

    async def commit_transaction(self) -> None:
        self.broker.note("commit")
        self.broker.close(self.added, "commit")
        if SEEN in self.added:
            self.broker.seen, self.broker.hidden = self.broker.seen + self.broker.hidden, []
        if self.offset is not None:
            self.broker.committed = self.offset
        self.broker.seen += [value for _, value, _ in self.pending.get(SEEN.topic, [])]
        self.broker.on_commit()

    async def abort_transaction(self) -> None:
        self.broker.note("abort")
        places = {TopicPartition(topic, 0) for topic in self.pending}
        assert places <= {TopicPartition(*place) for place in TOUCHED}
        self.broker.close(places, "abort")
        if SEEN in places:
            self.broker.hidden = []


class FakeReader:
    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.at: dict[TopicPartition, int] = {}

    async def start(self) -> None:
        return

    def assign(self, places: list[TopicPartition]) -> None:
        return

    def seek(self, place: TopicPartition, offset: int) -> None:
        self.at[place] = offset

    async def position(self, place: TopicPartition) -> int:
        return self.at[place]

    async def beginning_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, 0)

    async def end_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {place: len(self._log(place)) for place in places}

    def last_stable_offset(self, place: TopicPartition) -> int:
        return len(self._log(place))

    async def getmany(self, place: TopicPartition, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        if place == SEEN and self.at[place] == 0:
            self.broker.note("restore")
        await asyncio.sleep(0)
        if place != SEEN and timeout_ms < self.broker.answers_after_ms:
            return {}
        found = self._log(place)[self.at[place] :][:2]
        self.at[place] += len(found)
        return {place: found} if found else {}

    def _log(self, place: TopicPartition) -> list[Any]:
        if place == SEEN:
            return [Record(value, None, offset) for offset, value in enumerate(self.broker.seen)]
        return self.broker.records


class FakeClients:
    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    def producer(self, transactional_id: str) -> FakeProducer:
        assert transactional_id == "referral-router-referral.ingress.ncmec.v1-0"
        return FakeProducer(self.broker)

    def reader(self, isolation: str = "read_committed") -> FakeReader:
        return FakeReader(self.broker)

    def finished(self, batch: Batch) -> Batch:
        return batch

    def plain(self) -> "FakeClients":
        return self

    async def bootstrap(self) -> None:
        return

    async def close(self) -> None:
        return


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    async def discard(client: Any) -> None:
        client.broker.diary.append("discard " + type(client).__name__.removeprefix("Fake").lower())

    async def left_open(clients: Any, reader: Any, touched: set[TopicPartition]) -> set[TopicPartition]:
        assert touched == {TopicPartition(*place) for place in TOUCHED}
        reader.broker.diary.append("left open?")
        return set(reader.broker.stuck)

    async def left_by_us(
        clients: Any, client: Broker, number: int, stuck: set[TopicPartition]
    ) -> dict[TopicPartition, int | None]:
        assert number == 7
        return {place: offset for place, offset in client.ours.items() if place in stuck}

    async def commit_was_decided(client: FakeClients, transactional_id: str) -> bool:
        client.broker.diary.append("decided?")
        return client.broker.commit_decided

    def add_partitions(producer: FakeProducer, touched: list[tuple[str, int]]) -> None:
        producer.added = {TopicPartition(*place) for place in touched}

    monkeypatch.setattr(transaction, "add_partitions", add_partitions)
    monkeypatch.setattr(module, "commit_was_decided", commit_was_decided)

    async def prime(producer: Any, topics: set[str]) -> None:
        assert topics == {topic for topic, _ in TOUCHED}

    monkeypatch.setattr(module, "prime", prime)
    monkeypatch.setattr(module, "discard_producer", discard)
    monkeypatch.setattr(module, "discard_reader", discard)
    monkeypatch.setattr(agreement, "left_open", left_open)
    monkeypatch.setattr(agreement, "left_by_us", left_by_us)
    monkeypatch.setattr(agreement, "producer_id", lambda _: 7)
    monkeypatch.setattr(module, "PAUSE_AFTER_FAILURE_S", 0)


async def lived(broker: Broker, enough: int = 1000) -> CollectorRegistry:
    """The loop's life until everything is committed; its metrics."""
    registry = CollectorRegistry()
    stop = asyncio.Event()

    def finished() -> None:
        if broker.committed == len(broker.records):
            stop.set()

    broker.on_commit = finished
    loop = broker.loop = PartitionLoop(
        SOURCE,
        0,
        Decider(configuration()),
        FakeClients(broker),  # type: ignore[arg-type]
        broker.read_committed_offset,
        TOUCHED,
        PartitionMetrics(RouterMetrics(configuration(), registry), "ncmec", 0),
        Turns(enough),
    )
    async with asyncio.timeout(20):
        await loop.run(stop)
    return registry


def routed(registry: CollectorRegistry) -> float | None:
    return registry.get_sample_value("referral_router_routed_total", {"desk": "nl", "lane": "routine"})


async def test_the_predecessor_is_fenced_before_anything_is_believed() -> None:
    broker = Broker([record(0)])
    registry = await lived(broker)
    order = [broker.diary.index(what) for what in ("decided?", "fence", "left open?", "committed offset", "begin")]
    assert order == sorted(order)
    assert routed(registry) == 1


@pytest.mark.parametrize("where", ["delivery", "commit", "begin"])
@pytest.mark.parametrize("error", [KafkaTimeoutError(), MessageSizeTooLargeError(), AssertionError("no bootstrap")])
async def test_after_any_failure_the_producer_and_the_window_are_thrown_away(where: str, error: Exception) -> None:
    broker = Broker([record(0), record(1, report="b")])
    broker.fail = {where: [error]}
    registry = await lived(broker)
    failed = broker.diary.index("discard producer")
    assert broker.diary.count("fence") == 2
    assert broker.diary.index("committed offset", failed) < broker.diary.index("begin", failed)
    assert routed(registry) == 2, "what the failed transaction remembered made no duplicate of its own record"
    assert (
        registry.get_sample_value("referral_router_outcomes_total", {"partner": "ncmec", "outcome": "duplicate"}) == 0
    )


async def test_a_partition_that_fails_again_and_again_is_not_called_ready() -> None:
    broker = Broker([record(0)])
    broker.fail = {"commit": [KafkaTimeoutError(), KafkaTimeoutError()]}
    routing: list[bool] = []
    broker.on_begin = lambda loop: routing.append(loop.routing)
    await lived(broker)
    assert routing == [True, False, False]


async def test_one_lost_delivery_prevents_the_commit() -> None:
    broker = Broker([record(0)])
    broker.fail = {"delivery": [MessageSizeTooLargeError()]}
    await lived(broker)
    first = broker.diary.index("discard producer")
    assert "commit" not in broker.diary[:first]


async def test_a_fenced_partition_is_given_up_and_fences_nobody_back() -> None:
    broker = Broker([record(0)])
    broker.fail = {"commit": [ProducerFenced()]}
    with pytest.raises(ProducerFenced):
        await lived(broker)
    assert broker.diary.count("fence") == 1


async def test_what_was_never_decided_is_aborted_everywhere_and_routed_again() -> None:
    broker = Broker([record(0)])
    broker.stuck, broker.hidden = {SEEN}, list(encode([], {}, 1, 1_795_000_000))
    registry = await lived(broker)
    assert broker.diary.index("abort") < broker.diary.index("commit")
    assert routed(registry) == 1


async def test_what_was_decided_to_be_committed_is_committed_everywhere_and_not_routed_again() -> None:
    """Two records were routed; the broker lost every marker of that, and of the offset."""
    broker = Broker([record(0), record(1, report="b"), record(2, report="c")])
    broker.commit_decided = True
    broker.stuck, broker.ours = {SEEN, QUEUE}, {QUEUE: 0}
    broker.hidden = list(
        encode([(b"189234123:1", 0), (b"b:1", 0)], {"referral.queue.nl.routine.v1": 2}, 2, 1_795_000_000)
    )
    registry = await lived(broker)
    assert "abort" not in broker.diary
    assert routed(registry) == 1
    assert broker.committed == 3
    assert not broker.stuck


async def test_an_offset_that_lags_behind_the_seen_log_is_rolled_forward() -> None:
    """The marker of the offset is lost, or the group's offsets have expired."""
    broker = Broker([record(0), record(1, report="b")])
    broker.seen = list(encode([(b"189234123:1", 0)], {}, 1, 1_795_000_000))
    broker.stuck, broker.ours = {QUEUE}, {QUEUE: 0}
    registry = await lived(broker)
    assert routed(registry) == 1
    assert broker.committed == 2
    assert broker.closed == {QUEUE: "commit"}
    assert not broker.stuck


async def test_rolling_forward_commits_nothing_that_is_routed_again() -> None:
    broker = Broker([record(0), record(1, report="b")])
    broker.seen = list(encode([(b"189234123:1", 0)], {}, 1, 1_795_000_000))
    broker.stuck, broker.ours = {QUEUE}, {QUEUE: 1}
    await lived(broker)
    assert broker.closed == {QUEUE: "abort"}


@pytest.mark.parametrize(("offset", "how"), [(0, "commit"), (1, "abort"), (2, "abort"), (None, "abort")])
@pytest.mark.parametrize("commit_decided", [False, True])
async def test_a_piece_in_a_queue_alone_is_closed_as_its_record_says(
    offset: int | None, how: str, commit_decided: bool
) -> None:
    """Seen-log and offset agree on 1: nothing but the queue has a trace of it. The coordinator may tell of another."""
    broker = Broker([record(0), record(1, report="b")])
    broker.committed, broker.commit_decided = 1, commit_decided
    broker.seen = list(encode([(b"189234123:1", 0)], {}, 1, 1_795_000_000))
    broker.stuck, broker.ours = {QUEUE}, {QUEUE: offset}
    registry = await lived(broker)
    assert broker.closed == {QUEUE: how}
    assert routed(registry) == 1


async def test_what_was_committed_before_is_not_aborted_with_what_was_not() -> None:
    """Open: a transaction that was never decided, and a piece of one that was."""
    broker = Broker([record(0), record(1, report="b")])
    broker.committed = 1
    broker.seen = list(encode([(b"189234123:1", 0)], {}, 1, 1_795_000_000))
    broker.hidden = list(encode([(b"b:1", 0)], {}, 2, 1_795_000_000))
    broker.stuck, broker.ours = {SEEN, QUEUE}, {SEEN: None, QUEUE: 0}
    registry = await lived(broker)
    assert broker.closed == {SEEN: "abort", QUEUE: "commit"}
    assert routed(registry) == 1


async def test_what_others_left_open_is_theirs_to_close() -> None:
    broker = Broker([record(0)])
    broker.stuck = {QUEUE}
    registry = await lived(broker)
    assert routed(registry) == 1
    assert broker.diary.count("begin") == 1
    assert broker.stuck == {QUEUE}


async def test_an_offset_beyond_the_seen_log_is_not_believed() -> None:
    """Somebody moved it by hand: from there, referrals would be lost."""
    broker = Broker([record(0), record(1)])
    broker.seen = list(encode([(b"189234123:1", 0)], {}, 1, 1_795_000_000))
    answers = [2, 2, 1]

    async def answer(_: TopicPartition) -> int | None:
        broker.committed = answers.pop(0) if answers else broker.committed
        return broker.committed

    broker.read_committed_offset = answer  # type: ignore[method-assign]
    await lived(broker)
    assert broker.diary.count("fence") == 3
    assert broker.diary.count("begin") == 1


async def test_a_stop_ends_the_loop_and_leaves_no_client_behind() -> None:
    broker = Broker([record(0)])
    await lived(broker)
    assert broker.diary.count("discard producer") == broker.diary.count("discard reader") == broker.diary.count("fence")


@pytest.mark.parametrize(("enough", "transactions"), [(1, 3), (4, 2), (1000, 1)])
async def test_a_transaction_takes_what_is_there_until_it_is_enough(enough: int, transactions: int) -> None:
    """Two records come with each poll."""
    broker = Broker([record(offset, report=f"r-{offset}") for offset in range(6)])
    registry = await lived(broker, enough)
    assert broker.diary.count("commit") == transactions
    assert routed(registry) == 6


async def test_what_can_be_read_already_is_waited_for() -> None:
    """A fetch takes its time; a transaction for each would cost every queue a batch."""
    broker = Broker([record(offset, report=f"r-{offset}") for offset in range(6)])
    broker.answers_after_ms = 10
    await lived(broker)
    assert broker.diary.count("commit") == 1


async def test_a_transaction_takes_no_more_when_it_has_written_enough_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENOUGH_BYTES", 1)
    broker = Broker([record(offset, report=f"r-{offset}") for offset in range(6)])
    await lived(broker)
    assert broker.diary.count("commit") == 3
