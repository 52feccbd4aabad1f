"""`referrals reconcile`: has the ledger's own program count again, as a process, and gives what it says."""

import subprocess
import sys
from typing import Annotated, Final

import typer

from services.console import output
from services.console.environment import configuration, find_desk

PROGRAM: Final = (sys.executable, "-m", "services.ledger.reconcile")


def command(
    desk: Annotated[str | None, typer.Argument(metavar="DESK", help="Only this desk.")] = None,
    reports: Annotated[
        bool, typer.Option("--reports", help="Name partner, report and desk too: sensitive, for the operator alone.")
    ] = False,
    as_json: output.Json = False,
) -> None:
    """Make the ledger's counts again from its entries, and name what is missing.

    Reads the ledger's database (DATABASE_URL, as the ledger has it) in one snapshot, beside a running ledger, and
    writes nothing. Held against each other: the tallies and the entries; the queue records read and those in
    entries; running numbers, queue records and receipts of each queue and ingress partition. Where something is in
    doubt the topics are read, and it is named by its place: running numbers, ingress offsets, topic, partition and
    offset. What the ledger has yet to read is no doubt. Exit code 1 when something does not add up, 3 when the
    database or the broker is out of reach.

    Examples:

      referrals reconcile
      referrals reconcile nl --reports
      DATABASE_URL=postgresql://ledger@db/ledger referrals reconcile --json | jq .streams
    """
    if desk is not None:
        find_desk(configuration().desks.desks, desk)
    words = [*([desk] if desk else []), *(["--reports"] if reports else []), *(["--json"] if as_json else [])]
    ended = subprocess.run([*PROGRAM, *words], capture_output=True, text=True, check=False)  # noqa: S603 - our own
    if ended.stdout:
        output.result(ended.stdout.rstrip("\n"))
    if ended.stderr:
        output.note(ended.stderr.rstrip("\n"))
    raise typer.Exit(ended.returncode)
