"""Carries out within a transaction what `ladder` decides: groups as they then are, messages into the outbox."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field

from msgspec.structs import replace
from sqlalchemy import Connection

from policy.notify import Notify
from services.notifier import outbox, store
from services.notifier.answering import Tokens
from services.notifier.compose import compose, compose_test, tried_group
from services.notifier.group import Group
from services.notifier.ladder import Answer, Reason, Told, advance, answer, due_ms, take
from services.notifier.notice import Notice
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
        ends: list[tuple[Group, Told, Notify]] = []
        saved: list[Kept] = []
        for each in groups:
            group = each
            notify = self.whom.notify(group.desk)
            while True:
                before = group
                group, told = advance(before, notify, now_ms)
                if told is None:
                    break
                if told.reason is Reason.END:
                    ends.append((group, told, notify))
                    continue
                for message in self._messages(group, told, notify, before.addressed, now_ms):
                    posted[message.group, message.endpoint.channel] = message
                    effects.woken.add(message.endpoint)
                if told.reason is Reason.STEP and told.step is not None:
                    step = str(told.step) if told.step <= len(notify.rungs) else REPEAT
                    effects.steps[group.desk, step] += 1
            saved.append(Kept(group, due_ms(group, notify, now_ms)))
        over = {group.key for group, _, _ in ends}
        reached = outbox.lock(connection, over | {group for group, _ in posted})
        effects.woken |= outbox.post_ends(connection, self._ends(ends, reached, now_ms), now_ms)
        outbox.drop_untold(connection, over, now_ms)
        outbox.post(connection, posted.values(), now_ms)
        store.save_groups(connection, saved)
        return effects

    def _ends(
        self, ends: Iterable[tuple[Group, Told, Notify]], reached: Container[tuple[str, str]], now_ms: int
    ) -> Iterator[Posted]:
        """To those of their channels that may have been told: most of what ends in a burst nobody was told of."""
        for group, told, notify in ends:
            channels = tuple(name for name in told.channels if (group.key, name) in reached)
            if channels:
                yield from self._messages(group, replace(told, channels=channels), notify, channels, now_ms)

    def _messages(
        self, group: Group, told: Told, notify: Notify, addressed: Container[str], now_ms: int
    ) -> Iterator[Posted]:
        """One for each channel that is configured. `addressed`: those to which messages of this opening went before."""
        channels = [name for name in told.channels if name in notify.channels]
        if not channels:
            return
        body = compose(group, told, notify, self.tokens.invite, now_ms)
        for name in channels:
            endpoint = Endpoint(group.desk, name)
            yield Posted(group.key, endpoint, told.number, group.covered, body, name in addressed)
