"""Status events of a desk on their way: judged all together, published in order, each answer told."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from policy.configuration import Configuration
from policy.desks import Desk
from schemas import topics
from services.console import output
from services.console.desk_events import Judge, Ready, Wrong
from services.console.desk_topics import publish, read_desk
from services.console.publication import Acknowledged, Answer
from services.console.records import FileRecord
from services.runtime.exits import DONE, FOUND
from services.runtime.settings import KafkaSettings

ACKNOWLEDGED: Final = "acknowledged"
NOT_ACKNOWLEDGED: Final = "not acknowledged"
REFUSED: Final = "refused here"
WOULD_PUBLISH: Final = "would be published"
HELD_BACK: Final = "held back"

Line = tuple[FileRecord, Mapping[str, Any] | str]


@dataclass(frozen=True, slots=True)
class Manner:
    """How to go about it. `keep_going`: publish what is right although something else is wrong."""

    keep_going: bool = False
    dry_run: bool = False
    as_json: bool = False


@dataclass(slots=True)
class _Telling:
    as_json: bool
    topic: str
    events: dict[str, Ready] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def wrong(self, wrong: Wrong) -> None:
        self.counts[REFUSED] += 1
        if self.as_json:
            self._record(wrong.record, "refused", why=wrong.why)
        else:
            output.result(f"{wrong.record.place}: {wrong.why}")

    def unsent(self, ready: Ready, result: str) -> None:
        self.counts[result] += 1
        if self.as_json:
            self._record(ready.record, result.replace(" ", "_"), event=ready.event.event)

    def answered(self, record: FileRecord, answer: Answer) -> None:
        ready = self.events[record.place]
        match answer:
            case Acknowledged(partition, offset):
                self.counts[ACKNOWLEDGED] += 1
                if self.as_json:
                    self._record(record, "acknowledged", event=ready.event.event, partition=partition, offset=offset)
                else:
                    output.result(
                        f"{record.place}: {ready.event.event} {ready.event.partner} {ready.event.report} "
                        f"at {partition}@{offset}"
                    )
            case _:
                self.counts[NOT_ACKNOWLEDGED] += 1
                if self.as_json:
                    self._record(record, "not_acknowledged", event=ready.event.event, why=answer.why)
                else:
                    output.result(f"{record.place}: {ready.event.event} not acknowledged: {answer.why}")

    def _record(self, record: FileRecord, result: str, **more: Any) -> None:
        output.record({"file": record.file, "line": record.line, "result": result, "topic": self.topic} | more)


def act(
    settings: KafkaSettings, known: Configuration, desk: Desk, lines: Iterable[Line], manner: Manner, now_ms: int
) -> int:
    """Publish what the lines say; nothing of it where one is wrong, unless told to keep going. An exit code."""
    found = read_desk(settings, known, desk)
    judge = Judge(found.entries, now_ms, frozenset(known.partners.by_id), frozenset(known.desks.by_id), found.complete)
    judged = [judge.judge(record, fields) for record, fields in lines]
    telling = _Telling(manner.as_json, topics.status(desk.id))
    for one in judged:
        if isinstance(one, Wrong):
            telling.wrong(one)
    ready = [one for one in judged if isinstance(one, Ready)]
    telling.events = {one.record.place: one for one in ready}
    if manner.dry_run or (telling.counts[REFUSED] and not manner.keep_going):
        for one in ready:
            telling.unsent(one, WOULD_PUBLISH if manner.dry_run else HELD_BACK)
    elif ready:
        publish(settings, desk, ready, telling.answered)
    _summarise(telling, ready)
    return FOUND if not judged or telling.counts[REFUSED] or telling.counts[NOT_ACKNOWLEDGED] else DONE


def _summarise(telling: _Telling, ready: Iterable[Ready]) -> None:
    parts = [f"{number:,} {name}" for name, number in sorted(telling.counts.items())]
    output.note(f"{telling.topic}: {', '.join(parts) or 'nothing to publish'}")
    if telling.counts[HELD_BACK]:
        output.note("nothing was published: put the lines above right, or publish the others with --keep-going")
    if telling.counts[NOT_ACKNOWLEDGED]:
        output.note("publish the same again: what is there already, with the same `at`, counts once")
    if unmet := sum(one.unmet for one in ready):
        output.note(
            f"{output.count(unmet, 'event')} of referrals that the queues do not hold any more (kept 90 days): "
            "whether they may follow is the ledger's to say"
        )
