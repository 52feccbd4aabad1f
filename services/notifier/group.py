"""One group of notices: how it stands, what was told of it and how far it was answered. Pure."""

from typing import Final

from msgspec import Struct

from schemas.codes import Lane, NoticeType
from services.notifier.notice import Notice

UNANSWERABLE: Final = frozenset({NoticeType.DAILY_DIGEST})
"""What is told once and needs no answer."""
ALWAYS_LOUD: Final = frozenset({NoticeType.URGENT_ARRIVED, NoticeType.URGENT_REJECTED})


class Group(Struct, frozen=True):
    """`newest`: the newest notice, an end included; all times in milliseconds, by this notifier's clock.

    `added`: how much came since the newest message. `answered`, `covered`: through which notice somebody has answered,
    and the newest message speaks. `number`: the newest message's; it grows for as long as the group's name lives.
    `told_ms`: when that was composed. `changed_ms`: when the newest notice was taken. `since_ms`: when it opened.
    `steps`: rungs taken since the ladder began; `step_ms`: from when the next one's time counts. `addressed`: the
    channels to which messages of this opening went. `end_owed`: it ended, and those have not been told yet.
    `exhausted`: the whole ladder was gone through without an answer.
    """

    key: str
    newest: Notice
    open: bool = False
    added: int = 0
    answered: int = 0
    covered: int = 0
    number: int = 0
    told_ms: int = 0
    changed_ms: int = 0
    since_ms: int = 0
    steps: int = 0
    step_ms: int = 0
    addressed: tuple[str, ...] = ()
    end_owed: bool = False
    exhausted: bool = False

    @property
    def desk(self) -> str:
        """Whom it concerns; `operator` for who runs the system."""
        return self.newest.desk

    @property
    def type(self) -> NoticeType:
        """What is open, or was."""
        return self.newest.ends or self.newest.type

    @property
    def lane(self) -> Lane | None:
        """Where it is about one."""
        return self.newest.lane

    @property
    def needs_answer(self) -> bool:
        """True while there is a cause that nobody has answered."""
        return self.open and self.type not in UNANSWERABLE and self.answered < self.newest.sequence

    @property
    def untold(self) -> bool:
        """True while there is a cause that no message speaks for."""
        return self.open and self.covered < self.newest.sequence

    @property
    def is_loud(self) -> bool:
        """True for what quiet hours do not hold up."""
        return self.lane is Lane.URGENT or self.type in ALWAYS_LOUD
