"""What a broker is asked about topics, in a thread beside the one that reads them, which goes on meanwhile."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from services.runtime.cluster import Cluster, Place

T = TypeVar("T")


class Beside:
    """The first call asks a question, a later one has the answer: None until then. Raises what went wrong."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._asking = ThreadPoolExecutor(1, "beside")
        self._asked: dict[str, Future[Any]] = {}

    def cluster_id(self) -> str | None:
        """The cluster's own."""
        return self._answer("id", self._cluster.id)

    def partitions(self, topics: Iterable[str]) -> list[Place] | None:
        """Every partition of these topics that is there."""
        listed = list(topics)
        return self._answer("partitions", lambda: self._cluster.partitions(listed))

    def ends(self, places: Mapping[Place, int]) -> dict[Place, int] | None:
        """The next offset of each partition, committed or not, of a moment after the question."""
        listed = list(places)
        return self._answer("ends", lambda: self._cluster.ends(listed))

    def close(self) -> None:
        """The cluster is not asked any more when this returns."""
        self._asking.shutdown(cancel_futures=True)

    def _answer(self, what: str, ask: Callable[[], T]) -> T | None:
        asked = self._asked.get(what)
        if asked is None:
            self._asked[what] = self._asking.submit(ask)
            return None
        if not asked.done():
            return None
        found: T = self._asked.pop(what).result()
        return found
