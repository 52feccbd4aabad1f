"""The notifier as a process, and its memory."""

import re
from pathlib import Path
from typing import Final

from tests.bench.processes import START_S, ServiceProcess, wait_until
from tests.bench.stage import Stage

_PENDING: Final = re.compile(rb'^referral_notifier_outbox_pending\{desk="([^"]+)"\} (\S+)$', re.MULTILINE)


class NotifierProcess(ServiceProcess):
    """`python -m services.notifier` on one database."""

    def __init__(self, stage: Stage, url: str, output: Path) -> None:
        super().__init__("notifier", stage, {"DATABASE_URL": url}, output)

    def wait_for_start(self) -> None:
        """Return when it has read all notices and delivers."""
        wait_until(lambda: self.ready and self.metric("referral_notifier_caught_up") == 1, "ready", START_S, self)

    @property
    def rss_mib(self) -> float:
        """The memory it has resident now (VmRSS, proc(5))."""
        status = Path(f"/proc/{self._child.pid}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
        assert found is not None  # Linux always says
        return int(found[1]) / 1024

    def pending(self) -> dict[str, int]:
        """Desk → messages that it has not taken, as the metrics show them; desks with none left out."""
        body = self.get("/metrics") or b""
        return {desk.decode(): int(float(number)) for desk, number in _PENDING.findall(body) if float(number)}

    def written(self) -> int:
        return int(self.metric("referral_notifier_deliveries_total"))
