"""`referrals acknowledge`: somebody has it in hand."""

from typing import Annotated

import typer

from services.console import output
from services.console.notifier_api import DEFAULT_URL, TokenFile, Url, notifier_api
from services.runtime.exits import DONE, FOUND, WrongUse


def command(
    what: Annotated[str, typer.Argument(help="A desk, for all its open groups, or one group.")],
    covers: Annotated[
        int | None, typer.Option(help="Up to this notice of the group; without it all that has come.")
    ] = None,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: output.Json = False,
) -> None:
    """Say that somebody has it in hand, so that nobody else is told.

    Of a desk's groups each is answered as `referrals notices` shows it at that moment; what comes afterwards is told
    anew. Exit code 1 when one is over or cannot be answered so, 2 for a desk that the notifier does not know.

    Examples:

      referrals acknowledge nl
      referrals acknowledge nl/urgent/urgent_arrived --covers 41
    """
    api = notifier_api(url, token_file)
    if "/" in what:
        asked = {what: covers}
    elif covers is not None:
        raise WrongUse("--covers: the number of one group's notice; name the group, as `referrals notices` shows it")
    else:
        asked = {group["group"]: group["covers"] for group in api.notices(what)["groups"]}
    wrong = 0
    for group, through in asked.items():
        answered = api.ask("/acknowledge", {"group": group} | ({} if through is None else {"covers": through}))
        wrong += answered.status != 200
        if as_json:
            output.record({"group": group, **answered.document})
        else:
            output.result(f"{output.printable(group, 96)}: {answered.document['message']}")
    if not asked:
        output.note("nothing of that desk is open and unanswered")
    raise typer.Exit(FOUND if wrong else DONE)
