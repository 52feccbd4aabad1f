"""Who keeps the ladders does so without a broker too: what was read before is told on."""

import threading
import time

import pytest

from policy.notify import Notify, Rung
from schemas.codes import Lane, NoticeType
from services.notifier import store
from services.notifier.database import Database
from services.notifier.figures import Figures
from services.notifier.keeper import Keeper
from services.notifier.ladders import Ladders
from services.runtime import cluster
from services.runtime.settings import KafkaSettings
from tests.notifier_world import TOKENS, hook, notice, whom

GROUP = "nl/urgent/urgent_arrived"
PATIENCE_S = 60.0


def test_ladders_go_up_while_no_broker_can_be_asked(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE_S", 0.2)
    channels = {name: hook(name) for name in ("duty", "chief")}
    told = Notify(channels, (Rung(0, ("duty",)), Rung(1, ("chief",))), repeat_seconds=1)
    ladders, figures, stop = Ladders(whom(nl=told), TOKENS), Figures(), threading.Event()
    with database.transaction() as connection:
        urgent = notice(1, NoticeType.URGENT_ARRIVED, lane=Lane.URGENT)
        ladders.take(connection, [urgent], int(time.time() * 1000))
    nowhere = KafkaSettings(bootstrap_servers="127.0.0.1:1")
    keeper = Keeper(nowhere, database, ladders, figures, "one", lambda _endpoints: None)
    thread = threading.Thread(target=keeper.run, args=(stop,))
    thread.start()
    try:
        deadline = time.monotonic() + PATIENCE_S
        while steps(database) < 4 or not figures.exhausted["nl"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert figures.active
        assert not figures.caught_up
        assert figures.failed_sessions == 0
    finally:
        stop.set()
        thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert keeper.fault is None


def steps(database: Database) -> int:
    with database.reading() as connection:
        return store.load_groups(connection, [GROUP])[GROUP].group.steps
