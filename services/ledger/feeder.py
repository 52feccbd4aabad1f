"""`python -m services.ledger.feeder FD FD`: reads the topics for a ledger, and passes on what they say when asked.

A process of its own, since an interpreter uses one core: while the ledger stores a batch, the next one is fetched and
read here. It keeps nothing and decides nothing: positions are the database's, and it ends with the ledger that started
it. Questions come and answers go by two pipes of the ledger's, inherited: nobody else can write to them.
"""

import signal
import sys
from multiprocessing.connection import Connection
from typing import Final

from services.ledger.intake import packed, read, readers
from services.ledger.questions import Ask, Hello
from services.runtime.interpreter import share_the_heap, spare_the_collector
from services.runtime.log import Event, configure, logger, places
from services.runtime.topic_reader import BATCH, TopicReader

GROUP: Final = "referral-ledger"
WORTH_BYTES: Final = 65_536
"""What a broker gathers for an answer, if it comes soon enough: a ledger of all desks reads six hundred partitions."""
POLL_S: Final = 0.1
GATHER_S: Final = 0.02
"""What comes within this after a first record is stored with it: a transaction costs as much as many records."""

log = logger()


def main() -> int:
    """0 when the ledger has gone, 1 when something failed: the ledger begins anew."""
    configure("ledger")
    for number in (signal.SIGTERM, signal.SIGINT):  # meant for the ledger; this one goes with it
        signal.signal(number, signal.SIG_IGN)
    share_the_heap()
    spare_the_collector(10 * BATCH)
    try:
        _feed(Connection(int(sys.argv[1]), writable=False), Connection(int(sys.argv[2]), readable=False))
    except (EOFError, ConnectionError):
        return 0
    except Exception as error:  # noqa: BLE001 - said here, where the places in the code are known
        log.warning(Event.SESSION_FAILED, error=error, places=places(error.__traceback__))
    return 1


def _feed(questions: "Connection[None, Hello | Ask]", answers: "Connection[bytes, None]") -> None:
    hello = questions.recv()
    assert isinstance(hello, Hello)
    reading = readers(hello.inputs, hello.known)
    reader = TopicReader(hello.kafka, GROUP, WORTH_BYTES)
    while True:
        ask = questions.recv()
        assert isinstance(ask, Ask)
        reader.start(ask.places, ask.positions)
        before = dict(reader.reached)
        messages = reader.poll(POLL_S, GATHER_S, ask.at_most)
        found = read(messages, reading)
        found.ends = dict(reader.reached.items() - before.items())
        reader.past(found.positions)
        answers.send_bytes(packed(found))


if __name__ == "__main__":
    sys.exit(main())
