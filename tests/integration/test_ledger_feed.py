"""The process that reads for a ledger: what it passes on, and what its ledger sees when it is killed or stands."""

import array
import fcntl
import itertools
import os
import signal
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from confluent_kafka import Producer

from policy.configuration import load
from schemas import topics
from services.ledger import feed as feeding
from services.ledger.feed import Feed, FeedFailed
from services.ledger.inputs import directory, inputs
from services.ledger.intake import Read
from services.ledger.known import Placed
from services.ledger.values import FaultKind
from services.runtime.cluster import Cluster, Place
from services.runtime.kafka import librdkafka_options
from services.runtime.settings import KafkaSettings
from tests.integration.conftest import DEPLOY
from tests.integration.test_router import Client
from tests.notices.processes import wait_until
from tests.processes import reader_of
from tests.samples import as_json

PATIENCE_S = 60
DESK = "se"
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def client(kafka: KafkaSettings) -> Client:
    return Client(kafka.bootstrap_servers)


@pytest.fixture
def feed(kafka: KafkaSettings) -> Iterator[Feed]:
    configuration = load(DEPLOY)
    found = Feed(kafka, inputs(configuration, frozenset({DESK}), frozenset()), directory(configuration))
    with closing(found):
        yield found


def say(client: Client) -> tuple[str, int]:
    """A look at a report that nobody has seen; the report, and the offset of the event."""
    report = f"feed-{next(numbers)}"
    event = {"partner": "ncmec", "report": report, "desk": DESK, "event": "looked", "role": "analyst"}
    _, offset = client.send(report.encode(), as_json({**event, "at": "2026-11-18T18:06:40Z"}), topics.status(DESK))
    return report, offset


def place_of(kafka: KafkaSettings) -> Place:
    """The one partition of the desk's status topic."""
    (found,) = Cluster(kafka).partitions([topics.status(DESK)])
    return found


def until(feed: Feed, enough: Callable[[list[Read]], bool], at_most: int = 100) -> list[Read]:
    """What it gives, until that is enough."""
    found: list[Read] = []
    deadline = time.monotonic() + PATIENCE_S
    while not enough(found):
        assert time.monotonic() < deadline, found
        found.append(feed.take(at_most))
        feed.past(found[-1].positions)
    return found


def reports(found: list[Read]) -> list[str]:
    return [value.reported.report for one in found for value in one.values if isinstance(value, Placed)]


def test_each_topic_comes_in_order_however_it_is_cut(client: Client, kafka: KafkaSettings, feed: Feed) -> None:
    place = place_of(kafka)
    said = [say(client) for _ in range(5)]
    first = said[0][1]
    feed.start([place], {place: first})
    found = until(feed, lambda found: len(reports(found)) >= 5, at_most=1)
    assert reports(found) == [report for report, _ in said]
    assert [value.place for one in found for value in one.values if isinstance(value, Placed)] == [
        offset for _, offset in said
    ]
    assert max(one.records for one in found) <= 2  # the first that came, and one more
    assert feed.reached[place] >= said[-1][1] + 1


def test_what_says_nothing_is_a_fault_of_its_topic(client: Client, kafka: KafkaSettings, feed: Feed) -> None:
    place = place_of(kafka)
    _, offset = client.send(b"x", b"no json", topics.status(DESK))
    feed.start([place], {place: offset})
    found = until(feed, lambda found: any(one.records for one in found))
    assert [one.faults for one in found if one.faults] == [[(topics.status(DESK), FaultKind.UNREADABLE)]]
    assert feed.reached[place] == offset + 1


def test_a_partition_without_a_position_is_read_from_its_beginning_and_one_with_only_from_there(
    client: Client, kafka: KafkaSettings, feed: Feed
) -> None:
    place = place_of(kafka)
    report, _ = say(client)
    feed.start([place], {})
    feed.start([place], {place: 10**6})  # it is read already
    assert reports(until(feed, lambda found: report in reports(found)))[0] != report


