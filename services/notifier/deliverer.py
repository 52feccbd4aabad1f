"""Delivers what the outbox holds: claims, sends, settles. Any number of notifiers at once; each endpoint at its pace.

One transaction a turn settles what came back and claims what can go out; a turn comes when something came back, when
a transaction of this process wrote something new, or when something is due.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, ParamSpec, TypeVar

from sqlalchemy import Connection

from services.notifier import claims, outbox, store
from services.notifier.claims import Claimed, Settled
from services.notifier.compose import message_id
from services.notifier.database import Database
from services.notifier.figures import Figures
from services.notifier.pace import Pace
from services.notifier.presence import Presence, is_dead
from services.notifier.retry import Again, Decision, Disabled, Done, GivenUp, decide
from services.notifier.sending.codes import Failure
from services.notifier.verdict import Delivered, Gone, Outgoing, Refused, Retry, Sender, Verdict
from services.notifier.whom import Endpoint, Whom, fingerprint, kind_of
from services.runtime.log import Event, Name, logger, places

LOOK_S: Final = 2.0
"""How often the whole outbox is looked at: what other notifiers wrote, and what a dead one had claimed."""
IDLE_S: Final = 0.5
PAUSE_S: Final = 1.0
TRY_S: Final = 60.0
"""A sender has time-outs of its own; this is for one that forgets them. Less than a claim lasts."""
END_S: Final = 3.0
AT_ONCE: Final = 512
"""Each is a connection, and a process may often have 1,024 files."""

P = ParamSpec("P")
T = TypeVar("T")

log = logger()


@dataclass(slots=True)
class _Found:
    """What a turn's transaction came to."""

    claimed: list[Claimed] = field(default_factory=list)
    waiting: dict[Endpoint, outbox.Waiting] | None = None
    disabled: frozenset[Endpoint] = frozenset()


