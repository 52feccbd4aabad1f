"""`referrals receipts`: what became of a partner's records."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from confluent_kafka import Message
from pydantic import ValidationError

from schemas import topics
from schemas.records import Receipt
from services.console import output
from services.console.environment import configuration, find_partner, kafka_settings
from services.console.reader import TopicReader, parse_start

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Wait for more; Ctrl-C ends it.")]
From = Annotated[
    str, typer.Option("--from", metavar="WHERE", help="beginning, end, or a number of days such as 7days.")
]


def command(
    partner: Annotated[str, typer.Argument(metavar="PARTNER", help="A partner's id, as in partners.yaml.")],
    follow: Follow = False,
    start: From = "beginning",
    as_json: output.Json = False,
) -> None:
    """Read what became of a partner's records.

    One line a receipt: when the broker received the record, where it is (partition and offset), the outcome,
    the report and revision, and the desks it went to or the reason it was rejected. --json gives the receipts
    as the contract has them, one a line.

    Examples:

      referrals receipts ncmec --from 7days
      referrals receipts inhope-nl --follow --from end
      referrals receipts ncmec --json | jq 'select(.outcome == "rejected")'
    """
    where = parse_start(start)
    whose = find_partner(configuration().partners.partners, partner)
    with TopicReader(kafka_settings(), topics.receipt(whose.id)) as reader:
        reader.start(where)
        number = unreadable = 0
        try:
            for message in reader.follow() if follow else reader.to_the_end():
                receipt = parse_receipt(message)
                number, unreadable = number + 1, unreadable + (receipt is None)
                if receipt is not None:
                    output.record(fields(receipt)) if as_json else output.result(line(receipt))
        except KeyboardInterrupt:
            pass
    output.note(output.count(number, "receipt") + (f", {unreadable} of them unreadable" if unreadable else ""))


def parse_receipt(message: Message) -> Receipt | None:
    """The receipt in this record; None for what is none."""
    try:
        return Receipt.model_validate_json(message.value() or b"")
    except ValidationError:
        return None


def fields(receipt: Receipt) -> Any:
    """As the contract's JSON."""
    return receipt.model_dump(mode="json", by_alias=True)


def line(receipt: Receipt) -> str:
    """For a person."""
    report = receipt.report or "(no report number)"
    revision = "" if receipt.revision is None else f"/{receipt.revision}"
    place = f"{'test ' if receipt.test else ''}{receipt.partition}@{receipt.offset}"
    return f"{receipt.received_at}  {place:<12}  {receipt.outcome:<10}  {report}{revision}  {' '.join(_rest(receipt))}"


def _rest(receipt: Receipt) -> Iterator[str]:
    if receipt.reason:
        yield receipt.reason
    for destination in receipt.destinations:
        yield f"{destination.desk}:{destination.lane}({','.join(sorted(destination.roles))})"
    if receipt.dropped:
        yield f"dropped:{','.join(sorted(receipt.dropped))}"
    if receipt.reroute:
        yield f"reroute:{receipt.reroute.command}"
