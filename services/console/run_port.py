"""A service that the run has started, as it answers over HTTP."""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

ANSWER_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class ServicePort:
    """Where it answers."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Of its metrics."""
        return f"http://{self.host}:{self.port}/metrics"

    def ready(self) -> bool:
        """Whether it says that it does its work."""
        return self.get("/readyz") is not None

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> bytes | None:
        """What stands there; None when it does not answer now, or not with 200."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            response = connection.getresponse()
            content = response.read()
            return content if response.status == http.client.OK else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


def reachable(host: str) -> str:
    """What to ask where a service listens on `host`, which may mean every address."""
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - read, not bound
