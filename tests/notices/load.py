"""Notices as a ledger would send them for many desks at once. Pure, seeded: the same for the same arguments."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from schemas.codes import Lane, NoticeType
from schemas.notices import Notice

DESKS: Final = 150
COURSES: Final = ("CCCCC", "CCCEC", "CECEC", "CCCCE", "CECCE")
"""Of a group: a cause comes (C), it ends (E). The last says whether it stays open."""
BRISK: Final = ("CECEC", "CECE", "C", "CE")
"""Without a cause after a cause: none waits for the minute after which an open group's count is told anew."""
SHUFFLED: Final = 2_000
"""Notices of so many groups come mixed."""
_AT: Final = "2026-11-18T11:06:40Z"
_TYPE: Final = NoticeType.URGENT_ARRIVED


@dataclass(frozen=True, slots=True)
class Course:
    """One group's notices: their sequence numbers are `first`, `first` + 1, …"""

    desk: str
    group: str
    first: int
    steps: str

    @property
    def newest(self) -> int:
        """The last one's sequence number."""
        return self.first + len(self.steps) - 1

    @property
    def stays_open(self) -> bool:
        """True where the last one is a cause."""
        return self.steps[-1] == "C"

    def notice(self, place: int) -> Notice:
        """The notice at a place of the course."""
        ends = self.steps[place] == "E"
        return Notice(
            id=f"{hash_free(self.group, place):032x}",
            type=NoticeType.LOOKED if ends else _TYPE,
            group=self.group,
            sequence=self.first + place,
            desk=self.desk,
            at=_AT,
            lane=Lane.URGENT,
            ends=_TYPE if ends else None,
            count=0 if ends else place + 1,
            added=0 if ends else 1,
        )


def desk_name(number: int) -> str:
    """Of desk `number`, from 0."""
    return f"d{number:03d}"


def courses(groups: int, desks: int, chosen: Sequence[str], first: int, seed: int, start: int = 0) -> list[Course]:
    """`groups` groups, spread evenly over the desks, with one of the courses each. `first`: sequence they begin at.

    `start`: the number of the first group, so that loads one after the other share none.
    """
    rng = Random(seed)
    return [
        Course(desk, f"{desk}/urgent/{_TYPE}/{number}", first, rng.choice(chosen))
        for number in range(start, start + groups)
        for desk in [desk_name(number % desks)]
    ]


def mixed(found: Sequence[Course], seed: int) -> list[Notice]:
    """All their notices, each group's in order, those of neighbouring groups mixed."""
    rng = Random(seed)
    made: list[Notice] = []
    for start in range(0, len(found), SHUFFLED):
        some = found[start : start + SHUFFLED]
        turns = [place for place, course in enumerate(some) for _ in course.steps]
        rng.shuffle(turns)
        done: defaultdict[int, int] = defaultdict(int)
        for place in turns:
            made.append(some[place].notice(done[place]))
            done[place] += 1
    return made


def count(found: Iterable[Course]) -> int:
    """How many notices that is."""
    return sum(len(course.steps) for course in found)


def hash_free(group: str, place: int) -> int:
    """A number for a notice's id: no two notices of a load have one."""
    return int(group.rpartition("/")[2]) * 100 + place
