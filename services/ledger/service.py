"""The ledger's life: stands by until it has the lease, serves as long as it holds it, begins anew after a failure."""

import os
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from typing import Any, Final

from sqlalchemy import Engine

from policy.configuration import Configuration
from services.ledger.database import Deposed, give_up_lease, take_lease
from services.ledger.feed import Feed
from services.ledger.figures import Figures
from services.ledger.inputs import Input, directory
from services.ledger.publisher import Publisher
from services.ledger.session import Session
from services.ledger.terms import terms
from services.runtime.beside import Beside
from services.runtime.cluster import Cluster
from services.runtime.exits import CannotRun
from services.runtime.log import Event, logger, places
from services.runtime.settings import KafkaSettings

LOOK_S: Final = 0.5
"""How often a standby looks whether the lease is free."""
PAUSE_S: Final = 1.0

log = logger()


class Ledger:
    """One process of it; `run` is its thread."""

    def __init__(
        self,
        configuration: Configuration,
        kafka: KafkaSettings,
        engine: Engine,
        inputs: Mapping[str, Input],
        slot_ms: int,
    ) -> None:
        self.figures = Figures()
        self.fault: CannotRun | None = None
        """Why it cannot go on at all."""
        self._configuration = configuration
        self._kafka = kafka
        self._engine = engine
        self._inputs = inputs
        self._slot_ms = slot_ms
        self._terms = terms(configuration.desks)
        self._feed: Feed | None = None
        """What the next session reads by."""
        self._holder = f"{socket.gethostname()[:40]}:{os.getpid()}:{int(time.time())}"

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Ready: it holds the lease and has read to the ends once. A standby is not ready, and says so."""
        figures = self.figures
        return figures.active and figures.caught_up, {"active": figures.active, "caught_up": figures.caught_up}

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set, or until it cannot go on (`fault`)."""
        while not stop.is_set():
            try:
                self._prepare()
                held = take_lease(self._engine, self._holder, int(time.time() * 1000))
                if held is None:
                    stop.wait(LOOK_S)
                    continue
                self._serve(held.epoch, stop)
            except Deposed:
                log.warning(Event.FENCED)
            except CannotRun as refusal:
                self.fault = refusal
                return
            except Exception as error:  # noqa: BLE001 - whatever fails, what was remembered is thrown away (rule 6)
                log.warning(Event.SESSION_FAILED, error=error, places=places(error.__traceback__))
                self._count_failure()
                stop.wait(PAUSE_S)
        if self._feed is not None:
            self._feed.close()

    def _prepare(self) -> Feed:
        """A process that reads is there before the lease is: starting one takes as long as taking over."""
        if self._feed is None or not self._feed.alive:
            self._feed = Feed(self._kafka, self._inputs, directory(self._configuration))
        return self._feed

    def _serve(self, epoch: int, stop: threading.Event) -> None:
        """One session; whatever it remembered goes with it."""
        feed, self._feed = self._prepare(), None
        with ExitStack() as stack:
            stack.enter_context(closing(feed))
            common, apart = (stack.enter_context(closing(Publisher(self._kafka))) for _ in range(2))
            cluster = Cluster(self._kafka)
            beside = stack.enter_context(closing(Beside(cluster)))
            stack.callback(self._say, active=False)
            session = Session(
                self._configuration.desks,
                self._inputs,
                self._terms,
                self._engine,
                feed,
                cluster,
                beside,
                (common, apart),
                self.figures,
                epoch,
                self._slot_ms,
            )
            session.begin()
            log.info(Event.TOOK_OVER, epoch=epoch)
            while not stop.is_set():
                session.turn()
                if session.at_work and not self.figures.active:
                    self._say(active=True)
            session.end()
            give_up_lease(self._engine, epoch)

    def _say(self, *, active: bool) -> None:
        with self.figures.lock:
            self.figures.active = active
            self.figures.caught_up = self.figures.caught_up and active
            self.figures.version += 1

    def _count_failure(self) -> None:
        with self.figures.lock:
            self.figures.sessions_failed += 1
            self.figures.version += 1
