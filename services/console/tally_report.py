"""What a tally says: figures by partner, then the verdict, then everything that does not add up."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from schemas.codes import Outcome
from services.console import output
from services.console.tally_records import input_kind
from services.console.tally_terms import Finding, Kind, Place, Sums


@dataclass(frozen=True, slots=True)
class Result:
    """The account, ready to be told. `unchecked`: queue records whose other side retention has deleted."""

    findings: Sequence[Finding]
    inputs: Mapping[Place, Sums]
    queues: Mapping[str, int]
    unchecked: int

    @property
    def adds_up(self) -> bool:
        """True when nothing is wrong."""
        return not self.findings

    @property
    def received(self) -> int:
        """Ingress records below the committed offsets."""
        return sum(sums.received for source, sums in self.inputs.items() if _is_ingress(source))

    @property
    def waiting(self) -> int:
        """Ingress records that the router has not come to."""
        return sum(sums.waiting for source, sums in self.inputs.items() if _is_ingress(source))


def _is_ingress(source: Place) -> bool:
    return input_kind(source.topic) is Kind.INGRESS


def tell(result: Result, as_json: bool) -> None:
    """Print it: a sum for each topic and the verdict, or one JSON document."""
    if as_json:
        output.document(document(result))
        return
    for line in (*_sums(result), *verdict(result)):
        output.result(line)


def _sums(result: Result) -> Iterator[str]:
    """`…ncmec.v1: 12 received = 10 routed + 2 duplicate`, for every ingress topic and for others with records."""
    for topic, sums in by_topic(result.inputs).items():
        outcomes = [(outcome, sums.outcomes.get(outcome, 0)) for outcome in Outcome]
        total = sum(count for _, count in outcomes)
        if sums.received or total or _is_ingress(Place(topic, 0)):
            sign = "=" if total == sums.received else "≠"
            yield f"{topic}: {sums.received:,} received {sign} " + " + ".join(
                f"{count:,} {outcome}" for outcome, count in outcomes
            )


def by_topic(inputs: Mapping[Place, Sums]) -> dict[str, Sums]:
    """The partitions of each topic together."""
    found: dict[str, Sums] = {}
    for source, sums in sorted(inputs.items()):
        other = found.get(source.topic, Sums(0, {}, 0, 0))
        found[source.topic] = Sums(
            sums.received + other.received,
            dict(Counter(sums.outcomes) + Counter(other.outcomes)),
            sums.waiting + other.waiting,
            sums.unchecked + other.unchecked,
        )
    return found


def verdict(result: Result) -> Iterator[str]:
    """One line that says whether it adds up; one for what is left open; one for each thing that is wrong."""
    checked = (
        f"{output.count(result.received, 'record')} received, each with one outcome; "
        f"{output.count(sum(result.queues.values()), 'record')} in {output.count(len(result.queues), 'queue')}, "
        "each where its receipt says"
    )
    yield f"It adds up: {checked}." if result.adds_up else "It does NOT add up:"
    for finding in result.findings:
        yield f"  {finding.wrong} ({finding.count:,}) {finding.where}: {finding.detail}"
    if result.waiting:
        yield f"Not routed yet: {output.count(result.waiting, 'record')}."
    if unchecked := result.unchecked + sum(sums.unchecked for sums in result.inputs.values()):
        yield f"Not checked, because retention has deleted the other side: {output.count(unchecked, 'record')}."


def document(result: Result) -> dict[str, Any]:
    """The same for programs."""
    return {
        "adds_up": result.adds_up,
        "received": result.received,
        "waiting": result.waiting,
        "unchecked": result.unchecked + sum(sums.unchecked for sums in result.inputs.values()),
        "inputs": {topic: asdict(sums) for topic, sums in by_topic(result.inputs).items()},
        "queues": dict(sorted(result.queues.items())),
        "findings": [asdict(finding) for finding in result.findings],
    }
