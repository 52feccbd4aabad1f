"""`referrals notify`: whether a desk's channels work, tried on the real path; and an endpoint tried again."""

import time
from typing import Annotated, Any, Final

import typer

from services.console import output
from services.console.notifier_api import DEFAULT_URL, NotifierApi, TokenFile, Url, notifier_api
from services.runtime.exits import DONE, FOUND, WrongUse

LOOK_SECONDS: Final = 0.2
DISABLED: Final = "disabled"


def command(
    test: Annotated[str | None, typer.Option(help="Send a message marked as a test to each channel of a desk.")] = None,
    enable: Annotated[
        str | None, typer.Option(help="Try a disabled endpoint again: <desk>/<channel>.", metavar="ENDPOINT")
    ] = None,
    timeout: Annotated[float, typer.Option(help="So many seconds are waited for what comes back.")] = 30.0,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
    as_json: output.Json = False,
) -> None:
    """Test the channels of a desk, or enable an endpoint that was disabled.

    A test goes through the notifier's outbox like any message, and says of itself that it is one. A channel that is
    disabled is sent nothing: the test waits until it is enabled. Exit code 1 when a channel did not take it.

    Examples:

      referrals notify --test nl
      referrals notify --enable nl/duty
    """
    api = notifier_api(url, token_file)
    if (test is None) == (enable is None):
        raise WrongUse("expected --test DESK or --enable DESK/CHANNEL")
    if enable is not None:
        raise typer.Exit(_enable(api, enable))
    assert test is not None
    channels = _test(api, test, timeout)
    if as_json:
        output.document({"desk": test, "channels": channels})
    else:
        output.table(
            ("channel", "kind", "result", "tries", "code"),
            [(each["channel"], each["kind"], _result(each), each["tries"], each["code"]) for each in channels],
        )
    for each in channels:
        if _result(each) == DISABLED:
            endpoint = f"{output.printable(test)}/{each['channel']}"
            output.note(f"{endpoint} said that it is gone: `referrals notify --enable {endpoint}` tries it again")
    raise typer.Exit(DONE if all(each["state"] == "delivered" for each in channels) else FOUND)


def _test(api: NotifierApi, desk: str, timeout_s: float) -> list[dict[str, Any]]:
    """Until each channel has taken it or been tried, or is known to be disabled, or the time is over."""
    answered = api.ask("/api/test", {"desk": desk})
    if answered.status != 200:
        raise WrongUse(f"{output.printable(desk)}: {answered.document['message']}")
    sequence = {each["channel"]: each["sequence"] for each in answered.document["channels"]}
    deadline = time.monotonic() + timeout_s
    while True:
        found: list[dict[str, Any]] = api.ask(f"/api/test/{desk}").document["channels"]
        settled = all(each["state"] != "pending" or each["code"] or each["disabled"] for each in found)
        if (settled and {each["channel"]: each["sequence"] for each in found} == sequence) or (
            time.monotonic() > deadline
        ):
            return found
        time.sleep(LOOK_SECONDS)


def _enable(api: NotifierApi, endpoint: str) -> int:
    desk, separator, channel = endpoint.partition("/")
    if not separator:
        raise WrongUse(f"--enable: found {output.printable(endpoint)}; expected <desk>/<channel>")
    answered = api.ask("/api/enable", {"desk": desk, "channel": channel})
    output.result(answered.document["message"])
    return DONE if answered.status == 200 else FOUND


def _result(channel: dict[str, Any]) -> str:
    if channel["state"] != "pending":
        return str(channel["state"])
    if channel["disabled"]:
        return DISABLED
    return "not taken, tried again later" if channel["tries"] else "not tried yet"
