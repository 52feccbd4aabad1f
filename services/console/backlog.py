"""`referrals backlog`: what nobody has looked at, as the ledger counts it."""

import http.client
import json
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import typer

from services.console import output
from services.console.token_file import token_of
from services.runtime.exits import DONE, FOUND, CannotRun, WrongUse

ANSWER_SECONDS: Final = 10.0
WATCH_SECONDS: Final = 5.0
_HEADINGS: Final = (
    "desk", "lane", "waiting", "past target", "oldest", "shelved", "in hand", "unknown", "in doubt", "signs",
)  # fmt: skip
_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def command(
    desk: Annotated[str | None, typer.Argument(help="Only this desk.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every 5 seconds, until Ctrl-C.")] = False,
    url: Annotated[str, typer.Option(help="Where the ledger answers.")] = "http://127.0.0.1:9465",
    token_file: Annotated[
        Path | None, typer.Option(help="File whose first line is the token that the ledger asks for.")
    ] = None,
    as_json: output.Json = False,
) -> None:
    """Show what nobody has looked at, by desk and lane.

    In the ledger's order of trouble. `unknown` is what a desk holds that does not report; all else of it is not
    known either. --json gives the ledger's own document (described in its /api/openapi.json). Exit code 1 when the
    ledger is not up to date or something is in doubt: then a 0 means nothing.

    Examples:

      referrals backlog
      referrals backlog nl --watch
      referrals backlog --json | jq '[.desks[].lanes[].overdue] | add'
    """
    token = token_of(token_file, "--token-file")
    try:
        while True:
            found = _ask(url, token)
            _show(found, desk, as_json)
            if not watch:
                break
            time.sleep(WATCH_SECONDS)
    except KeyboardInterrupt:
        pass
    raise typer.Exit(DONE if found["current"] and not found["in_doubt"] else FOUND)


def _ask(url: str, token: str | None) -> dict[str, Any]:
    """The ledger's document. CannotRun where it does not answer; WrongUse where it wants another token."""
    place = urlsplit(url)
    if place.scheme not in ("http", "https") or place.hostname is None:
        raise WrongUse(f"--url: found {url!r}; expected http://host:port")
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    connection = kind(place.hostname, place.port, timeout=ANSWER_SECONDS)
    try:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        connection.request("GET", "/api/backlog", headers=headers)
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise CannotRun(
            f"no ledger answers at {url} ({type(error).__name__}): it keeps the count; start it "
            "(python -m services.ledger) or say where it is with --url"
        ) from None
    finally:
        connection.close()
    if answer.status == http.client.UNAUTHORIZED:
        raise WrongUse(f"the ledger at {url} asks for its token: name the file with --token-file")
    if answer.status != http.client.OK:
        raise CannotRun(f"the ledger at {url} answers with {answer.status}")
    found: dict[str, Any] = json.loads(content)
    return found


def _show(found: Mapping[str, Any], desk: str | None, as_json: bool) -> None:
    chosen = [entry for entry in found["desks"] if desk in (None, entry["desk"])]
    if desk is not None and not chosen:
        raise WrongUse(
            f"no desk {output.printable(desk)!r} at this ledger; known are those of desks.yaml that it holds"
        )
    if as_json:
        output.document({**found, "desks": chosen})
        return
    at = datetime.fromisoformat(found["at"])
    output.table(_HEADINGS, _rows(chosen, at))
    if not found["current"]:
        output.note("the ledger is NOT up to date: what is missing here may be waiting")
    if found["in_doubt"]:
        output.note(f"{output.count(found['in_doubt'], 'referral')} in doubt: received, and not accounted for")
    for partner in found["rejected_not_resent"]:
        if partner["reports"]:
            output.note(
                f"{partner['partner']}: {output.count(partner['reports'], 'report')} rejected and not sent again"
            )


def _rows(desks: Iterable[Mapping[str, Any]], at: datetime) -> list[tuple[object, ...]]:
    """A row for each queue that holds something, in the ledger's order."""
    return [
        (entry["desk"], lane["lane"], _known(lane["waiting"]), _known(lane["overdue"]),
         _age(lane["oldest_arrived_at"], at), _known(lane["shelved"]), _known(lane["in_hand"]),
         lane["unreported"] or 0, lane["in_doubt"], ", ".join(entry["signs"]))
        for entry in desks
        for lane in entry["lanes"]
        if any(lane[held] for held in ("waiting", "shelved", "in_hand", "unreported", "in_doubt"))
    ]  # fmt: skip


def _known(number: int | None) -> int | str:
    return "?" if number is None else number


def _age(since: str | None, at: datetime) -> str:
    if since is None:
        return ""
    seconds = max(0, int((at - datetime.fromisoformat(since)).total_seconds()))
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds >= size), ("s", 1))
    return f"{seconds // size} {unit}"
