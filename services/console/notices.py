"""`referrals notices`: what somebody was told of and nobody has answered, and the channels by which it is told."""

import time
from datetime import datetime
from typing import Annotated, Any, Final

import typer

from services.console import output
from services.console.notifier_api import DEFAULT_URL, TokenFile, Url, notifier_api
from services.runtime.exits import DONE, FOUND
from services.runtime.page.saying import say_age

WATCH_SECONDS: Final = 5.0
_HEADINGS: Final = ("group", "open", "since", "step", "next", "told")
_CHANNELS: Final = ("desk", "channel", "kind", "not taken", "oldest", "state")


def command(
    desk: Annotated[str | None, typer.Argument(help="Only this desk.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also what nobody is told of: desks without a channel.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every 5 seconds, until Ctrl-C.")] = False,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: output.Json = False,
) -> None:
    """Show what nobody has answered, and which channels do not take what they are sent.

    `step` is how far up the desk's ladder; behind the last it repeats. `told` is who took the newest message to them,
    and who has not, or not for the whole schedule. What desks without a channel have is only counted, unless one is
    named. --json gives the notifier's own document. Exit
    code 1 when a ladder was gone through without an answer, an endpoint is disabled, or not all notices are read yet;
    2 for a desk that the notifier does not know.

    Examples:

      referrals notices
      referrals notices nl --watch
      referrals notices --json | jq '.groups[] | select(.exhausted) | .group'
    """
    api = notifier_api(url, token_file)
    try:
        while True:
            found = api.notices(desk)
            _show(found, as_json, every=every or desk is not None)
            if not watch:
                break
            time.sleep(WATCH_SECONDS)
    except KeyboardInterrupt:
        pass
    raise typer.Exit(FOUND if _is_wrong(found) else DONE)


def _is_wrong(found: dict[str, Any]) -> bool:
    behind = found["active"] and not found["caught_up"]
    return bool(found["exhausted"] or behind or any(channel["disabled"] for channel in found["channels"]))


def _show(found: dict[str, Any], as_json: bool, *, every: bool) -> None:
    if as_json:
        output.document(found)
        return
    now = datetime.fromisoformat(found["at"])
    output.table(
        _HEADINGS,
        [
            (group["group"], group["count"], f"{_age(group['since'], now)} ago", _step(group),
             _until(group["due_at"], now), _told(group))
            for group in found["groups"]
            if group["of"] or every
        ],
    )  # fmt: skip
    waiting = [channel for channel in found["channels"] if channel["pending"] or channel["disabled"]]
    if waiting:
        output.table(
            _CHANNELS,
            [
                (channel["desk"], channel["channel"], channel["kind"], channel["pending"],
                 _age(channel["oldest_at"], now), "disabled" if channel["disabled"] else "")
                for channel in waiting
            ],
        )  # fmt: skip
    if found["untold"] and not every:
        output.note(
            f"{output.count(found['untold'], 'group')} more, of desks without a channel: nobody is told (--all lists "
            "them; `notify` in desks.yaml gives a desk its channels)"
        )
    if failed := len(found["failed"]):
        output.note(f"{output.count(failed, 'message')} given up: the page of the notifier names them")
    if found["active"] and not found["caught_up"]:
        output.note("the notifier has NOT read all notices yet")


def _step(group: dict[str, Any]) -> str:
    if not group["of"]:
        return "nobody is told"
    return "gone through" if group["exhausted"] else f"{min(group['steps'], group['of'])} of {group['of']}"


def _told(group: dict[str, Any]) -> str:
    not_yet = (f"{channel} (not taken yet)" for channel in group["waiting"])
    given_up = (f"{channel} (given up)" for channel in group["given_up"])
    return ", ".join((*group["told"], *not_yet, *given_up)) or "nobody"


def _age(since: str | None, now: datetime) -> str:
    return "" if since is None else say_age((now - datetime.fromisoformat(since)).total_seconds())


def _until(due: str | None, now: datetime) -> str:
    return "never" if due is None else f"in {say_age((datetime.fromisoformat(due) - now).total_seconds())}"
