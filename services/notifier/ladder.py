"""What happens to a group: a notice comes, time passes, somebody answers. Pure: each gives the group as it is then.

One ladder a group. A step's time counts from the step before it (the first one's from when the group opened), so that
each step's people get the time that the desk gives them, also where quiet hours or an outage came in between.
"""

from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from policy.notify import Notify
from services.notifier.group import UNANSWERABLE, Group
from services.notifier.notice import Notice
from services.notifier.quiet import loud_from_ms

UPDATE_MS: Final = 60_000
"""A burst changes the count of an open group at most once in so long."""


class Reason(StrEnum):
    """Why a message is composed."""

    STEP = "step"
    UPDATE = "update"
    DIGEST = "digest"
    END = "end"


class Told(Struct, frozen=True):
    """A message to compose of the group as it then stands, and the channels it goes to.

    An end goes to those of them that were really told.
    """

    reason: Reason
    number: int
    channels: tuple[str, ...]
    added: int
    step: int | None = None


class Answer(StrEnum):
    """What came of an answer."""

    TAKEN = "taken"
    BEFORE = "before"
    """Somebody had answered that far already."""
    OVER = "over"
    """Nothing of the group is open any more."""
    AHEAD = "ahead"
    """It names a notice that is not known."""


def take(group: Group | None, notice: Notice, now_ms: int) -> Group:
    """The group with this notice; itself where the notice is not newer than what it has."""
    if group is not None and notice.sequence <= group.newest.sequence:
        return group
    if group is None:
        group = Group(notice.group, notice)
    if notice.is_end:
        return _end(group, notice, now_ms)
    if not group.open:
        return _open(group, notice, now_ms)
    answered = not group.needs_answer
    group = replace(group, newest=notice, added=group.added + notice.added, changed_ms=now_ms)
    return _begin_ladder(group, now_ms) if answered else group


def advance(group: Group, notify: Notify, now_ms: int) -> tuple[Group, Told | None]:
    """What the clock asks for, one message at a time: call it again until there is none."""
    due = due_ms(group, notify, now_ms)
    if due is None or due > now_ms:
        return group, None
    if group.end_owed:
        group, told = _tell(replace(group, end_owed=False), Reason.END, group.addressed, now_ms)
        return replace(group, addressed=()), told
    if group.type in UNANSWERABLE:
        return _tell(group, Reason.DIGEST, notify.rungs[0].channels, now_ms)
    if _step_due_ms(group, notify) > now_ms:
        return _tell(group, Reason.UPDATE, group.addressed, now_ms)
    return _step(group, notify, now_ms)


def due_ms(group: Group, notify: Notify, now_ms: int) -> int | None:
    """When `advance` has something to do; at `now_ms` or later. None: only a notice can change that."""
    nominal_ms = _nominal_ms(group, notify)
    if nominal_ms is None:
        return None
    at_ms = max(nominal_ms, now_ms)
    return at_ms if group.is_loud else loud_from_ms(at_ms, notify.quiet, notify.time_zone)


def answer(group: Group, through: int, now_ms: int) -> tuple[Group, Answer]:
    """Somebody has it in hand, up to and with the notice of sequence `through`. What came after it opens it anew."""
    if through > group.newest.sequence:
        return group, Answer.AHEAD
    if not group.open:
        return group, Answer.OVER
    if through <= group.answered:
        return group, Answer.BEFORE
    group = replace(group, answered=through, exhausted=False)
    return (_begin_ladder(group, now_ms) if group.needs_answer else group), Answer.TAKEN


def _open(group: Group, notice: Notice, now_ms: int) -> Group:
    """Whoever has not heard of the end before it yet will hear that it goes on, and not of an end."""
    return replace(
        group,
        newest=notice,
        open=True,
        added=notice.added,
        changed_ms=now_ms,
        since_ms=now_ms,
        steps=0,
        step_ms=now_ms,
        addressed=group.addressed if group.end_owed else (),
        end_owed=False,
        exhausted=False,
    )


def _end(group: Group, notice: Notice, now_ms: int) -> Group:
    """What led here needs no answer any more: one that comes late says nothing of what opens next."""
    owed = group.end_owed or (group.open and bool(group.addressed) and group.type not in UNANSWERABLE)
    return replace(
        group,
        newest=notice,
        open=False,
        answered=notice.sequence,
        added=0,
        changed_ms=now_ms,
        steps=0,
        end_owed=owed,
        exhausted=False,
    )


def _begin_ladder(group: Group, now_ms: int) -> Group:
    """Who answers each message at once must not be told more often than who answers none."""
    return replace(group, steps=0, step_ms=max(now_ms, group.told_ms + UPDATE_MS), exhausted=False)


def _nominal_ms(group: Group, notify: Notify) -> int | None:
    """The same as `due_ms` by a desk without quiet hours; may be past."""
    if not notify.rungs:
        return None
    if group.end_owed:
        return group.changed_ms
    if group.open and group.type in UNANSWERABLE:
        return group.changed_ms if group.untold else None
    if not group.needs_answer:
        return None
    step_ms = _step_due_ms(group, notify)
    if group.steps and group.untold:
        return min(step_ms, max(group.changed_ms, group.told_ms + UPDATE_MS))
    return step_ms


def _step_due_ms(group: Group, notify: Notify) -> int:
    rungs, done = notify.rungs, group.steps
    if done >= len(rungs):
        return group.step_ms + notify.repeat_seconds * 1000
    before = rungs[done - 1].after_seconds if done else 0
    return group.step_ms + (rungs[done].after_seconds - before) * 1000


def _step(group: Group, notify: Notify, now_ms: int) -> tuple[Group, Told]:
    """The next rung, or the last again. What nobody was told of yet goes to the rungs before it too."""
    rungs = notify.rungs
    channels = rungs[min(group.steps, len(rungs) - 1)].channels
    if group.untold:
        channels = tuple(dict.fromkeys((*channels, *group.addressed)))
    stepped = replace(
        group, steps=group.steps + 1, step_ms=now_ms, exhausted=group.exhausted or group.steps >= len(rungs)
    )
    return _tell(stepped, Reason.STEP, channels, now_ms)


def _tell(group: Group, reason: Reason, channels: tuple[str, ...], now_ms: int) -> tuple[Group, Told]:
    """Numbers are times where they can be: a database that was lost gives none again."""
    number = max(group.number + 1, now_ms)
    told = Told(reason, number, channels, group.added, group.steps or None)
    addressed = tuple(dict.fromkeys((*group.addressed, *channels)))
    return (
        replace(group, number=number, told_ms=now_ms, covered=group.newest.sequence, added=0, addressed=addressed),
        told,
    )
