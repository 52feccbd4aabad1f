"""The secret files that the configuration names: read by who sends with them, and by who checks beforehand.

Not by `policy`: a router reads the same configuration and has no right to them.
"""

from collections.abc import Iterator

from policy.desks import DeskTable
from policy.notify import Webhook
from policy.problems import Problem
from services.runtime.webhook_keys import WrongKeys, read_keys


def wrong_secrets(table: DeskTable) -> Iterator[Problem]:
    """What is wrong with the secret files of webhooks, each file once. Nothing could be sent by them."""
    notifies = [*(desk.notify for desk in table.desks), table.operator]
    ways = [way for notify in notifies for way in notify.channels.values() if isinstance(way, Webhook)]
    for file in dict.fromkeys(way.secret_file for way in ways):
        try:
            read_keys(file)
        except WrongKeys as wrong:
            yield Problem(str(file), wrong.line, wrong.found, wrong.expected)
