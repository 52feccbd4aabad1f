"""What the notifier stores, on both databases: groups, the outbox, claims; and that ladders are carried out there."""

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from msgspec.structs import replace
from sqlalchemy import Engine, event, select

from policy.notify import Notify, Rung
from schemas.codes import Lane, NoticeType
from schemas.message import Message
from services.notifier import claims, outbox, store
from services.notifier.claims import Claimed, Settled
from services.notifier.database import SERVICE, Database
from services.notifier.ladder import Answer
from services.notifier.ladders import Effects, Ladders
from services.notifier.notice import NoticedReport
from services.notifier.retry import Again, Disabled, Done, GivenUp
from services.notifier.tables import VERSION_TABLE, deliveries, metadata
from services.notifier.whom import Endpoint
from services.runtime.database import Deposed, connect, held_alone, migrate
from services.runtime.exits import CannotRun
from tests.notifier_world import NOW_MS, TOKENS, notice, notify, whom

DUTY, CHIEF = Endpoint("nl", "duty"), Endpoint("nl", "chief")
MINUTE_MS = 60_000


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = connect(database_url)
    migrate(made, SERVICE)
    yield made
    made.dispose()


@pytest.fixture
def database(engine: Engine) -> Database:
    return Database(engine)


class Desk:
    """One desk's ladders on a database, with a clock that is set."""

    def __init__(self, database: Database, told: Notify | None = None) -> None:
        self.database = database
        self.ladders = Ladders(whom(nl=told or notify()), TOKENS)
        self.now_ms = NOW_MS

    def take(self, *notices: object) -> Effects:
        with self.database.transaction() as connection:
            return self.ladders.take(connection, notices, self.now_ms)  # type: ignore[arg-type]

    def tick(self, minutes: float = 0) -> Effects:
        self.now_ms += int(minutes * MINUTE_MS)
        with self.database.transaction() as connection:
            return self.ladders.tick(connection, 100, self.now_ms)

    def answer(self, through: int | None = None, group: str = "nl/routine/target_missed") -> Answer | None:
        with self.database.transaction() as connection:
            came = self.ladders.answer(connection, group, through, self.now_ms)
        return None if came is None else came[0]

    def claim(self, holder: str = "one", **free: int) -> list[Claimed]:
        asked = {Endpoint("nl", name): number for name, number in free.items()} or {DUTY: 9, CHIEF: 9}
        with self.database.transaction() as connection:
            return claims.claim(connection, asked, holder, self.now_ms)

    def settle(self, claimed: Claimed, decision: object, holder: str = "one") -> None:
        with self.database.transaction() as connection:
            claims.settle(connection, [Settled(claimed, decision)], holder, self.now_ms)  # type: ignore[arg-type]

    def deliver(self) -> list[tuple[str, Message]]:
        """All that is due, taken; channel and message."""
        found = self.claim()
        for each in found:
            self.settle(each, Done())
        return [(each.endpoint.channel, Message.model_validate_json(each.body)) for each in found]

    def states(self) -> dict[str, str]:
        with self.database.reading() as connection:
            return {row.channel: row.state for row in connection.execute(select(deliveries))}


