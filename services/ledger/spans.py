"""How many entries there are of each span of time, in two arrays: 16 bytes a span, ordered, counted by slices.

A queue may have two years of hours; a dict of them takes ten times the memory, and each count over them ten times as
long.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping


class Spans(Mapping[int, int]):
    """Start of a span (Unix ms) → entries in it, in order of time; empty ones are absent. For one thread at a time."""

    __slots__ = ("_numbers", "_starts")

    def __init__(self, starts: Iterable[int] = (), numbers: Iterable[int] = ()) -> None:
        """`starts`: in order, each once, with the number of each, none of them 0."""
        self._starts = array("q", starts)
        self._numbers = array("q", numbers)

    def __getitem__(self, start_ms: int) -> int:
        place = bisect_left(self._starts, start_ms)
        if place == len(self._starts) or self._starts[place] != start_ms:
            raise KeyError(start_ms)
        return self._numbers[place]

    def __iter__(self) -> Iterator[int]:
        return iter(self._starts)

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, start_ms: int, number: int) -> None:
        """So many more of that span; fewer, where it is negative."""
        starts, numbers = self._starts, self._numbers
        place = bisect_left(starts, start_ms)
        if place == len(starts) or starts[place] != start_ms:
            if number:
                starts.insert(place, start_ms)
                numbers.insert(place, number)
        elif left := numbers[place] + number:
            numbers[place] = left
        else:
            del starts[place], numbers[place]

    def between(self, from_ms: float | None, before_ms: float | None) -> int:
        """Entries of the spans that start at `from_ms` or later, and before `before_ms`; None: no such end."""
        first = 0 if from_ms is None else bisect_left(self._starts, from_ms)
        end = len(self._starts) if before_ms is None else bisect_left(self._starts, before_ms)
        return sum(self._numbers[first:end])

    def through(self, last_ms: float) -> int:
        """Entries of the spans that start then or earlier."""
        return sum(self._numbers[: bisect_right(self._starts, last_ms)])

    def next_from(self, from_ms: float) -> int | None:
        """The first start at that time or later."""
        place = bisect_left(self._starts, from_ms)
        return self._starts[place] if place < len(self._starts) else None

    def last_through(self, last_ms: float) -> int | None:
        """The last start then or earlier."""
        place = bisect_right(self._starts, last_ms)
        return self._starts[place - 1] if place else None

    def starts_total_ms(self) -> int:
        """The sum over all entries of the start of their span."""
        return sum(map(int.__mul__, self._starts, self._numbers))
