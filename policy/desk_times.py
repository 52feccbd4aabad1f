"""The times of a desk as written: in its own entry, in `defaults`, in another file laid over it.

What is written later or nearer counts, field by field and lane by lane; what remains must hold together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

import yaml

from policy.desks import Desk
from policy.documents import Document
from policy.durations import write_duration
from schemas.codes import Lane

TIME_FIELDS: Final = {"targets": False, "silent_after": False, "keep": False, "evidence": False}
_LANE_FIELDS: Final = {str(lane): False for lane in Lane}


@dataclass(frozen=True, slots=True)
class Time:
    """A time, and where it comes from. `seconds` is None where what was written could not be read."""

    seconds: int | None
    origin: str
    node: yaml.Node | None = None


Layer = Mapping[str, Time]
"""Times by name: a lane's is its target, the others are fields'."""


@dataclass(frozen=True, slots=True)
class _Order:
    """Two times of which the second must not be the shorter (`strict`: must be the longer)."""

    first: str
    second: str
    strict: bool
    why: str


_GRAVER_FIRST: Final = "what is graver is looked at no later"
_ORDERS: Final = (
    _Order(Lane.URGENT, Lane.PRIORITY, False, _GRAVER_FIRST),
    _Order(Lane.PRIORITY, Lane.ROUTINE, False, _GRAVER_FIRST),
    _Order(Lane.ROUTINE, "keep", True, "nothing is erased before somebody must have looked"),
)


@dataclass(frozen=True, slots=True)
class DeskTimes:
    """Reads one file's times and settles what counts for each desk. A mistake of `defaults` is told once."""

    document: Document
    _told: set[tuple[yaml.Node, str]] = field(default_factory=set)

    def read(self, fields: Mapping[str, yaml.Node], what: str) -> Layer:
        """The times among the fields of an entry that `what` names."""
        written: dict[str, Time] = {}
        if "targets" in fields:
            lanes = self.document.fields(fields["targets"], f"`targets` of {what}", _LANE_FIELDS)
            written = {lane: self._read(node, f"the target of `{lane}`") for lane, node in lanes.items()}
        single = [name for name in TIME_FIELDS if name != "targets" and name in fields]
        return written | {name: self._read(fields[name], f"`{name}`") for name in single}

    def _read(self, node: yaml.Node, what: str) -> Time:
        return Time(self.document.duration(node, what), f"line {node.start_mark.line + 1}", node)

    def settle(self, desk: Desk, origin: str, *layers: Layer) -> Desk:
        """The desk with the times of the layers, the last first; `origin` says whence it has those it has."""
        below = {name: Time(seconds, origin) for name, seconds in times_of(desk).items()}
        whole = below | {name: time for layer in layers for name, time in layer.items()}
        for order in _ORDERS:
            self._compare(order, whole, (below, *layers))
        return _with_times(desk, {name: time.seconds or 0 for name, time in whole.items()})

    def _compare(self, order: _Order, whole: Layer, layers: tuple[Layer, ...]) -> None:
        first, second = whole[order.first], whole[order.second]
        if first.seconds is None or second.seconds is None:
            return  # told already, and no guess is made at what was meant
        if first.seconds < second.seconds or (first.seconds == second.seconds and not order.strict):
            return
        later = next(layer for layer in reversed(layers) if layer.keys() & {order.first, order.second})
        node = (later.get(order.second) or later[order.first]).node
        if node is None or (node, order.first) in self._told:
            return
        self._told.add((node, order.first))
        self._tell(order, first, second, node)

    def _tell(self, order: _Order, first: Time, second: Time, node: yaml.Node) -> None:
        """At the one that was written nearer to the desk; of two in one place, at the second."""
        one, two = write_duration(first.seconds or 0), write_duration(second.seconds or 0)
        if node is second.node:
            than = "not more than" if order.strict else "less than"
            found = f"`{order.second}` {two}, {than} `{order.first}` {one} ({first.origin})"
            expected = f"more than {one}" if order.strict else f"{one} or more"
        else:
            than = "not less than" if order.strict else "more than"
            found = f"`{order.first}` {one}, {than} `{order.second}` {two} ({second.origin})"
            expected = f"less than {two}" if order.strict else f"{two} or less"
        self.document.note(node, found, f"{expected}: {order.why}")


def times_of(desk: Desk) -> dict[str, int]:
    """Seconds by the names that the files have for them; a target by its lane's."""
    return {
        **{str(lane): desk.targets[lane] for lane in Lane},
        "silent_after": desk.silent_after_seconds,
        "keep": desk.keep_seconds,
        "evidence": desk.evidence_seconds,
    }


def _with_times(desk: Desk, seconds: Mapping[str, int]) -> Desk:
    return replace(
        desk,
        targets=MappingProxyType({lane: seconds[lane] for lane in Lane}),
        silent_after_seconds=seconds["silent_after"],
        keep_seconds=seconds["keep"],
        evidence_seconds=seconds["evidence"],
    )