def test_the_migrations_make_the_tables_of_the_code(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


def test_the_ledgers_tables_lie_beside_them(engine: Engine) -> None:
    migrate(engine, "ledger")
    migrate(engine, SERVICE)
    migrate(engine, "ledger")


def test_a_group_that_was_stored_is_the_group_that_is_loaded(database: Database) -> None:
    desk = Desk(database)
    desk.take(notice(1))
    desk.tick(1)
    with database.transaction() as connection:
        kept = store.load_groups(connection, ["nl/routine/target_missed", "nl/urgent/target_missed"])
        store.save_groups(connection, kept.values())
        assert store.load_groups(connection, kept) == kept
    (group,) = (each.group for each in kept.values())
    assert (group.newest, group.addressed, group.steps) == (notice(1), ("duty",), 1)


def test_a_burst_is_one_message_then_one_update_a_minute_then_one_end(database: Database) -> None:
    desk = Desk(database)
    for start in range(1, 10_001, 1_000):
        desk.take(*(notice(sequence, count=sequence) for sequence in range(start, start + 1_000)))
    ((channel, first),) = desk.deliver()
    assert (channel, first.data.count, first.data.covers) == ("duty", 1_000, 1_000)
    desk.tick(0.5)
    assert desk.deliver() == []
    desk.tick(0.5)
    ((_, update),) = desk.deliver()
    assert (update.data.count, update.data.added, update.data.covers) == (10_000, 9_000, 10_000)
    assert update.data.sequence > first.data.sequence
    desk.take(notice(10_001, NoticeType.LOOKED))
    ((channel, end),) = desk.deliver()
    assert (channel, end.type, end.data.ends) == ("duty", "referral.notice.looked", NoticeType.TARGET_MISSED)
    desk.tick(60 * 24 * 3)
    assert desk.deliver() == []


def test_how_every_delivery_of_some_groups_stands_is_read_at_once(database: Database) -> None:
    desk = Desk(database)
    desk.take(notice(1))
    desk.deliver()
    desk.tick(10)
    with database.reading() as connection:
        assert outbox.read_states(connection, []) == {}
        group = "nl/routine/target_missed"
        stand = {(group, "duty"): outbox.DELIVERED, (group, "chief"): outbox.PENDING}
        assert outbox.read_states(connection, [group, "nl/urgent/target_missed"]) == stand


def test_the_ladder_goes_up_and_repeats_until_somebody_answers(database: Database) -> None:
    desk = Desk(database)
    assert desk.take(notice(1)).steps == {("nl", "1"): 1}
    assert [channel for channel, _ in desk.deliver()] == ["duty"]
    assert desk.tick(10).steps == {("nl", "2"): 1}
    assert [(channel, message.data.step) for channel, message in desk.deliver()] == [("chief", 2)]
    with database.reading() as connection:
        assert store.count_escalating(connection) == [("nl", False, 1)]
    assert desk.tick(24 * 60).steps == {("nl", "repeat"): 1}
    assert [channel for channel, _ in desk.deliver()] == ["chief"]
    with database.reading() as connection:
        assert store.count_escalating(connection) == [("nl", True, 1)]
    assert desk.answer() is Answer.TAKEN
    assert desk.answer() is Answer.BEFORE
    with database.reading() as connection:
        assert store.count_escalating(connection) == []
        assert store.next_due_ms(connection) is None


def test_an_end_goes_to_those_that_may_have_been_told_and_to_nobody_else(database: Database) -> None:
    desk = Desk(database)
    desk.take(notice(1))
    desk.deliver()
    desk.tick(10)  # the chief's message is in the outbox, and no try was made
    desk.take(notice(2, NoticeType.RESOLVED))
    assert [channel for channel, _ in desk.deliver()] == ["duty"]
    assert desk.states() == {"duty": "delivered", "chief": "dropped"}


def test_a_try_whose_answer_was_lost_counts_as_told(database: Database) -> None:
    desk = Desk(database)
    desk.take(notice(1))
    assert len(desk.claim()) == 1  # and killed
    desk.take(notice(2, NoticeType.LOOKED))
    assert [message.type for _, message in desk.deliver()] == ["referral.notice.looked"]


def test_an_end_of_what_nobody_was_told_or_knows_sends_nothing(database: Database) -> None:
    desk = Desk(database)
    desk.take(notice(1), notice(2, NoticeType.LOOKED))
    desk.take(notice(9, NoticeType.RESOLVED, lane=Lane.URGENT))
    assert desk.deliver() == []


def test_an_endpoint_that_was_not_told_of_the_end_is_not_forgotten_when_it_opens_again(database: Database) -> None:
    desk = Desk(database)
    desk.take(notice(1))
    desk.deliver()
    desk.take(notice(2, NoticeType.LOOKED))
    desk.take(notice(3))  # takes the place of the end
    desk.take(notice(4, NoticeType.LOOKED))
    assert [message.data.covers for _, message in desk.deliver()] == [4]


def test_an_answer_drops_what_need_not_be_said_any_more(database: Database) -> None:
    desk = Desk(database)
    desk.take(notice(1))
    assert desk.answer(1) is Answer.TAKEN
    assert desk.deliver() == []
    assert desk.answer(2) is Answer.AHEAD
    desk.take(notice(2, NoticeType.LOOKED))
    assert desk.answer() is Answer.OVER
    assert desk.answer(group="nl/urgent/target_missed") is None


def test_a_try_that_fails_after_the_answer_brings_nothing_back(database: Database) -> None:
    desk = Desk(database)
    desk.take(notice(1))
    with database.transaction() as connection:
        (mine,) = claims.claim(connection, {DUTY: 9}, "one", desk.now_ms)
        assert desk.ladders.answer(connection, mine.group, 1, desk.now_ms) == (Answer.TAKEN, 1)
        claims.settle(connection, [Settled(mine, Again(desk.now_ms, "timeout"))], "one", desk.now_ms)
        assert claims.claim(connection, {DUTY: 9}, "one", desk.now_ms + claims.CLAIM_MS) == []


def test_what_comes_after_an_answer_opens_the_ladder_anew(database: Database) -> None:
    desk = Desk(database)
    desk.take(notice(1))
    desk.deliver()
    desk.take(notice(2))
    assert desk.answer(1) is Answer.TAKEN
    desk.tick(1)
    assert [(channel, message.data.step) for channel, message in desk.deliver()] == [("duty", 1)]


def test_a_notice_that_comes_again_changes_nothing(database: Database) -> None:
    desk = Desk(database)
    desk.take(notice(5))
    desk.deliver()
    assert desk.take(notice(5), notice(4)).woken == set()
    desk.tick(5)
    assert desk.deliver() == []


def test_a_desk_for_which_nothing_is_configured_is_kept_and_told_when_it_is(database: Database) -> None:
    desk = Desk(database, Notify())
    desk.take(notice(1))
    with database.reading() as connection:
        assert [kept.group.key for kept in store.escalating(connection)] == ["nl/routine/target_missed"]
        assert store.next_due_ms(connection) is None
    configured = Desk(database)
    with database.transaction() as connection:
        configured.ladders.again(connection, NOW_MS)
    assert [channel for channel, _ in configured.deliver()] == ["duty"]


def test_report_numbers_are_told_only_where_they_are_asked_for(database: Database) -> None:
    with_numbers = replace(notice(1), reports=(NoticedReport("ncmec", "SECRET-1"),))
    desk = Desk(database)
    desk.take(with_numbers)
    ((_, message),) = desk.deliver()
    assert "SECRET-1" not in message.model_dump_json()
    desk = Desk(database, notify(report_numbers=True))
    desk.take(replace(with_numbers, group="nl/urgent/target_missed", lane=Lane.URGENT))
    ((_, message),) = desk.deliver()
    assert [found.report for found in message.data.reports] == ["SECRET-1"]


def test_a_claim_is_one_holders_until_it_ends(database: Database) -> None:
    desk = Desk(database)
    desk.take(notice(1))
    (mine,) = desk.claim("one")
    assert desk.claim("two") == []
    desk.now_ms += claims.CLAIM_MS
    (theirs,) = desk.claim("two")
    assert (theirs.body, theirs.number, theirs.tries) == (mine.body, mine.number, 1)
    desk.settle(mine, Done(), "one")  # too late: another has it
    assert desk.states() == {"duty": "pending"}
    desk.settle(theirs, Done(), "two")
    assert desk.states() == {"duty": "delivered"}


def test_two_claims_at_once_do_not_wait_for_each_other_and_share_nothing(database: Database) -> None:
    if database.alone:
        pytest.skip("SQLite has one notifier")
    desk = Desk(database)
    desk.take(*(notice(1, lane=lane) for lane in Lane))
    with database.engine.begin() as first, database.engine.begin() as second:
        one = claims.claim(first, {DUTY: 2}, "one", NOW_MS)
        two = claims.claim(second, {DUTY: 9}, "two", NOW_MS)
    assert len(one) == 2
    assert len(two) == 1
    assert not {each.group for each in one} & {each.group for each in two}


def test_deliveries_are_locked_in_the_order_of_their_bytes_whatever_the_database_sorts_by(linguistic_url: str) -> None:
    """In which `claims.settle` takes them: two that each hold one of two in another order wait for each other."""
    engine = connect(linguistic_url)
    migrate(engine, SERVICE)
    desk = Desk(Database(engine))
    desk.take(notice(1))
    keys = ["ta/all/desk_silent", "za/all/desk_silent"]
    asked: list[tuple[str, object]] = []
    event.listen(engine, "before_cursor_execute", lambda *said: asked.append((said[2], said[3])))
    with engine.begin() as connection:
        first = dict(connection.execute(select(deliveries)).mappings().one())
        connection.execute(deliveries.insert(), [{**first, "group": key} for key in keys])
        outbox.lock(connection, keys)
        statement, arguments = asked[-1]
        found = connection.exec_driver_sql(statement, arguments)  # type: ignore[arg-type]
        assert [row.group for row in found] == keys
    engine.dispose()


def test_what_was_killed_is_free_at_once_where_nobody_else_can_have_it(database: Database) -> None:
    desk = Desk(database)
    desk.take(notice(1))
    desk.claim()
    with database.transaction() as connection:
        claims.release(connection)
    assert len(desk.claim()) == 1


def test_a_newer_message_takes_the_place_of_one_under_way(database: Database) -> None:
    desk = Desk(database)
    desk.take(notice(1))
    (old,) = desk.claim()
    desk.take(notice(2))
    desk.tick(1)
    desk.settle(old, Again(desk.now_ms + 5_000, "timeout"))  # says nothing of the newer one
    (new,) = desk.claim()
    assert new.number > old.number
    assert new.tries == 1


def test_what_was_not_taken_waits_and_is_given_up_at_last(database: Database) -> None:
    desk = Desk(database)
    desk.take(notice(1))
    (found,) = desk.claim()
    desk.settle(found, Again(desk.now_ms + 5_000, "timeout"))
    assert desk.claim() == []
    with database.reading() as connection:
        assert outbox.waiting(connection) == {DUTY: outbox.Waiting(1, NOW_MS, NOW_MS + 5_000)}
    with database.transaction() as connection:
        claims.hurry(connection, DUTY, desk.now_ms)
    (found,) = desk.claim()
    desk.settle(found, GivenUp("timeout"))
    assert desk.states() == {"duty": "failed"}
    desk.tick(10)
    assert [channel for channel, _ in desk.deliver()] == ["chief"], "the ladder goes on"


def test_an_endpoint_that_is_gone_keeps_what_waits_for_it(database: Database) -> None:
    desk = Desk(database)
    desk.take(notice(1))
    (found,) = desk.claim()
    desk.settle(found, Disabled("gone"))
    with database.transaction() as connection:
        store.disable(connection, DUTY, "one address", NOW_MS)
        assert store.read_disabled(connection) == {DUTY: "one address"}
        assert store.enable(connection, DUTY)
        assert not store.enable(connection, DUTY)
    assert desk.states() == {"duty": "pending"}
    assert len(desk.claim()) == 1


def test_a_digest_is_told_once_and_needs_no_answer(database: Database) -> None:
    desk = Desk(database)
    desk.take(notice(1, NoticeType.DAILY_DIGEST, lane=None))
    ((_, message),) = desk.deliver()
    assert (message.data.step, message.data.acknowledge) == (None, None)
    desk.tick(3 * 24 * 60)
    assert desk.deliver() == []
    desk.take(notice(2, NoticeType.DAILY_DIGEST, lane=None))
    assert len(desk.deliver()) == 1
    with database.reading() as connection:
        assert store.escalating(connection) == []


def test_what_ended_long_ago_is_forgotten_with_its_deliveries(database: Database) -> None:
    desk = Desk(database)
    desk.take(notice(1))
    desk.deliver()
    desk.take(notice(2, NoticeType.LOOKED))
    with database.transaction() as connection:
        assert store.ended_before(connection, NOW_MS, 9) == []
        ended = store.ended_before(connection, NOW_MS + 1, 9)
        assert outbox.forget(connection, ended) == 1
        store.forget_groups(connection, ended)
        assert store.load_groups(connection, ended) == {}


def test_a_position_is_stored_with_its_effects_or_not_at_all(database: Database) -> None:
    desk = Desk(database)
    held = database.take_lease("one", NOW_MS)
    assert held is not None

    def fail_at_the_end() -> None:
        with database.writing(held.epoch, NOW_MS) as connection:
            desk.ladders.take(connection, [notice(1)], NOW_MS)
            store.save_positions(connection, {("referral.notice.v1", 0): 7})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_at_the_end()
    with database.reading() as connection:
        assert store.read_positions(connection) == {}
    assert desk.claim() == []


def test_a_notifier_that_was_replaced_writes_nothing(database: Database) -> None:
    first = database.take_lease("one", NOW_MS)
    second = database.take_lease("two", NOW_MS + 10_000)
    assert first is not None
    assert second is not None
    with pytest.raises(Deposed), database.writing(first.epoch, NOW_MS) as connection:
        store.save_positions(connection, {("referral.notice.v1", 0): 7})


def test_a_second_notifier_on_a_sqlite_file_is_refused(engine: Engine) -> None:
    with held_alone(engine, SERVICE):
        if engine.dialect.name == "sqlite":
            with pytest.raises(CannotRun, match="another notifier"), held_alone(engine, SERVICE):
                pass
        else:
            with held_alone(engine, SERVICE):
                pass


def test_two_rungs_name_one_channel(database: Database) -> None:
    desk = Desk(database, notify(Rung(0, ("duty",)), Rung(60, ("duty", "chief"))))
    desk.take(notice(1))
    desk.tick(1)
    assert sorted(channel for channel, _ in desk.deliver()) == ["chief", "duty"]


def test_a_claim_reads_the_index_of_what_is_pending(database: Database) -> None:
    """Of a table that is nearly all delivered, as it is after a week."""
    desk = Desk(database)
    desk.take(*(notice(1, lane=lane) for lane in Lane))
    with database.transaction() as connection:
        first = connection.execute(select(deliveries)).mappings().first()
        assert first is not None
        done = [
            dict(first) | {"group": f"nl/all/expiring_soon/{number}", "state": outbox.DELIVERED}
            for number in range(5_000)
        ]
        connection.execute(deliveries.insert(), done)
    statements: list[tuple[str, object]] = []

    def listen(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if "due_ms <=" in statement:
            statements.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", listen)
    try:
        assert len(desk.claim(duty=9)) == len(Lane)
    finally:
        event.remove(database.engine, "before_cursor_execute", listen)
    ((statement, parameters),) = statements
    with database.engine.connect() as connection:
        if not database.alone:
            connection.exec_driver_sql("ANALYZE")
        explain = "EXPLAIN QUERY PLAN" if database.alone else "EXPLAIN"
        found = connection.exec_driver_sql(f"{explain} {statement}", parameters)  # type: ignore[arg-type]
        plan = " ".join(map(str, found))
    assert "ix_notifier_deliveries_pending" in plan
    assert "Seq Scan" not in plan