class Deliverer:
    """Of one process. `senders`: by kind of channel."""

    def __init__(
        self, database: Database, whom: Whom, senders: Mapping[str, Sender], figures: Figures, holder: str
    ) -> None:
        self._database = database
        self._channels = whom.endpoints()
        self._senders = senders
        self._figures = figures
        self._holder = holder
        self._presence = Presence(database, holder)
        self._paces = {endpoint: Pace() for endpoint in self._channels}
        self._disabled: frozenset[Endpoint] = frozenset()
        self._settled: list[Settled] = []
        self._revived: list[Endpoint] = []
        self._tries: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(1, "outbox")
        self._woken = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._look_at = 0.0
        self.delivering = False
        """True while the last turn went well."""

    def wake(self, endpoints: Iterable[Endpoint]) -> None:
        """These have something new. From any thread."""
        if found := tuple(endpoints):
            self._loop.call_soon_threadsafe(self._expect, found)

    def look(self) -> None:
        """Look at the whole outbox now. From any thread."""
        self._loop.call_soon_threadsafe(self._expect, ())

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; what is under way then gets a moment."""
        if self._database.alone:
            await self._in_thread(self._release)
        while not stop.is_set():
            try:
                await self._turn()
                self.delivering = True
            except Exception as error:  # noqa: BLE001 - a database that is away comes back; nothing is lost meanwhile
                self.delivering = False
                log.warning(Event.DATABASE_FAILED, error=error, places=places(error.__traceback__))
                await asyncio.sleep(PAUSE_S)
            await self._rest(stop)
        if self._tries:
            await asyncio.wait(self._tries, timeout=END_S)
        for task in self._tries:
            task.cancel()
        await self._in_thread(self._write, self._settled, {}, [], look=False)
        await self._in_thread(self._presence.end)
        self._threads.shutdown()

    def _expect(self, endpoints: tuple[Endpoint, ...]) -> None:
        now_ms = _now_ms()
        for endpoint in endpoints:
            if endpoint in self._paces:
                self._paces[endpoint].expect(now_ms)
        if not endpoints:
            self._look_at = 0.0
        self._woken.set()

    async def _rest(self, stop: asyncio.Event) -> None:
        """Until there is something to do."""
        soonest = self._soonest_ms()
        wait_s = IDLE_S if soonest is None else min(IDLE_S, max(0.0, (soonest - _now_ms()) / 1000))
        if not stop.is_set():
            try:
                await asyncio.wait_for(self._woken.wait(), wait_s)
            except TimeoutError:
                return
        self._woken.clear()

    def _soonest_ms(self) -> int | None:
        """When something can be given to anybody, if nothing else happens before."""
        if len(self._tries) >= AT_ONCE:
            return None
        waits = (pace.next_ms() for endpoint, pace in self._paces.items() if endpoint not in self._disabled)
        return min((due_ms for due_ms in waits if due_ms is not None), default=None)

    async def _turn(self) -> None:
        now_ms = _now_ms()
        looking = time.monotonic() >= self._look_at
        free = self._free(now_ms)
        if not (free or looking or self._settled or self._revived):
            return
        settled, self._settled = self._settled, []
        revived, self._revived = self._revived, []
        for endpoint in free:
            self._paces[endpoint].due_ms = None
        try:
            found = await self._in_thread(self._write, settled, free, revived, look=looking)
        except BaseException:
            self._settled = settled + self._settled
            self._revived = revived + self._revived
            self._look_at = 0.0
            raise
        self._begin(found, free)
        for endpoint in revived:
            self._paces[endpoint].expect(_now_ms())
        if found.waiting is not None:
            self._look_at = time.monotonic() + LOOK_S
            self._disabled = found.disabled
            for endpoint, waiting in found.waiting.items():
                if endpoint in self._paces and endpoint not in self._disabled:
                    self._paces[endpoint].expect(waiting.due_ms)
            self._figures.look(found.waiting, found.disabled)

    def _free(self, now_ms: int) -> dict[Endpoint, int]:
        """Those first for which something has been due the longest: where there is not enough, each has its turn."""
        left = AT_ONCE - len(self._tries)
        free: dict[Endpoint, int] = {}
        some = [
            (pace.due_ms or 0, endpoint, number)
            for endpoint, pace in self._paces.items()
            if endpoint not in self._disabled and (number := pace.free(now_ms)) > 0
        ]
        for _, endpoint, number in sorted(some):
            if left <= 0:
                break
            free[endpoint] = min(number, left)
            left -= free[endpoint]
        return free

    def _begin(self, found: _Found, free: Mapping[Endpoint, int]) -> None:
        got: dict[Endpoint, int] = {}
        for claimed in found.claimed:
            got[claimed.endpoint] = got.get(claimed.endpoint, 0) + 1
            self._paces[claimed.endpoint].in_flight += 1
            task = asyncio.create_task(self._try(claimed))
            self._tries.add(task)
            task.add_done_callback(self._tries.discard)
        for endpoint, number in got.items():
            if number >= free[endpoint]:  # there may be more
                self._paces[endpoint].expect(_now_ms())

    async def _try(self, claimed: Claimed) -> None:
        channel = self._channels[claimed.endpoint]
        kind = kind_of(channel)
        identity = message_id(claimed.group, claimed.number, claimed.endpoint.channel)
        outgoing = Outgoing(identity, claimed.endpoint.desk, channel, claimed.body, _now_ms())
        began = time.monotonic()
        verdict = await self._send(kind, outgoing)
        took_s = time.monotonic() - began
        now_ms = _now_ms()
        decision = decide(verdict, claimed.tries, claimed.made_ms, now_ms, random.random())  # noqa: S311 - spreads retries, no secret
        pace = self._paces[claimed.endpoint]
        pace.in_flight -= 1
        self._judge(claimed.endpoint, pace, decision, now_ms)
        self._figures.tried(claimed.endpoint, kind, _result(verdict, decision), took_s)
        if isinstance(decision, Done):
            self._figures.taken(kind, (now_ms - claimed.made_ms) / 1000)
        self._settled.append(Settled(claimed, decision))
        self._woken.set()

    async def _send(self, kind: str, outgoing: Outgoing) -> Verdict:
        try:
            async with asyncio.timeout(TRY_S):
                return await self._senders[kind].send(outgoing)
        except TimeoutError:
            return Retry("timeout")
        except Exception as error:  # noqa: BLE001 - a fault of one sender must not stop the others
            log.error(Event.DELIVERY_FAILED, desk=Name(outgoing.desk), error=error, places=places(error.__traceback__))
            return Retry("fault")

    def _judge(self, endpoint: Endpoint, pace: Pace, decision: Decision, now_ms: int) -> None:
        where = {"desk": Name(endpoint.desk), "channel": Name(endpoint.channel)}
        was_dead = pace.dead
        match decision:
            case Done() | Again(code=Failure.RECIPIENT_REFUSED):  # the server answered: what fails is a mailbox
                if pace.succeed():
                    self._revived.append(endpoint)
                if was_dead:
                    log.info(Event.ENDPOINT_REVIVED, **where)
            case Again(due_ms=due_ms):
                pace.fail(now_ms)
                pace.expect(due_ms)
                if pace.dead and not was_dead:
                    log.warning(Event.ENDPOINT_DEAD, **where)
            case GivenUp(code=code):
                if code != Failure.RECIPIENT_REFUSED:
                    pace.fail(now_ms)
                log.error(Event.DELIVERY_FAILED, **where)
            case Disabled():
                self._disabled |= {endpoint}
                log.error(Event.ENDPOINT_DISABLED, **where)

    def _write(
        self, settled: list[Settled], free: Mapping[Endpoint, int], revived: list[Endpoint], *, look: bool
    ) -> _Found:
        """One transaction, in the outbox's thread."""
        now_ms = _now_ms()
        found = _Found()
        if look:
            self._presence.show()
        with self._database.transaction() as connection:
            claims.settle(connection, settled, self._holder, now_ms)
            for endpoint in {each.claimed.endpoint for each in settled if isinstance(each.decision, Disabled)}:
                store.disable(connection, endpoint, fingerprint(self._channels[endpoint]), now_ms)
            for endpoint in revived:
                claims.hurry(connection, endpoint, now_ms)
            if look:
                self._release_dead(connection, now_ms)
                found.waiting = outbox.waiting(connection)
                found.disabled = self._still_disabled(store.read_disabled(connection))
                for endpoint in found.waiting.keys() - self._channels.keys():
                    if self._figures.active:  # one that only delivers may be the one with the older configuration
                        outbox.drop_endpoint(connection, endpoint, now_ms)
                    del found.waiting[endpoint]
            found.claimed = claims.claim(connection, free, self._holder, now_ms)
        return found

    def _still_disabled(self, said: Mapping[Endpoint, str]) -> frozenset[Endpoint]:
        """One whose address has changed since is another endpoint."""
        return frozenset(
            endpoint
            for endpoint, address in said.items()
            if endpoint in self._channels and fingerprint(self._channels[endpoint]) == address
        )

    def _release_dead(self, connection: Connection, now_ms: int) -> None:
        """What others had claimed who are not there any more."""
        if self._database.alone:
            return
        for holder in claims.holders(connection, now_ms):
            if holder != self._holder and is_dead(connection, holder):
                claims.release_of(connection, holder)

    def _release(self) -> None:
        with self._database.transaction() as connection:
            claims.release(connection)

    async def _in_thread(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Where the database may be waited for."""
        return await self._loop.run_in_executor(self._threads, lambda: work(*arguments, **named))


def _result(verdict: Verdict, decision: Decision) -> str:
    if isinstance(decision, GivenUp):
        return "failed"
    match verdict:
        case Delivered():
            return "delivered"
        case Retry():
            return "retry"
        case Refused():
            return "refused"
        case Gone():
            return "gone"


def _now_ms() -> int:
    return int(time.time() * 1000)
