"""`python -m services.notifier`: reads settings and configuration, wires, and runs until told to stop."""

import asyncio
import os
import secrets
import socket
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry

from policy.configuration import Configuration, ConfigurationError, load
from services.notifier import store
from services.notifier.answering import Tokens
from services.notifier.database import SERVICE, Database
from services.notifier.deliverer import Deliverer
from services.notifier.figures import Figures
from services.notifier.keeper import Keeper
from services.notifier.ladders import Ladders
from services.notifier.metrics import NotifierMetrics
from services.notifier.page.office import Office
from services.notifier.page.routes import routes
from services.notifier.senders import senders
from services.notifier.settings import NotifierSettings
from services.notifier.whom import whom
from services.runtime import exits, loop
from services.runtime.database import connect, held_alone, migrate
from services.runtime.http import serve
from services.runtime.interpreter import spare_the_collector, take_short_turns
from services.runtime.kafka import reach
from services.runtime.log import Event, configure, logger
from services.runtime.page.access import access
from services.runtime.rendered import Rendered
from services.runtime.secret_files import wrong_secrets
from services.runtime.settings import KafkaSettings, SharedSettings, read
from services.runtime.worker import work

KEY: Final = "token_key"

log = logger()


async def _serve(configuration: Configuration, kafka: KafkaSettings, settings: NotifierSettings) -> int:
    shown_to = access(settings.host, settings.token_file, "REFERRAL_NOTIFIER_")
    told = whom(configuration.desks)
    await reach(kafka)
    engine = connect(settings.database_url.get_secret_value())
    async with senders(told, settings, kafka) as made:
        with held_alone(engine, SERVICE):
            migrate(engine, SERVICE)
            database, figures = Database(engine), Figures()
            tokens = Tokens(_token_key(database), settings.public_url.rstrip("/"))
            ladders = Ladders(told, tokens)
            holder = f"{socket.gethostname()[:40]}:{os.getpid()}:{int(time.time())}"
            deliverer = Deliverer(database, told, made, figures, holder)
            keeper = Keeper(kafka, database, ladders, figures, holder, deliverer.wake)
            registry = CollectorRegistry()
            NotifierMetrics(told, figures, registry)
            rendered = Rendered(registry, lambda: figures.version)
            pages = routes(Office(database, ladders, figures, deliverer.wake, deliverer.look), tokens, shown_to)

            def readiness() -> tuple[bool, Mapping[str, Any]]:
                """One that stands by delivers all the same."""
                state = {"active": figures.active, "caught_up": figures.caught_up, "delivering": deliverer.delivering}
                return deliverer.delivering and (figures.caught_up or not figures.active), state

            async with serve(rendered, readiness, settings.host, settings.port, pages) as server:
                log.info(Event.LISTENING, port=server.port)
                rendering = asyncio.create_task(rendered.keep())
                await _live(keeper, deliverer)
                rendering.cancel()
    engine.dispose()
    if keeper.fault is not None:
        raise keeper.fault
    log.info(Event.STOPPED)
    return exits.DONE


def _token_key(database: Database) -> bytes:
    """Made once for a database: a message's token holds as long as that does."""
    with database.transaction() as connection:
        return bytes.fromhex(store.keep_note(connection, KEY, secrets.token_hex(32)))


async def _live(keeper: Keeper, deliverer: Deliverer) -> None:
    """Until told to stop, or one of them cannot go on; returns when all is settled."""
    ending = asyncio.Event()
    delivering = asyncio.create_task(deliverer.run(ending))
    delivering.add_done_callback(lambda _task: ending.set())
    try:
        await work("keeper", keeper.run, ending)
    finally:
        ending.set()
        await delivering


def _require_secrets(configuration: Configuration) -> None:
    """CannotRun where a secret file is missing or wrong: else the first urgent message would be what finds it."""
    if wrong := list(wrong_secrets(configuration.desks)):
        more = f" (and {len(wrong) - 1} more: `referrals check-config` names each)" if wrong[1:] else ""
        raise exits.CannotRun(f"{wrong[0]}{more}")


def main() -> int:
    """Exit codes of contract.md; raises what `services.runtime.exits.run_main` turns into them."""
    configure("notifier")
    spare_the_collector()
    take_short_turns()
    shared = read(SharedSettings, os.environ)
    kafka = read(KafkaSettings, os.environ)
    settings = read(NotifierSettings, os.environ)
    try:
        configuration = load(shared.config_dir)
    except ConfigurationError as error:
        raise exits.WrongUse(str(error)) from None
    _require_secrets(configuration)
    return loop.run(_serve(configuration, kafka, settings))


if __name__ == "__main__":
    sys.exit(exits.run_main(main))
