"""A thread that does a service's work, beside the loop that serves its metrics and pages."""

import asyncio
import signal
import threading
from collections.abc import Callable
from typing import Final

END_S: Final = 10.0
"""How long an ordered stop waits for it."""


async def work(name: str, run: Callable[[threading.Event], None], ending: asyncio.Event) -> None:
    """Until SIGTERM or SIGINT comes, `ending` is set, or `run` returns; raises what it raised.

    `run` is given what is set when it must end.
    """
    loop = asyncio.get_running_loop()
    stop = threading.Event()
    raised: list[BaseException] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)

    def live() -> None:
        try:
            run(stop)
        except BaseException as error:  # noqa: BLE001 - raised again where it ends the process
            raised.append(error)
        finally:
            loop.call_soon_threadsafe(ending.set)

    thread = threading.Thread(target=live, name=name, daemon=True)
    thread.start()
    await ending.wait()
    stop.set()
    await asyncio.to_thread(thread.join, END_S)
    if raised:
        raise raised[0]
