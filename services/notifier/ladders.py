"""Carries out within a transaction what `ladder` decides: groups as they then are, messages into the outbox."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from schemas.notices import Notice
from services.notifier import outbox, store
from services.notifier.answering import Tokens
from services.notifier.compose import compose, compose_test, tried_group
from services.notifier.group import Group
from services.notifier.ladder import Answer, Reason, advance, answer, due_ms, take
from services.notifier.outbox import Posted
from services.notifier.store import Kept
from services.notifier.whom import Endpoint, Whom

REPEAT = "repeat"
"""The step behind the last: that one again."""


@dataclass(slots=True)
class Effects:
    """What a transaction did, to be counted once it is committed. `woken`: endpoints with something new."""

    woken: set[Endpoint] = field(default_factory=set)
    steps: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Ladders:
    """For one configuration."""

    whom: Whom
    tokens: Tokens

    def take(self, connection: Connection, notices: Iterable[Notice], now_ms: int) -> Effects:
        """Notices in their order. What comes and ends within one call is never told."""
        found = list(notices)
        kept = store.load_groups(connection, (notice.group for notice in found))
        groups = {key: each.group for key, each in kept.items()}
        for notice in found:
            groups[notice.group] = take(groups.get(notice.group), notice, now_ms)
        changed = [group for key, group in groups.items() if key not in kept or group != kept[key].group]
        return self._settle(connection, changed, now_ms)

    def tick(self, connection: Connection, limit: int, now_ms: int) -> Effects:
        """What the clock asks for."""
        kept = store.load_groups(connection, store.due_keys(connection, now_ms, limit))
        return self._settle(connection, [each.group for each in kept.values()], now_ms)

    def answer(self, connection: Connection, key: str, through: int | None, now_ms: int) -> tuple[Answer, int] | None:
        """Somebody answers a group, through a notice (None: its newest). What came of it, and through which; None:
        no such group.
        """
        kept = store.load_groups(connection, [key]).get(key)
        if kept is None:
            return None
        covers = kept.group.newest.sequence if through is None else through
        group, came = answer(kept.group, covers, now_ms)
        if came is Answer.TAKEN:
            outbox.drop(connection, key, covers, now_ms)
            self._settle(connection, [group], now_ms)
        return came, covers

    def test(self, connection: Connection, desk: str, now_ms: int) -> set[Endpoint]:
        """A message that says it is a test, to every channel of the desk."""
        endpoints = {Endpoint(desk, name) for name in self.whom.notify(desk).channels}
        outbox.post(
            connection,
            [
                Posted(tried_group(*each), each, now_ms, 0, compose_test(*each, now_ms, now_ms), again=False)
                for each in endpoints
            ],
            now_ms,
        )
        return endpoints

    def again(self, connection: Connection, now_ms: int) -> Effects:
        """Every group that nobody has answered, by a configuration that may be another one than before."""
        kept = store.load_groups(connection, store.escalating_keys(connection))
        return self._settle(connection, [each.group for each in kept.values()], now_ms)

    def _settle(self, connection: Connection, groups: Iterable[Group], now_ms: int) -> Effects:
        effects = Effects()
        posted: dict[tuple[str, str], Posted] = {}
        ends: list[Posted] = []
        saved: list[Kept] = []
        for each in groups:
            group = each
            notify = self.whom.notify(group.desk)
            while True:
                before = group
                group, told = advance(before, notify, now_ms)
                if told is None:
                    break
                body = compose(group, told, notify, self.tokens.invite, now_ms)
                found = [
                    Posted(
                        group.key,
                        Endpoint(group.desk, name),
                        told.number,
                        group.covered,
                        body,
                        name in before.addressed,
                    )
                    for name in told.channels
                    if name in notify.channels
                ]
                if told.reason is Reason.END:
                    ends += found
                    continue
                posted |= {(message.group, message.endpoint.channel): message for message in found}
                effects.woken.update(message.endpoint for message in found)
                if told.reason is Reason.STEP and told.step is not None:
                    step = str(told.step) if told.step <= len(notify.rungs) else REPEAT
                    effects.steps[group.desk, step] += 1
            saved.append(Kept(group, due_ms(group, notify, now_ms)))
        reached = outbox.lock(connection, {each.group for each in (*ends, *posted.values())})
        effects.woken |= outbox.post_ends(connection, ends, reached, now_ms)
        outbox.post(connection, posted.values(), now_ms)
        store.save_groups(connection, saved)
        return effects
