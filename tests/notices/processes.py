"""The sink as a process and its log; a broker's topic of notices, filled."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from confluent_kafka import Producer

from policy.configuration import load as load_configuration
from policy.topics import topic_plan
from schemas import topics
from schemas.notices import Notice
from schemas.records import serialise
from services.console.provision import provision
from services.runtime.child import Child
from services.runtime.exits import CannotRun
from services.runtime.kafka import librdkafka_options
from services.runtime.settings import KafkaSettings
from tests.notices.account import Request, requests

FLUSH_S: Final = 60.0
_START_S: Final = 20.0


class Sink:
    """A running sink: where it listens, and what it wrote down so far."""

    def __init__(self, directory: Path, fail: float, seed: int) -> None:
        self._log = directory / "sink.jsonl"
        self._log.touch()
        self._output = directory / "sink.out"
        with self._output.open("wb") as output:
            program = [sys.executable, "-m", "tests.notices.sink", str(self._log), str(fail), str(seed)]
            self._child = Child(program, output=output)
        self._read_to = 0
        self._requests: list[Request] = []

    def url(self) -> str | None:
        """Without a path; None until it listens."""
        said = self._output.read_text()
        return f"http://127.0.0.1:{json.loads(said)['listening']}" if said.endswith("\n") else None

    def look(self) -> list[Request]:
        """Every request so far, in order."""
        with self._log.open("rb") as file:
            file.seek(self._read_to)
            found = file.read()
        found = found[: found.rfind(b"\n") + 1]
        self._read_to += len(found)
        self._requests += requests(map(json.loads, found.splitlines()))
        return self._requests

    def end(self) -> None:
        """SIGTERM."""
        self._child.end(5.0)


@contextmanager
def sink(directory: Path, fail: float, seed: int) -> Iterator[tuple[Sink, str]]:
    """A sink and its URL, until the block ends."""
    made = Sink(directory, fail, seed)
    try:
        if not wait_until(lambda: made.url() is not None, _START_S):
            raise CannotRun("the sink did not begin to listen")
        url = made.url()
        assert url is not None  # it was there
        yield made, url
    finally:
        made.end()


def provision_notices(kafka: KafkaSettings, directory: Path) -> None:
    """The one topic that a notifier reads."""
    plan = topic_plan(load_configuration(directory))
    provision(kafka, [spec for spec in plan if spec.name == topics.NOTICE], dry_run=False)


def publish(kafka: KafkaSettings, notices: Iterable[Notice], pace: Callable[[int], None] = lambda _: None) -> None:
    """All of them, in their order. `pace`: called with each one's place before it is sent."""
    producer = Producer({**librdkafka_options(kafka), "linger.ms": 5, "enable.idempotence": "true"})
    for place, notice in enumerate(notices):
        pace(place)
        while True:
            try:
                producer.produce(topics.NOTICE, serialise(notice), notice.desk)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    if producer.flush(FLUSH_S):
        raise CannotRun("the broker did not acknowledge the notices")


def wait_until(condition: Callable[[], bool], patience_s: float, every_s: float = 0.05) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True
