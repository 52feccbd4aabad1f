"""`SIMULATE=1 python -m services.simulator.sinks`: both sinks until told to stop; a line of JSON a delivery."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

from services.runtime import exits
from services.runtime.log import configure
from services.runtime.settings import read
from services.simulator.settings import permit
from services.simulator.sinks.mail import MailSink
from services.simulator.sinks.settings import SinkSettings
from services.simulator.sinks.verification import Trusted, read_trusted
from services.simulator.sinks.webhook import WebhookSink


def main() -> int:
    """Exit code: 0 when told to stop, 2 without permission or with wrong settings, 3 where a port is taken."""
    configure("sinks")
    return exits.run_main(lambda: asyncio.run(run(os.environ)))


async def run(environment: Mapping[str, str]) -> int:
    """From settings to the signal that ends it. Raises WrongUse and CannotRun as the exit codes have them."""
    settings = read(SinkSettings, environment)
    permit(settings.simulate)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    webhook = WebhookSink(_trusted(settings), settings.misbehaviour(), _tell, seed=settings.seed)
    mail = MailSink(_tell, settings.refuse_recipient)
    try:
        ports = {
            "webhook": await webhook.start(settings.host, settings.webhook_port),
            "mail": await mail.start(settings.host, settings.mail_port),
        }
        _tell({"listening": ports})
        await stop.wait()
    except OSError as error:
        raise exits.CannotRun(
            f"the sinks cannot listen on {settings.host} ({error.strerror}): they play the desks' ends there; set "
            "REFERRAL_SINK_WEBHOOK_PORT and REFERRAL_SINK_MAIL_PORT to free ports"
        ) from None
    finally:
        await webhook.stop()
        await mail.stop()
    return exits.DONE


def _trusted(settings: SinkSettings) -> Trusted | None:
    if settings.key_file is None:
        return None
    try:
        return read_trusted(settings.key_file.read_text("ascii").splitlines())
    except (OSError, ValueError) as error:
        reason = type(error).__name__
        raise exits.WrongUse(
            f"REFERRAL_SINK_KEY_FILE: cannot be used ({reason}); expected a secret file as a webhook has it"
        ) from None


def _tell(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)  # noqa: T201 - the result belongs on stdout


if __name__ == "__main__":
    sys.exit(main())
