"""A notifier's page and API on a port, its deliverer on a database: without Kafka, and with a clock that is set."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from policy.notify import Rung
from schemas.codes import Lane, NoticeType
from services.notifier import store
from services.notifier.database import SERVICE, Database
from services.notifier.deliverer import Deliverer
from services.notifier.figures import Figures
from services.notifier.ladders import Ladders
from services.notifier.notice import Notice
from services.notifier.page.office import Office
from services.notifier.page.routes import routes
from services.notifier.verdict import Delivered, Gone, Outgoing, Refused, Verdict
from services.notifier.whom import Endpoint, fingerprint
from services.runtime.database import connect, migrate
from services.runtime.http import serve
from services.runtime.page.access import Access
from tests.notifier_world import NOW_MS, TOKENS, Recorder, hook, notice, notify, whom

DEAF = "de"
"""A desk whose endpoint takes nothing."""
GONE = "it"
"""A desk whose endpoint says that it is gone."""
WHOM = whom(
    nl=notify(),
    fr=notify(Rung(0, ("duty",)), Rung(60, ("duty", "chief"))),
    de=notify(Rung(0, ("duty",)), channels=("duty",)),
    it=notify(Rung(0, ("duty",)), channels=("duty",)),
)


@dataclass(frozen=True)
class Served:
    """Where it answers, and what it stands on."""

    url: str
    database: Database
    ladders: Ladders

    def take(self, *notices: Notice, now_ms: int = NOW_MS) -> None:
        """From the ledger."""
        with self.database.transaction() as connection:
            self.ladders.take(connection, notices, now_ms)

    def pass_time(self, seconds: int) -> None:
        """So much later than the notices came: as many steps as are due by then."""
        with self.database.transaction() as connection:
            self.ladders.tick(connection, 1_000, NOW_MS + seconds * 1000)

    def disable(self, endpoint: Endpoint) -> None:
        """It answered 410."""
        with self.database.transaction() as connection:
            store.disable(connection, endpoint, fingerprint(hook(endpoint.channel)), NOW_MS)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for it."""
        async with asyncio.timeout(60):
            while not condition():  # noqa: ASYNC110 - the condition is in a database
                await asyncio.sleep(0.01)


def _answer(outgoing: Outgoing) -> Verdict:
    if outgoing.desk == GONE:
        return Gone("http_410")
    return Refused("http_4xx") if outgoing.desk == DEAF else Delivered()


@asynccontextmanager
async def served(directory: Path, token: str | None = None) -> AsyncIterator[Served]:
    """Desks nl, fr, de and it are told, and no other."""
    engine = connect(f"sqlite:///{directory}/notifier.db")
    migrate(engine, SERVICE)
    database, figures = Database(engine), Figures()
    figures.active = figures.caught_up = True
    ladders = Ladders(WHOM, TOKENS)
    deliverer = Deliverer(database, WHOM, {"webhook": Recorder(_answer)}, figures, "one")
    pages = routes(Office(database, ladders, figures, deliverer.wake, deliverer.look), TOKENS, Access(token))
    stop = asyncio.Event()
    delivering = asyncio.create_task(deliverer.run(stop))
    try:
        async with serve(CollectorRegistry(), lambda: (True, {}), "127.0.0.1", 0, pages) as server:
            yield Served(server.url, database, ladders)
    finally:
        stop.set()
        await delivering
        engine.dispose()


def open_groups(untold: int = 3) -> list[Notice]:
    """What is open at desks that are told, and at some that are not."""
    return [
        notice(7, count=1_234, added=1_234),
        notice(8, NoticeType.URGENT_ARRIVED, "nl", Lane.URGENT),
        notice(9, NoticeType.DESK_SILENT, "fr", lane=None, count=40),
        notice(10, NoticeType.OLDEST_WAITING, "de", Lane.PRIORITY, count=2),
        *(notice(20 + n, desk=f"x{n}") for n in range(untold)),
    ]
