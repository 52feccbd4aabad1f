"""The deliverer on both databases, with senders that do as they are told: paces, retries, endpoints that are gone."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from policy.notify import Notify, Rung
from services.notifier import claims, deliverer, store
from services.notifier.database import Database
from services.notifier.deliverer import Deliverer
from services.notifier.figures import Figures
from services.notifier.ladders import Ladders
from services.notifier.pace import DEAD_AFTER, FIRST, MOST
from services.notifier.presence import Presence, is_dead
from services.notifier.retry import SCHEDULE_S
from services.notifier.sending.codes import Failure
from services.notifier.tables import deliveries
from services.notifier.verdict import Delivered, Gone, Outgoing, Refused, Retry, Verdict
from services.notifier.whom import Endpoint, Whom
from tests.notifier_world import NOW_MS, TOKENS, Recorder, hook, notice

AT_ONCE = Rung(0, ("duty",))
PATIENCE_S = 60.0


def desk(url: str = "duty") -> Notify:
    return Notify(
        {"duty": hook(url) if url == "duty" else hook(url).__class__("duty", url, Path("secret"))}, (AT_ONCE,)
    )


async def nothing() -> None:
    """Instead of a turn."""


class World:
    """Desks a and b, each with one channel, one sender for both."""

    def __init__(self, database: Database, recorder: Recorder, whom: Whom) -> None:
        self.database, self.recorder, self.whom = database, recorder, whom
        self.figures = Figures()
        self.ladders = Ladders(whom, TOKENS)
        self.deliverer = Deliverer(database, whom, {"webhook": recorder}, self.figures, secrets.token_hex(4))

    def put(self, desk: str, number: int = 1) -> None:
        """So many groups of a desk, told now."""
        with self.database.transaction() as connection:
            made = [
                replace(notice(1, desk=desk), group=f"{desk}/all/target_missed/{place}", lane=None)
                for place in range(number)
            ]
            effects = self.ladders.take(connection, made, NOW_MS)
        self.deliverer.wake(effects.woken)

    def states(self, desk: str) -> list[str]:
        with self.database.reading() as connection:
            return list(connection.scalars(select(deliveries.c.state).where(deliveries.c.desk == desk)))

    def idle(self) -> bool:
        """Nothing is under way, and what came of it is stored."""
        with self.database.reading() as connection:
            return not list(connection.execute(select(deliveries).where(deliveries.c.claimed_until_ms > 0)))

    def make_due(self) -> None:
        """What waits for its next try need not any longer."""
        with self.database.transaction() as connection:
            connection.execute(update(deliveries).values(due_ms=1))
        for pace in self.deliverer._paces.values():
            pace.not_before_ms = 0
        self.deliverer.look()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110 - the condition is in a database
                await asyncio.sleep(0.005)


@asynccontextmanager
async def running(
    database: Database, verdict: Callable[[Outgoing], Verdict] = lambda _: Delivered(), whom: Whom | None = None
) -> AsyncIterator[World]:
    world = World(database, Recorder(verdict), whom or Whom({"a": desk(), "b": desk()}))
    stop = asyncio.Event()
    task = asyncio.create_task(world.deliverer.run(stop))
    try:
        yield world
    finally:
        for gate in world.recorder.hold.values():
            gate.set()
        stop.set()
        await task


async def test_what_is_put_into_the_outbox_goes_out_once(database: Database) -> None:
    async with running(database) as world:
        world.put("a", 40)
        await world.until(lambda: world.states("a") == ["delivered"] * 40)
        assert len(world.recorder.sent) == 40
        assert len({each.id for each in world.recorder.sent}) == 40
        assert world.figures.deliveries[Endpoint("a", "duty"), "delivered"] == 40


async def test_each_try_bears_the_same_id_and_the_same_bytes(database: Database) -> None:
    answers: Iterator[Verdict] = iter([Retry("timeout"), Refused("http_4xx"), Delivered()])
    async with running(database, lambda _: next(answers)) as world:
        world.put("a")
        for tries in (1, 2, 3):
            await world.until(lambda tries=tries: len(world.recorder.sent) == tries)  # type: ignore[misc]
            await world.until(world.idle)
            world.make_due()
        await world.until(lambda: world.states("a") == ["delivered"])
        assert len({(each.id, each.body) for each in world.recorder.sent}) == 1
        counted = world.figures.deliveries
        assert [counted[Endpoint("a", "duty"), result] for result in ("retry", "refused", "delivered")] == [1, 1, 1]


async def test_an_endpoint_that_answers_nothing_delays_no_other(database: Database) -> None:
    whom = Whom({"a": Notify({"slow": hook("slow")}, (Rung(0, ("slow",)),)), "b": desk()})
    async with running(database, whom=whom) as world:
        world.recorder.hold["slow"] = asyncio.Event()
        world.put("a", 50)
        world.put("b", 50)
        await world.until(lambda: world.states("b") == ["delivered"] * 50)
        assert len([each for each in world.recorder.sent if each.desk == "a"]) == FIRST
        world.recorder.hold["slow"].set()
        await world.until(lambda: world.states("a") == ["delivered"] * 50)


async def test_where_there_is_not_enough_for_all_who_waited_longest_comes_first(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliverer, "AT_ONCE", 3)
    made = World(database, Recorder(), Whom({"a": desk(), "b": desk()})).deliverer
    made._paces[Endpoint("a", "duty")].expect(20)
    made._paces[Endpoint("b", "duty")].expect(10)
    assert made._free(30) == {Endpoint("b", "duty"): FIRST, Endpoint("a", "duty"): 3 - FIRST}


async def test_a_dead_endpoint_gets_one_probe_at_a_time_and_all_when_it_is_back(database: Database) -> None:
    dead = True
    async with running(database, lambda _: Retry("refused") if dead else Delivered()) as world:
        world.put("a", 30)
        pace = world.deliverer._paces[Endpoint("a", "duty")]
        await world.until(lambda: pace.failures >= DEAD_AFTER and world.idle())
        tried = len(world.recorder.sent)
        assert tried <= MOST
        dead = False
        pace.not_before_ms = 0
        world.make_due()
        await world.until(lambda: world.states("a") == ["delivered"] * 30)
        assert not pace.dead


async def test_a_mailbox_that_is_refused_slows_no_other_of_its_channel(database: Database) -> None:
    refused = Refused(Failure.RECIPIENT_REFUSED)
    async with running(database, lambda _: refused) as world:
        world.put("a", 2 * MOST)
        await world.until(lambda: world.figures.deliveries[Endpoint("a", "duty"), "refused"] >= 2 * MOST)
        await world.until(world.idle)
        with database.transaction() as connection:
            connection.execute(update(deliveries).values(tries=len(SCHEDULE_S), made_ms=0))
        world.make_due()
        await world.until(lambda: world.states("a") == ["failed"] * 2 * MOST)
        assert world.deliverer._paces[Endpoint("a", "duty")].failures == 0


async def test_a_mail_server_that_is_back_has_an_endpoint_taken_up_though_it_refuses_a_mailbox(
    database: Database,
) -> None:
    away = True
    async with running(database, lambda _: Retry("refused") if away else Refused(Failure.RECIPIENT_REFUSED)) as world:
        world.put("a", 30)
        pace = world.deliverer._paces[Endpoint("a", "duty")]
        await world.until(lambda: pace.dead and world.idle())
        away = False
        world.make_due()
        await world.until(lambda: world.figures.deliveries[Endpoint("a", "duty"), "refused"] >= 30)
        assert not pace.dead


async def test_an_endpoint_that_is_gone_gets_nothing_until_its_address_changes(database: Database) -> None:
    async with running(database, lambda _: Gone("http_410")) as world:
        world.put("a")
        await world.until(lambda: world.figures.deliveries[Endpoint("a", "duty"), "gone"] == 1)
        await world.until(world.idle)
        world.put("a", 20)
        world.make_due()
        await world.until(lambda: world.figures.disabled == {Endpoint("a", "duty")})
        assert len(world.recorder.sent) <= FIRST
    async with running(database) as again:
        await again.until(lambda: again.figures.disabled == {Endpoint("a", "duty")})
        assert again.recorder.sent == []
    async with running(database, whom=Whom({"a": desk("https://elsewhere.example")})) as moved:
        await moved.until(lambda: set(moved.states("a")) == {"delivered"})


async def test_an_endpoint_that_is_enabled_again_gets_what_waits(database: Database) -> None:
    gone = True
    async with running(database, lambda _: Gone("http_410") if gone else Delivered()) as world:
        world.put("a")
        await world.until(lambda: world.figures.deliveries[Endpoint("a", "duty"), "gone"] == 1)
        await world.until(world.idle)
        gone = False
        with database.transaction() as connection:
            assert store.enable(connection, Endpoint("a", "duty"))
        world.deliverer.look()
        await world.until(lambda: world.states("a") == ["delivered"])


async def test_a_sender_with_a_fault_stops_no_other(database: Database) -> None:
    def verdict(outgoing: Outgoing) -> Verdict:
        if outgoing.desk == "a":
            raise ZeroDivisionError
        return Delivered()

    async with running(database, verdict) as world:
        world.put("a")
        world.put("b")
        await world.until(lambda: world.states("b") == ["delivered"])
        await world.until(lambda: world.figures.deliveries[Endpoint("a", "duty"), "retry"] == 1)


async def test_what_a_killed_one_had_claimed_goes_out_with_the_same_id(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "CLAIM_MS", 500)  # what another claimed is waited for where there may be another
    monkeypatch.setattr(deliverer, "LOOK_S", 0.1)
    async with running(database) as world:
        world.recorder.hold["duty"] = asyncio.Event()
        world.put("a")
        await world.until(lambda: len(world.recorder.sent) == 1)
        (first,) = world.recorder.sent
        monkeypatch.setattr(world.deliverer, "_free", lambda _now_ms: {})  # it takes up nothing any more: it is dead
        async with running(database) as other:  # it begins as one does that was killed
            await other.until(lambda: len(other.recorder.sent) == 1)
            assert (other.recorder.sent[0].id, other.recorder.sent[0].body) == (first.id, first.body)


async def test_what_one_had_claimed_that_is_gone_is_not_waited_for(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.alone:
        pytest.skip("SQLite has one notifier")
    monkeypatch.setattr(claims, "CLAIM_MS", 10**9)
    monkeypatch.setattr(deliverer, "LOOK_S", 0.1)
    async with running(database) as world:
        world.recorder.hold["duty"] = asyncio.Event()
        world.put("a")
        await world.until(lambda: len(world.recorder.sent) == 1)
        (first,) = world.recorder.sent
        async with running(database) as other:
            other.put("b")
            await other.until(lambda: len(other.recorder.sent) + len(world.recorder.sent) == 2)
            assert first.id not in {sent.id for sent in other.recorder.sent}, "it lives"
            monkeypatch.setattr(world.deliverer, "_turn", nothing)  # it comes to nothing any more: it is dead
            world.deliverer._woken.set()  # out of the turn that it may be in, in which it might speak
            await world.until(lambda: not world.deliverer._woken.is_set())
            world.deliverer._presence.end()
            await other.until(lambda: (first.id, first.body) in [(sent.id, sent.body) for sent in other.recorder.sent])


async def test_a_notifier_is_known_to_live_for_as_long_as_its_connection_does(database: Database) -> None:
    if database.alone:
        pytest.skip("SQLite has one notifier")
    one, two = Presence(database, "one"), Presence(database, "two")

    def dead() -> list[str]:
        with database.transaction() as connection:
            return [name for name in ("one", "two") if is_dead(connection, name)]

    one.show()
    assert dead() == ["two"]
    two.show()
    two.show()
    assert dead() == []
    two.end()
    assert dead() == ["two"]
    with database.transaction() as connection:  # as a server does that begins anew
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        )
    with pytest.raises(SQLAlchemyError):
        one.show()
    one.show()
    assert dead() == ["two"]
    one.end()


async def test_what_the_configuration_knows_no_more_is_dropped(database: Database) -> None:
    async with running(database, lambda _: Retry("timeout")) as world:
        world.put("a")
        await world.until(lambda: len(world.recorder.sent) == 1)
    async with running(database, whom=Whom({"b": desk()})) as other:
        other.put("b")
        await other.until(lambda: other.states("b") == ["delivered"])
        assert other.states("a") == ["pending"], "another may know it who keeps the ladders"
        other.figures.active = True
        other.deliverer.look()
        await other.until(lambda: other.states("a") == ["dropped"])


async def test_what_waits_goes_out_when_a_new_process_finds_the_endpoint_well(database: Database) -> None:
    async with running(database, lambda _: Retry("timeout")) as world:
        world.put("a", 3)
        await world.until(lambda: len(world.recorder.sent) >= 3)
        await world.until(world.idle)
    async with running(database) as other:
        with database.transaction() as connection:
            connection.execute(update(deliveries).values(due_ms=NOW_MS * 2))
        other.put("a", 4)
        await other.until(lambda: other.states("a") == ["delivered"] * 4)


async def test_two_that_deliver_at_once_share_the_work_and_send_nothing_twice(database: Database) -> None:
    if database.alone:
        pytest.skip("SQLite has one notifier")
    async with running(database) as one, running(database) as two:
        one.put("a", 60)
        two.put("b", 60)
        await one.until(lambda: one.states("a") == ["delivered"] * 60 and one.states("b") == ["delivered"] * 60)
        sent = [each.id for each in (*one.recorder.sent, *two.recorder.sent)]
        assert len(sent) == len(set(sent)) == 120
