"""What the sink's own log says of a load: which groups were told to their end, and whether a message changed. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

from schemas.codes import CLOSING_NOTICES
from tests.notices.load import Course
from tests.notices.sink import TAKEN

_ENDS: Final = frozenset(f"referral.notice.{code.value}" for code in CLOSING_NOTICES)


@dataclass(frozen=True, slots=True)
class Request:
    """One request that the sink read."""

    at_ms: int
    path: str
    id: str
    group: str
    sequence: int
    covers: int
    type: str
    made: str
    sha256: str
    verified: bool
    status: int

    @property
    def taken(self) -> bool:
        """True where it was answered with 204."""
        return self.status == TAKEN


def requests(lines: Iterable[dict[str, Any]]) -> list[Request]:
    """Of a log's lines."""
    return [Request(**line) for line in lines]


@dataclass(frozen=True, slots=True)
class Fault:
    """`kind`: uncovered, unfinished, two_bodies, two_ids, unsigned, unknown."""

    kind: str
    of: str
    says: str


KINDS: Final = ("uncovered", "unfinished", "two_bodies", "two_ids", "unsigned", "unknown")


def judge(sent: Iterable[Course], log: Iterable[Request]) -> list[Fault]:
    """Everything that is wrong; `sent`: the groups whose endpoints live, and the notices that were sent of them."""
    by_group = _by_group(log)
    found: list[Fault] = []
    for course in sent:
        found += _coverage(course, by_group.get(course.group, []))
        found += _identity(course.group, by_group.pop(course.group, []))
    found += [Fault("unknown", group, "no notice of it was sent to a live endpoint") for group in by_group]
    return found


def told(sent: Collection[Course], log: Iterable[Request]) -> float:
    """The share of the groups that are told to their end."""
    by_group = _by_group(log)
    return sum(not _coverage(course, by_group.get(course.group, [])) for course in sent) / len(sent)


def repeats(log: Iterable[Request]) -> int:
    """How many requests were for a message that the sink had taken before."""
    again, taken = 0, set()
    for request in log:
        again += request.id in taken
        if request.taken:
            taken.add(request.id)
    return again


def _by_group(log: Iterable[Request]) -> dict[str, list[Request]]:
    found: defaultdict[str, list[Request]] = defaultdict(list)
    for request in log:
        found[request.group].append(request)
    return dict(found)


def _coverage(course: Course, log: list[Request]) -> list[Fault]:
    """The newest message says how it stands, and was taken. What ended before anybody heard of it is not told."""
    if not log:
        return [Fault("uncovered", course.group, "nothing came")] if course.stays_open else []
    newest = max(log, key=lambda request: request.sequence)
    told = [request for request in log if request.sequence == newest.sequence]
    taken = any(request.taken for request in told)
    if course.stays_open:
        if newest.covers == course.newest and newest.type not in _ENDS and taken:
            return []
        return [Fault("uncovered", course.group, f"{newest.type} covers {newest.covers} of {course.newest}, {taken}")]
    if newest.type in _ENDS and taken:
        return []
    return [Fault("unfinished", course.group, f"it ended, and the newest message is {newest.type}, taken: {taken}")]


def _identity(group: str, log: list[Request]) -> list[Fault]:
    found: list[Fault] = []
    bodies: defaultdict[int, set[str]] = defaultdict(set)
    ids: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    numbers: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
    for request in log:
        bodies[request.sequence].add(request.sha256)
        ids[request.path, request.sequence].add(request.id)
        numbers[request.id].add((request.path, request.sequence))
    found += [
        Fault("two_bodies", group, f"message {number}: {len(each)} bodies")
        for number, each in bodies.items()
        if len(each) > 1
    ]
    found += [
        Fault("two_ids", group, f"message {number} at {path}: {len(each)} ids")
        for (path, number), each in ids.items()
        if len(each) > 1
    ]
    found += [
        Fault("two_ids", group, f"{identity} names {len(each)} messages")
        for identity, each in numbers.items()
        if len(each) > 1
    ]
    found += [Fault("unsigned", group, request.id) for request in log if not request.verified]
    return found
