"""The stack of docker-compose.yml under a project of its own: docker, kcat and HTTP, as a user has them."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from services.runtime.ports import LOOPBACK, free_ports

ROOT: Final = Path(__file__).parents[2]
FILES: Final = ("docker-compose.yml", "deploy/demo/containers/compose.yml")
"""The stack, and somebody in it who is told."""
PATIENCE_S: Final = 120
BUILD_PATIENCE_S: Final = 600
INGRESS: Final = "referral.ingress.ncmec.v1"
RECEIPTS: Final = "referral.receipt.ncmec.v1"


@dataclass(frozen=True)
class Read:
    """A record as `kcat -J` prints it."""

    key: str
    value: str
    headers: dict[str, str]

    @property
    def document(self) -> Any:
        """The value as JSON."""
        return json.loads(self.value)


class Stack:
    """Containers, volumes and network of one project; ports nobody else uses."""

    def __init__(self) -> None:
        self.project = f"referrals-test-{os.getpid()}"
        ports = free_ports(6)
        self.kafka_port, self.router_port, self.ledger_port, self.notifier_port = ports[:4]
        self.prometheus_port, self.alertmanager_port = ports[4:]
        self.published = 0
        """Records sent to the ingress; each gets one receipt."""
        self.said: set[str] = set()
        """Reports of which a desk has said something."""
        names = {
            "KAFKA": self.kafka_port,
            "ROUTER": self.router_port,
            "LEDGER": self.ledger_port,
            "NOTIFIER": self.notifier_port,
            "PROMETHEUS": self.prometheus_port,
            "ALERTMANAGER": self.alertmanager_port,
        }
        self._environment = {**os.environ, **{f"{name}_PORT": str(port) for name, port in names.items()}}

    def up(self, *options: str) -> None:
        """Return when everything is healthy; fails with what the services printed."""
        try:
            self.compose("up", "--detach", "--wait", *options, patience_s=BUILD_PATIENCE_S)
        except (AssertionError, subprocess.TimeoutExpired) as failure:
            logs = self.compose("logs", "--no-color", "--tail", "40")
            raise AssertionError(f"{failure}\n{self.compose('ps', '--all')}\n{logs}") from None

    def restart(self, service: str) -> None:
        """Return when the service is healthy again; what depends on it is not waited for."""
        self.compose("restart", service)
        self.compose("up", "--detach", "--wait", "--no-deps", service)

    def down(self) -> None:
        """End and remove everything of the project."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "10")

    def left_behind(self) -> list[str]:
        """Containers, volumes and networks that still carry the project's label."""
        label = ("--filter", f"label=com.docker.compose.project={self.project}")
        kinds = (("ps", "--all"), ("volume", "ls"), ("network", "ls"))
        return [name for kind in kinds for name in run(["docker", *kind, "--quiet", *label]).split()]

    def compose(self, *words: str, patience_s: float = PATIENCE_S) -> str:
        """What `docker compose WORDS` printed to stdout; fails when its exit code is not 0."""
        files = [word for name in FILES for word in ("--file", name)]
        program = ["docker", "compose", "--project-name", self.project, *files, *words]
        return run(program, environment=self._environment, patience_s=patience_s)

    def containers(self) -> dict[str, dict[str, Any]]:
        """Service → what `docker inspect` says of its container, ended ones too."""
        ids = self.compose("ps", "--all", "--quiet").split()
        found = json.loads(run(["docker", "inspect", *ids]))
        return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in found}

    def publish(self, report: str, envelope: bytes) -> None:
        """One record, keyed with -k; returns when the broker has acknowledged it."""
        self._produce(["-k", report], envelope + b"\n")
        self.published += 1

    def publish_all(self, envelopes: Iterable[tuple[str, bytes]]) -> None:
        """The same for several, a line each, keyed with -K."""
        lines = [report.encode() + b":" + envelope for report, envelope in envelopes]
        self._produce(["-K", ":"], b"".join(line + b"\n" for line in lines))
        self.published += len(lines)

    def read(self, topic: str) -> list[Read]:
        """Every committed record of the topic as it stands."""
        return [_as_read(line) for line in self._consume(topic, "-e").splitlines()]

    def receipts(self) -> list[Any]:
        """Every receipt, once there are as many as records were published; more would be found too."""
        self._consume(RECEIPTS, "-c", str(self.published))
        return [receipt.document for receipt in self.read(RECEIPTS)]

    def exposed(self, series: str) -> float:
        """A series' value as the router itself tells it now."""
        lines = _get(f"http://{LOOPBACK}:{self.router_port}/metrics").decode().splitlines()
        (found,) = [line for line in lines if line.startswith(f"{series} ")]
        return float(found.split()[-1])

    def query(self, expression: str) -> list[float]:
        """The values Prometheus has for it: those of the last scrape."""
        words = urllib.parse.urlencode({"query": expression})
        found = json.loads(_get(f"http://{LOOPBACK}:{self.prometheus_port}/api/v1/query?{words}"))
        return [float(series["value"][1]) for series in found["data"]["result"]]

    def say(self, desk: str, report: str, event: bytes) -> None:
        """One status event of the desk, keyed by its report."""
        self._produce(["-k", report], event + b"\n", f"referral.status.{desk}.v1")
        self.said.add(report)

    def alerts(self) -> set[str]:
        """Names of the alerts that Alertmanager has now and would tell."""
        found = json.loads(_get(f"http://{LOOPBACK}:{self.alertmanager_port}/api/v2/alerts?active=true"))
        return {alert["labels"]["alertname"] for alert in found}

    def arrived(self) -> list[Any]:
        """What came at the desks' ends, as the sinks say it, in order."""
        lines = self.compose("logs", "--no-color", "--no-log-prefix", "sinks").splitlines()
        said = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in said if "channel" in line]

    def token(self) -> str:
        """What docs/compose.md has a developer type to get the ledger's token."""
        return self.compose("exec", "-T", "ledger", "cat", "/var/lib/referrals/secrets/ledger-token").strip()

    def ask_ledger(self, path: str, token: str | None) -> tuple[int, bytes]:
        """Status and body of page or API; without a token as anybody would ask."""
        request = urllib.request.Request(f"http://{LOOPBACK}:{self.ledger_port}{path}")
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, b""

    def _produce(self, words: Sequence[str], lines: bytes, topic: str = INGRESS) -> None:
        # Kafka's own partitioner, which librdkafka does not take by itself: dedupe is per partition.
        program = [
            "kcat",
            "-P",
            "-b",
            f"{LOOPBACK}:{self.kafka_port}",
            "-t",
            topic,
            "-X",
            "partitioner=murmur2_random",
        ]
        run([*program, *words], lines)

    def _consume(self, topic: str, *words: str) -> str:
        program = ["kcat", "-C", "-b", f"{LOOPBACK}:{self.kafka_port}", "-t", topic, "-o", "beginning", "-q", "-J"]
        return run([*program, "-X", "isolation.level=read_committed", *words])


def run(
    program: Sequence[str],
    given: bytes = b"",
    *,
    environment: dict[str, str] | None = None,
    patience_s: float = PATIENCE_S,
) -> str:
    """What it printed to stdout. Fails with what it said when its exit code is not 0 or the time ran out."""
    done = subprocess.run(
        program, input=given, cwd=ROOT, env=environment, capture_output=True, timeout=patience_s, check=False
    )
    said = done.stderr.decode(errors="replace")[-4000:]
    assert done.returncode == 0, f"{' '.join(program)} ended with {done.returncode}: {said}"
    return done.stdout.decode()


def until(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait for it; fails when the time ran out."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {patience_s:g} s"
        time.sleep(0.25)


def _get(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=10) as answer:
        content: bytes = answer.read()
    return content


def _as_read(line: str) -> Read:
    record = json.loads(line)
    words = record.get("headers") or []
    return Read(record["key"], record["payload"], dict(zip(words[::2], words[1::2], strict=True)))
