"""Reads a desk's queues and status topic to their ends, and publishes its status events; joins no group."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from policy.configuration import Configuration
from policy.desks import Desk
from schemas import topics
from schemas.codes import Lane
from services.console.desk_entries import DeskEntries
from services.console.desk_events import Ready, headers_of
from services.console.publication import Answer, Publication
from services.console.reader import Beginning, TopicReader
from services.console.records import FileRecord
from services.runtime.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class DeskTopics:
    """What a desk's topics held. `complete`: its queues go back to the first record there ever was."""

    entries: DeskEntries
    complete: bool


def read_desk(settings: KafkaSettings, known: Configuration, desk: Desk) -> DeskTopics:
    """Everything of one desk. CannotRun where a topic is not there or not ours to read."""
    entries = DeskEntries(desk, known.partners.by_id, known.desks.by_id)
    complete = True
    for lane in Lane:
        with TopicReader(settings, topics.queue(desk.id, lane)) as reader:
            complete = complete and not any(reader.beginnings().values())
            reader.start(Beginning())
            for message in reader.to_the_end():
                entries.take_record(lane, message.value(), dict(message.headers() or ()))
    with TopicReader(settings, topics.status(desk.id)) as reader:
        reader.start(Beginning())
        for message in reader.to_the_end():
            entries.take_status(message.value(), message.timestamp()[1], message.offset() or 0)
    return DeskTopics(entries, complete)


def publish(
    settings: KafkaSettings, desk: Desk, events: Iterable[Ready], answered: Callable[[FileRecord, Answer], None]
) -> None:
    """Send each event, in order, and wait until each has its answer."""
    publication = Publication(settings, topics.status(desk.id), answered)
    for ready in events:
        publication.send(ready.sent, ready.event.report.encode(), headers_of(ready.event))
    publication.finish()
