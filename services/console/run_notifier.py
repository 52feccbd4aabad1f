"""The notifier of a simulated run and the desks' ends of its channels: invented referrals reach nobody else.

Both run only where something is simulated. Whoever runs a router and a ledger on a cluster of their own starts a
notifier by hand: real people are told by it.
"""

import json
import os
import secrets
import socket
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from policy.configuration import Configuration
from policy.notify import Notify, Webhook
from schemas.notices import OPERATOR
from services.console.run_ledger import DATABASE
from services.console.run_port import ANSWER_SECONDS, ServicePort, reachable
from services.console.run_settings import RunSettings
from services.console.run_telling import Telling, read_telling
from services.console.token_file import token_of
from services.runtime.exits import WrongUse
from services.runtime.ports import LOOPBACK

KEYS: Final = "demo.keys"
SENDER: Final = "notifier@referrals.example"


@dataclass(frozen=True, slots=True)
class NotifierPort(ServicePort):
    """Where the notifier answers, and the token that it asks for."""

    token: str | None = None

    @property
    def page(self) -> str:
        """For a browser."""
        return f"http://{self.host}:{self.port}/"

    def telling(self) -> Telling | None:
        """Who was told and has not answered; None when it does not answer."""
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        content = self.get("/api/notices", headers)
        return None if content is None else read_telling(json.loads(content))


def notifier_port(settings: RunSettings, port: int) -> NotifierPort:
    """Of these settings. WrongUse where the file with the token cannot be read."""
    token = token_of(settings.notifier_token_file, "REFERRAL_NOTIFIER_TOKEN_FILE")
    return NotifierPort(reachable(settings.notifier_host), port, token)


@dataclass(frozen=True, slots=True)
class SinkPorts:
    """Where the desks' ends listen, on loopback alone."""

    webhook: int
    mail: int

    def ready(self) -> bool:
        """Whether both do."""
        return all(_listens(port) for port in (self.webhook, self.mail))


def _listens(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), ANSWER_SECONDS):
            return True
    except OSError:
        return False


def tells_anybody(configuration: Configuration) -> bool:
    """Whether there is one channel at least."""
    return any(notify.channels for _, notify in _notifies(configuration))


def require_sinks(configuration: Configuration, sinks: SinkPorts, directory: Path) -> None:
    """WrongUse for a webhook that leads elsewhere than to the desks' ends here, or that another key signs.

    Mail is no matter: whoever it is for, it goes to the mail server here.
    """
    keys = directory / KEYS
    for name, notify in _notifies(configuration):
        for channel in notify.channels.values():
            if not isinstance(channel, Webhook):
                continue
            place = urlsplit(channel.url)
            if (place.scheme, place.hostname, place.port) != ("http", LOOPBACK, sinks.webhook):
                raise WrongUse(
                    f"the webhook {name}/{channel.name} leads elsewhere than to http://{LOOPBACK}:{sinks.webhook}: a "
                    "simulated run would tell people of referrals that are invented; take another configuration "
                    "(REFERRAL_CONFIG_DIR), or set REFERRAL_SINK_WEBHOOK_PORT to the port that it names"
                )
            if os.path.abspath(channel.secret_file) != os.path.abspath(keys):
                raise WrongUse(
                    f"the webhook {name}/{channel.name} has the secret file {channel.secret_file}: a simulated run "
                    f"signs with a key of its own, which it makes; expected {keys}"
                )


def _notifies(configuration: Configuration) -> Iterator[tuple[str, Notify]]:
    table = configuration.desks
    yield from ((desk.id, desk.notify) for desk in table.desks)
    yield OPERATOR, table.operator


def make_keys(directory: Path) -> Path:
    """The key of a simulated run, made where there is none: a shared secret, and an ed25519 key beside it."""
    keys = directory / KEYS
    if not keys.exists():
        lines = (f"{kind}{b64encode(secrets.token_bytes(32)).decode()}\n" for kind in ("whsec_", "whsk_"))
        descriptor = os.open(keys, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.writelines(lines)
    return keys


def sinks_environment(environment: Mapping[str, str], sinks: SinkPorts, keys: Path) -> dict[str, str]:
    """For the desks' ends: they listen on loopback, whatever else is set, and trust the run's own key."""
    return {
        **environment,
        "REFERRAL_SINK_HOST": LOOPBACK,
        "REFERRAL_SINK_WEBHOOK_PORT": str(sinks.webhook),
        "REFERRAL_SINK_MAIL_PORT": str(sinks.mail),
        "REFERRAL_SINK_KEY_FILE": str(keys),
    }


def notifier_environment(
    environment: Mapping[str, str], port: NotifierPort, sinks: SinkPorts, database: Path
) -> dict[str, str]:
    """For the notifier: every mail goes to the mail server here, and nobody logs in there.

    Its tables lie beside the ledger's where those are on PostgreSQL, else in a file of its own.
    """
    smtp = {name: value for name, value in environment.items() if not name.startswith("REFERRAL_NOTIFIER_SMTP_")}
    given = environment.get(DATABASE, "")
    return {
        **smtp,
        DATABASE: given if given.startswith("postgres") else f"sqlite:///{database}",
        "REFERRAL_NOTIFIER_PUBLIC_URL": environment.get("REFERRAL_NOTIFIER_PUBLIC_URL") or port.page.rstrip("/"),
        "REFERRAL_NOTIFIER_SMTP_HOST": LOOPBACK,
        "REFERRAL_NOTIFIER_SMTP_PORT": str(sinks.mail),
        "REFERRAL_NOTIFIER_SMTP_STARTTLS": "off",
        "REFERRAL_NOTIFIER_SMTP_FROM": SENDER,
    }


def clear_database(database: Path) -> None:
    """Begin without the ladders of the run before: its desks' ends remember nothing either.

    What is still open is told anew from the topic, by the whole ladder, as after a loss (docs/notifier.md).
    """
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
