"""What to do about a transaction that a restarted broker left half closed. Pure.

A coordinator that stops, in order or not, may skip the markers of a transaction that it had decided to commit or to
abort: some partitions have them, others never get them. What is left open blocks readers, and is closed with
whatever the next transaction of the same id does. So it has to be closed first, and the right way.
"""

from enum import Enum, auto


class Repair(Enum):
    """What must happen before a partition may route."""

    NOTHING = auto()
    ABORT = auto()
    """No trace of a commit: an abort marker everywhere. What it held will be routed again."""
    COMMIT = auto()
    """It was decided: a commit marker everywhere. What it held is routed."""
    ROLL_FORWARD = auto()
    """The same, and the group's offset is set to where the seen-log says that routing goes on."""
    CLOSE_PIECES = auto()
    """Seen-log and offset agree, but pieces of ours are open in places beside them: each as its own record says."""
    REFUSE = auto()
    """Somebody moved the offset, or retention took both: a person must decide."""


def repair(
    *,
    commit_decided: bool,
    seen_open: bool,
    ours_open: bool,
    committed: int | None,
    seen_next: int | None,
    untouched: bool,
) -> Repair:
    """From what the broker says: the coordinator's last decision, what of ours is open, the two next offsets.

    The seen-log is written in the same transaction as the offset, so when it is the further of the two it is right:
    the other one's marker is missing, or the group's offset has expired. `committed` is None on errors too.
    What others left open in the same places is theirs to close, and only their producers can.
    `untouched`: the seen-log was never written or trimmed; only then do two Nones mean the beginning.
    """
    if seen_open:
        ahead = committed is not None and (seen_next is None or committed > seen_next)
        return Repair.COMMIT if commit_decided or ahead else Repair.ABORT
    if committed == seen_next:
        if seen_next is None and not untouched:
            return Repair.REFUSE
        return Repair.CLOSE_PIECES if ours_open else Repair.NOTHING
    if seen_next is not None and (committed is None or committed < seen_next):
        return Repair.ROLL_FORWARD
    return Repair.REFUSE


def was_committed(ingress_offset: int | None, committed: int | None) -> bool:
    """Whether a piece that was written for an ingress record belongs to a transaction that was committed.

    Offset and seen-log agree on `committed`, the next one to route: what was written for one before it will never be
    written again, and what was written for a later one will be. None: written to close something, never to be read.
    """
    return ingress_offset is not None and ingress_offset < (committed or 0)
