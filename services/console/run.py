"""`referrals run`: broker, router, ledger, notifier, a simulated clearing house and desks; at the end the tally.

The order of the end is what makes the tally whole: the desks and the simulator stop and flush, the router comes to
the end of the ingress, the ledger to the end of everything, the router to the end of what the ledger asked of it, the
notifier to the end of what it has to tell; the topics are read, then the services and at last the broker stop.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Final

import typer

from services.console import tally
from services.console.run_backlog import Backlog
from services.console.run_board import Board, note, unheard
from services.console.run_figures import Reading
from services.console.run_ledger import settle
from services.console.run_notifier import NotifierPort
from services.console.run_part import NAMES, SINKS
from services.console.run_parts import FLUSH_SECONDS, LOOK_SECONDS, Parts, start
from services.console.run_place import held
from services.console.run_plan import Plan, make_plan
from services.console.run_router import drain
from services.console.run_signals import Signals, Stopped
from services.console.run_telling import Telling, climbed, read_arrived, summary
from services.console.tally_report import Result, document, tell
from services.runtime.exits import CANNOT_RUN, DONE, FOUND, CannotRun

SCRAPE_SECONDS: Final = 1.0
BACKLOG_SECONDS: Final = 2.0
DRAIN_SECONDS: Final = 120.0
SETTLE_SECONDS: Final = 120.0
DELIVER_SECONDS: Final = 15.0
TALLY: Final = "tally.json"


def run(environment: Mapping[str, str]) -> int:
    """One whole run; the exit code. CannotRun and WrongUse where it cannot even begin."""
    plan = make_plan(environment)
    with held(plan.directory, plan.router.url), Signals() as signals:
        (plan.directory / TALLY).unlink(missing_ok=True)
        try:
            with ExitStack() as stack:
                with signals.leaving_at(1):
                    parts = start(plan, stack)
                result, fault = live(plan, parts, signals)
        except Stopped:
            note("ended before it could add up: no tally was made")
            return FOUND
        return conclude(plan, result, parts.telling, fault)


def live(plan: Plan, parts: Parts, signals: Signals) -> tuple[Result | None, str | None]:
    """Show figures until the end is asked for, then bring all to its end: the tally, and what went wrong on the way.

    The first request ends it in order, the second does not wait for what is published and not routed yet, the
    third raises Stopped.
    """
    board = Board(plan.heading())
    began = time.monotonic()
    board.open()
    try:
        if fault := _watch(plan, parts, signals, board, began):
            board.say(fault)
        with signals.leaving_at(3):
            return _finish(plan, parts, signals, board, began, fault)
    finally:
        board.close()


def _watch(plan: Plan, parts: Parts, signals: Signals, board: Board, began: float) -> str | None:
    end = began + plan.settings.duration if plan.settings.duration else None
    next_scrape = next_backlog = began
    while not (fault := parts.fault()):
        now = time.monotonic()
        if (end is not None and now >= end) or board.gone:
            break
        if now >= next_scrape:
            next_scrape = now + SCRAPE_SECONDS
            if now >= next_backlog:
                next_backlog = now + BACKLOG_SECONDS
                parts.backlog = plan.ledger.backlog() or parts.backlog
                _look_who_is_told(plan, parts, board)
            _show(parts, board, plan.router.scrape(), began)
        if signals.wait(LOOK_SECONDS):
            break
    return fault


def _show(parts: Parts, board: Board, reading: Reading | None, began: float, message: str = "") -> None:
    if reading is not None:
        parts.history.add(reading)
    board.show(parts.history.figures(), parts.backlog, parts.telling, time.monotonic() - began, message)


def _look_who_is_told(plan: Plan, parts: Parts, board: Board) -> None:
    """Says each step of the ladder of a desk that says nothing."""
    if plan.notifier is not None and (now := plan.notifier.telling()) is not None:
        for line in climbed(parts.telling, now):
            board.say(line)
        parts.telling = now


def _finish(
    plan: Plan, parts: Parts, signals: Signals, board: Board, began: float, fault: str | None
) -> tuple[Result | None, str | None]:
    """Desks and simulator, then the rest of what they said, then the tally. No tally without a broker to ask."""
    _look_who_is_told(plan, parts, board)
    for part in (parts.desks, parts.simulator):
        if part is not None and not part.end(FLUSH_SECONDS):
            board.say(f"{NAMES[part.name]} did not end within {FLUSH_SECONDS:.0f} s and had to be killed")
    try:
        if plan.simulate and not parts.fault():
            _come_to_the_end(plan, parts, signals, board, began)
        if plan.notifier is not None and not parts.fault():
            _deliver(plan.notifier, parts, signals, board, began)
        _show(parts, board, plan.router.scrape(), began, "ending: adding up")
        result = tally.take(plan.kafka, *_progress(parts, board, began))
        _show(parts, board, None, began, "ended")
        return result, fault or parts.fault()
    except CannotRun as refusal:
        return None, fault or parts.fault() or str(refusal)


def _come_to_the_end(plan: Plan, parts: Parts, signals: Signals, board: Board, began: float) -> None:
    """Router, ledger, and the router again: what desks forwarded, the ledger asks of it. Given up by a request more."""

    def goes_on(message: str, reading: Reading | None) -> bool:
        _show(parts, board, reading, began, f"ending: {message}")
        time.sleep(LOOK_SECONDS)
        return parts.fault() is None and signals.requests < 2

    def routing(reading: Reading | None) -> bool:
        return goes_on("the router finishes what was published", reading)

    def counting(backlog: Backlog | None) -> bool:
        if backlog is not None and parts.backlog is not None:  # who is silent now was made so: the desks have ended
            backlog = replace(backlog, silent=parts.backlog.silent)
        parts.backlog = backlog or parts.backlog
        return goes_on("the ledger reads to the end", plan.router.scrape())

    if not drain(plan.kafka, plan.router, DRAIN_SECONDS, routing):
        board.say("not all of it was routed: the rest waits in the ingress topics")
    elif not settle(plan.ledger, SETTLE_SECONDS, counting):
        board.say("not all of it was counted: the ledger reads on from there when it starts again")
    elif not drain(plan.kafka, plan.router, DRAIN_SECONDS, routing):
        board.say("not all that desks forwarded was routed: the rest waits in the topic of commands")


def _deliver(notifier: NotifierPort, parts: Parts, signals: Signals, board: Board, began: float) -> None:
    """Until what was to be told is taken, or a while is over. Ladders stay as they stood when the end was asked for:
    nobody can answer or look any more.
    """
    stood, end = parts.telling, time.monotonic() + DELIVER_SECONDS
    while parts.fault() is None and signals.requests < 2 and time.monotonic() < end:
        now = notifier.telling()
        if now is not None:
            parts.telling = now if stood is None else replace(stood, delivered=now.delivered, pending=now.pending)
            if now.current and not now.pending:
                return
        _show(parts, board, None, began, "ending: the notifier delivers the rest")
        time.sleep(LOOK_SECONDS)


def _progress(parts: Parts, board: Board, began: float) -> tuple[tally.Advanced, tally.Advanced]:
    """For `tally.take`: shows now and then how much is read."""
    total, read, shown = 0, 0, time.monotonic()

    def expect(offsets: int) -> None:
        nonlocal total
        total = offsets

    def advanced(offsets: int) -> None:
        nonlocal read, shown
        read += offsets
        if time.monotonic() - shown > SCRAPE_SECONDS:
            shown = time.monotonic()
            _show(parts, board, None, began, f"ending: adding up, {100 * read // max(total, 1)} % read")

    return expect, advanced


def conclude(plan: Plan, result: Result | None, telling: Telling | None, fault: str | None) -> int:
    """Say how it ended; the tally is kept in a file too, for a terminal that was closed."""
    if telling is not None:
        arrived = read_arrived(plan.log(SINKS).read_text("utf-8", "replace").splitlines())
        with unheard():
            print("\n".join(summary(telling, arrived)), flush=True)
        if arrived.verified < arrived.webhooks and fault is None:
            fault = f"webhooks came with a signature that does not hold: {plan.log(SINKS)}"
    if result is not None:
        (plan.directory / TALLY).write_text(json.dumps(document(result), indent=2), encoding="utf-8")
        with unheard():
            tell(result, as_json=False)
            sys.stdout.flush()
    if fault is not None:
        note(f"referrals: {fault}")
    if result is None:
        return CANNOT_RUN
    return DONE if result.adds_up and fault is None else FOUND


def command() -> None:
    """Start everything here, and show what is routed and what nobody has looked at.

    A Kafka broker on loopback with its data under var/, the topics, the router, the ledger and the notifier with their
    pages, a simulated clearing house, simulated desks and the ends of their channels: a webhook server that verifies
    every signature, and a mail server. Ctrl-C (or DURATION) ends them in order and prints what was told and the tally,
    made from the topics: exit 0 when it adds up, 1 when it does not. A second Ctrl-C adds up without waiting for the
    services to come to the end of what was published, a third ends at once.

    From the environment: DURATION (seconds from ready), RATE (simulated records a second), YEAR (2019 to 2023).
    What is simulated goes at the pace of deploy/demo, where weeks are seconds, unless REFERRAL_CONFIG_DIR says
    otherwise, and is counted in a database of its own. With KAFKA_BOOTSTRAP_SERVERS no broker is started, and nothing
    is simulated unless SIMULATE=1: the pace is that of deploy/ then, and no notifier is started, which tells people.

    Examples:

      referrals run
      DURATION=20 RATE=500 YEAR=2021 referrals run
      KAFKA_BOOTSTRAP_SERVERS=kafka-1:9092 referrals run
    """
    raise typer.Exit(run(os.environ))