def test_an_end_behind_a_marker_is_met_though_there_is_no_record(kafka: KafkaSettings, feed: Feed) -> None:
    place = place_of(kafka)
    (end,) = Cluster(kafka).ends([place]).values()
    producer = Producer({**librdkafka_options(kafka), "transactional.id": "feed", "log_level": 0})
    producer.init_transactions(PATIENCE_S)
    producer.begin_transaction()
    producer.produce(place[0], b"taken back")
    producer.flush(PATIENCE_S)
    producer.abort_transaction(PATIENCE_S)
    feed.start([place], {place: end})
    found = until(feed, lambda found: feed.reached[place] >= end + 2)
    assert sum(one.records for one in found) == 0


def test_a_process_that_is_killed_ends_the_session(feed: Feed) -> None:
    feed.take(1)
    os.kill(reader_of(os.getpid()), signal.SIGKILL)
    with pytest.raises(FeedFailed):
        until(feed, lambda _: False)


def test_one_that_stands_still_does_not_hold_up_the_session_and_is_given_up_in_the_end(
    client: Client, kafka: KafkaSettings, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = place_of(kafka)
    _, offset = say(client)
    feed.start([place], {place: offset})
    until(feed, lambda found: len(reports(found)) == 1)
    monkeypatch.setattr(feeding, "WAIT_S", 0.01)
    os.kill(reader_of(os.getpid()), signal.SIGSTOP)
    report, _ = say(client)
    still = until(feed, lambda found: len(found) >= 50)
    assert report not in reports(still[-10:])
    os.kill(reader_of(os.getpid()), signal.SIGCONT)
    until(feed, lambda found: report in reports(found))
    os.kill(reader_of(os.getpid()), signal.SIGSTOP)
    monkeypatch.setattr(feeding, "SILENT_S", 0.0)
    with pytest.raises(FeedFailed):
        until(feed, lambda _: False)
    assert not feed.alive


def test_one_that_stands_still_in_the_middle_of_an_answer_is_given_up_too(
    client: Client, kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "PIPE_BYTES", 65_536)  # a quarter of what is there to be said
    place = place_of(kafka)
    _, offset = say(client)
    producer = Producer({**librdkafka_options(kafka), "log_level": 0})
    event = {"partner": "ncmec", "desk": DESK, "event": "looked", "role": "analyst", "at": "2026-11-18T18:06:40Z"}
    for number in range(1000):
        producer.produce(place[0], as_json({**event, "report": f"many-{number}"}))
    producer.flush(PATIENCE_S)
    configuration = load(DEPLOY)
    feed = Feed(kafka, inputs(configuration, frozenset({DESK}), frozenset()), directory(configuration))
    with closing(feed):
        feed.start([place], {place: offset})
        until(feed, lambda found: bool(reports(found)), at_most=1)
        feed.take(1000)  # the next answer holds all the others
        assert wait_until(lambda: waiting(feed) > feeding.PIPE_BYTES // 2, PATIENCE_S)
        os.kill(reader_of(os.getpid()), signal.SIGSTOP)
        monkeypatch.setattr(feeding, "SILENT_S", 1.0)
        with pytest.raises(FeedFailed):
            until(feed, lambda _: False)


def waiting(feed: Feed) -> int:
    """Bytes of an answer that are there and not taken."""
    found = array.array("i", [0])
    fcntl.ioctl(feed._answers.fileno(), termios.FIONREAD, found)
    return found[0]


def test_it_is_gone_with_whoever_asks_it(kafka: KafkaSettings) -> None:
    configuration = load(DEPLOY)
    feed = Feed(kafka, inputs(configuration, frozenset({DESK}), frozenset()), directory(configuration))
    feed.take(1)
    pid = reader_of(os.getpid())
    feed.close()
    assert not Path(f"/proc/{pid}").exists()
