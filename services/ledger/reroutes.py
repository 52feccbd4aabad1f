"""The reroute commands of a ledger, held against the router's receipts: what is unanswered, what was refused. Pure.

A command that the router carried out needs no memory: the queue record tells. One that it refused keeps its row, since
the entry that it was to pass on is in no other desk's hands.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from schemas.codes import Outcome
from schemas.lifecycle import Refusals, never
from services.ledger.entry import Entry
from services.ledger.saying import REROUTE, Message, forwarding, is_command
from services.ledger.tally import CounterKey, Counters
from services.ledger.values import Receipted, entry_key

REROUTES: Final = "reroutes"
"""The counter's name."""
SENT: Final = "sent"
CARRIED_OUT: Final = "carried_out"
REFUSED: Final = "rejected"
RESULTS: Final = (SENT, CARRIED_OUT, REFUSED)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A command that the router refused. `rank`: what of the entry it was to pass on, as its receipt says."""

    command: str
    key: str
    desk: str
    rank: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A command that was said in this batch, at `at_ms` (Unix ms)."""

    command: str
    key: str
    desk: str
    at_ms: int


def refusals(key: str, known: Mapping[str, Mapping[str, Refusal]]) -> Refusals:
    """Which forwardings of this entry were refused.

    Any refusal decides, also of an amendment that was to follow: shown once too often, rather than never. A withdrawal
    that was refused hides nothing, and is in no forwarding's identity.
    """
    found = known.get(key)
    if not found:
        return never

    def is_refused(number: int, to: str) -> bool:
        return any(refusal.command == forwarding(key, refusal.rank, number, to) for refusal in found.values())

    return is_refused


class Reroutes:
    """What a batch learns of reroute commands. Changes the refusals that it is given, and counts."""

    def __init__(self, known: dict[str, dict[str, Refusal]], counters: Counters) -> None:
        self.asked: list[Asked] = []
        self.refused: list[Refusal] = []
        self.answered: set[str] = set()
        """Commands that wait for no answer any more."""
        self._known = known
        self._counters = counters

    def answer(self, receipt: Receipted) -> str | None:
        """Take in a receipt of a command; the key of the entry that is concerned, where the router refused it.

        What an operator commands is the operator's: only commands of a ledger are held against their receipts.
        """
        mark = receipt.command
        if mark is None or receipt.report is None or not is_command(mark.command):
            return None
        self.answered.add(mark.command)
        if not mark.refused:
            if receipt.outcome not in (Outcome.DUPLICATE, Outcome.REJECTED):
                self._counters[CounterKey(REROUTES, mark.desk, "", CARRIED_OUT)] += 1
            return None
        key = entry_key(receipt.partner, receipt.report, mark.desk)
        there = self._known.setdefault(key, {})
        if mark.command in there:
            return None
        rank = f"{receipt.revision}.{mark.tenure}"
        refusal = there[mark.command] = Refusal(mark.command, key, mark.desk, rank, receipt.received_ms)
        self.refused.append(refusal)
        self._counters[CounterKey(REROUTES, mark.desk, "", REFUSED)] += 1
        return key

    def ask(self, entry: Entry, said: Iterable[Message]) -> None:
        """These are said of the entry now; the commands among them wait for an answer."""
        for message in said:
            if message.event_type == REROUTE:
                self.asked.append(Asked(message.identity, entry.key, entry.desk, message.at_ms))
                self._counters[CounterKey(REROUTES, entry.desk, "", SENT)] += 1
