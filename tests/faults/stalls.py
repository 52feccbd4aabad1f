"""How long nothing came out although something had gone in. Pure."""

from collections.abc import Iterable

Moment = tuple[int, float]
"""An ingress partition, and when (seconds, monotonic)."""


def longest(acked: Iterable[Moment], received: Iterable[Moment]) -> float:
    """The longest time, in seconds, in which a partition had a record acknowledged and not yet receipted,
    and gave no receipt. 0.0 when nothing waited; records never receipted do not count (they are findings).

    A partition answers in order, so its n-th receipt is that of its n-th record.
    """
    waits: dict[int, list[float]] = {}
    for partition, at in acked:
        waits.setdefault(partition, []).append(at)
    for times in waits.values():
        times.sort()
    answered: dict[int, int] = {}
    last: dict[int, float] = {}
    worst = 0.0
    for partition, at in sorted(received, key=lambda moment: moment[1]):
        n = answered.get(partition, 0)
        if n < len(waits.get(partition, ())):
            worst = max(worst, at - max(waits[partition][n], last.get(partition, 0.0)))
        answered[partition], last[partition] = n + 1, at
    return worst
