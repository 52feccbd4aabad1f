"""A service ends as its working thread does: told to, by itself, or by what that raised."""

import asyncio
import os
import signal
import threading

import pytest

from services.runtime.worker import work


async def test_it_is_told_to_end_by_a_signal() -> None:
    seen: list[str] = []

    def run(stop: threading.Event) -> None:
        seen.append("begun")
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(60)
        seen.append("ended")

    await work("worker", run, asyncio.Event())
    assert seen == ["begun", "ended"]


async def test_what_the_thread_raises_ends_the_service() -> None:
    def run(_stop: threading.Event) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await work("worker", run, asyncio.Event())


async def test_it_ends_when_the_thread_does() -> None:
    ending = asyncio.Event()
    await work("worker", lambda _stop: None, ending)
    assert ending.is_set()
