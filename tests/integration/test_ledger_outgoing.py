"""What the outbox holds goes out once it is acknowledged, and a topic that refuses holds up no other."""

import time
from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest
from sqlalchemy import Engine, select

from services.ledger import outgoing, store, tables
from services.ledger.database import connect, migrate, take_lease, writing
from services.ledger.outgoing import SENT, TRIED, Outgoing
from services.ledger.publisher import Publisher
from services.ledger.saying import Message

GONE, NOTICE = "referral.outcome.gone.v1", "referral.notice.v1"


class Broker:
    """Takes what is for topics that it has, and refuses the rest; `answers`: whether it says so."""

    def __init__(self, refused: set[str]) -> None:
        self.refused, self.answers = refused, True
        self.sent: list[str] = []
        self.taken: list[str] = []

    def producer(self) -> Publisher:
        return cast(Publisher, _Producer(self))

    def of(self, topic: str) -> int:
        return sum(identity.startswith(topic) for identity in self.taken)


class _Producer:
    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._rows: list[tuple[int, Message]] = []

    def send(self, rows: Sequence[tuple[int, Message]]) -> None:
        self._rows = list(rows)
        self._broker.sent += [said.identity for _, said in rows]

    def answer(self, _wait_s: float = 0.0) -> list[int] | None:
        if not self._broker.answers:
            return None
        rows, self._rows = self._rows, []
        taken = [(number, said) for number, said in rows if said.topic not in self._broker.refused]
        self._broker.taken += [said.identity for _, said in taken]
        return [number for number, _ in taken]


class Ledger:
    """An outbox, and who sends what it holds."""

    def __init__(self, engine: Engine, *refused: str) -> None:
        self.engine = engine
        held = take_lease(engine, "one", int(time.time() * 1000))
        assert held is not None
        self.epoch = held.epoch
        self.broker = Broker(set(refused))
        self.outgoing = Outgoing(engine, self.epoch, self.broker.producer(), self.broker.producer())

    def say(self, topic: str, number: int = 1) -> None:
        said = [Message(topic, "key", f"{topic}-{place}", "", 1, b"{}") for place in range(number)]
        with writing(self.engine, self.epoch, int(time.time() * 1000)) as connection:
            store.save_messages(connection, said)
        self.outgoing.expect(said)

    def turn(self, times: int = 6) -> None:
        for _ in range(times):
            self.outgoing.turn()

    @property
    def left(self) -> list[str]:
        with self.engine.connect() as connection:
            return list(connection.scalars(select(tables.outbox.c.topic)))


@pytest.fixture
def engine(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    made = connect(database_url)
    migrate(made)
    monkeypatch.setattr(outgoing, "PAUSE_S", 0.0)
    monkeypatch.setattr(outgoing, "TRY_S", 0.0)
    yield made
    made.dispose()


def test_what_is_acknowledged_is_gone_and_was_sent_once(engine: Engine) -> None:
    ledger = Ledger(engine)
    ledger.say(NOTICE, 3)
    ledger.turn()
    ledger.say(NOTICE)
    ledger.turn()
    assert ledger.left == []
    assert len(ledger.broker.sent) == 4


def test_nothing_is_sent_again_while_its_answer_is_awaited(engine: Engine) -> None:
    ledger = Ledger(engine)
    ledger.broker.answers = False
    ledger.say(NOTICE)
    ledger.turn()
    assert (len(ledger.broker.sent), ledger.left) == (1, [NOTICE])
    ledger.broker.answers = True
    ledger.turn()
    assert (len(ledger.broker.sent), ledger.left) == (1, [])


def test_a_topic_that_refuses_whatever_waits_for_it_holds_up_no_other(engine: Engine) -> None:
    ledger = Ledger(engine, GONE)
    ledger.say(GONE, SENT)
    ledger.say(NOTICE)
    ledger.turn()
    assert ledger.broker.of(NOTICE) == 1
    assert set(ledger.left) == {GONE}
    ledger.say(NOTICE)
    ledger.say(GONE)
    ledger.say(NOTICE)
    ledger.turn()
    assert ledger.broker.of(NOTICE) == 3
    assert ledger.left == [GONE] * (SENT + 1)


def test_a_topic_that_takes_again_gets_all_that_waited(engine: Engine) -> None:
    ledger = Ledger(engine, GONE)
    ledger.say(GONE, 3 * TRIED)
    ledger.turn()
    ledger.say(NOTICE)
    ledger.turn()
    ledger.broker.refused.clear()
    ledger.turn()
    assert ledger.left == []
    assert ledger.broker.of(GONE) == 3 * TRIED


def test_a_session_that_begins_anew_finds_what_was_refused_before(engine: Engine) -> None:
    before = Ledger(engine, GONE)
    before.say(GONE)
    before.turn()
    made: Any = before.broker
    made.refused.clear()
    after = Outgoing(engine, before.epoch, made.producer(), made.producer())
    for _ in range(4):
        after.turn()
    assert before.left == []
