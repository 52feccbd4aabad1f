"""What a window of many keys costs: the most memory a process that holds it needs, and the time to have it again."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from policy.partners import Partner
from schemas.topics import GROUP
from services.runtime.exits import CannotRun
from services.runtime.settings import KafkaSettings
from services.simulator.envelopes import Record, Referrals
from services.simulator.mix import Mix
from tests.bench import rows
from tests.bench.feed import SEED, YEAR, feed
from tests.bench.processes import RouterProcess
from tests.bench.race import wait_for_start, watch
from tests.bench.rows import Row
from tests.bench.stage import stage

PARTITIONS: Final = 4
MORE: Final = 10
"""After it is restored, one tenth of the keys' number is routed on top."""


def measure(kafka: KafkaSettings, deploy: Path, directory: Path, keys: int, start_ms: int) -> Iterator[Row]:
    """Peak RSS of the process that routed the keys and of the one that restored them, and how long that took."""
    with stage(kafka, deploy, "bench-memory", PARTITIONS) as own:
        stream = _new_reports(own.partner, start_ms)
        first = RouterProcess(own, directory / "memory-router-1.log")
        try:
            wait_for_start([first])
            fed = feed(own, stream, keys)
            watch(own.admin(), GROUP, own, fed, [first])
            gathered_mib = first.peak_rss_mib
        finally:
            first.end()
        second = RouterProcess(own, directory / "memory-router-2.log")
        try:
            wait_for_start([second])
            ready_s = time.monotonic() - second.started_s
            restored = second.events("restored")
            held = sum(event["seen_ids"] for event in restored)
            if held != keys:
                raise CannotRun(f"the router holds {held:,} keys after a restart, not {keys:,}")
            restored_s = max(event["duration_seconds"] for event in restored)
            fed = feed(own, stream, keys // MORE)
            watch(own.admin(), GROUP, own, fed, [second])
            restored_mib = second.peak_rss_mib
        finally:
            second.end()
    of = f"{keys:,} keys in one process, {own.shape}"
    yield Row(
        rows.RSS,
        max(gathered_mib, restored_mib),
        "MiB",
        f"peak (VmHWM) of {of}: {gathered_mib:.0f} while it routed them, {restored_mib:.0f} when it restored them "
        f"and routed {keys // MORE:,} more; bar: at most 334 (350 MB)",
    )
    yield Row(
        rows.RESTORE,
        restored_s,
        "s",
        f"window of {of}: its slowest partition, from fencing to routing; "
        f"{ready_s:.1f} s from the start of the process until it was ready; bar: at most 5",
    )


def _new_reports(partner: Partner, start_ms: int) -> Iterator[Record]:
    """New referrals only: each is one key."""
    return iter(Referrals(SEED, YEAR, Mix.good(), start_ms, [partner]))
