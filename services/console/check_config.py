"""`referrals check-config`: whether everything here would start, and with what."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import typer

import services
from policy.configuration import Configuration, ConfigurationError, Problem, load
from policy.desk_times import times_of
from policy.desks import DeskTable, Reporting
from policy.durations import write_duration
from policy.notify import Channel, DeskTopic, Email, Webhook
from policy.topics import queue_topics, topic_plan
from schemas.notices import OPERATOR
from services.console import output
from services.runtime.exits import DONE, USAGE, CannotRun
from services.runtime.secret_files import wrong_secrets
from services.runtime.settings import SharedSettings

PROBE_SECONDS: Final = 60.0
_KINDS: Final[Mapping[type[Channel], str]] = {Webhook: "webhook", Email: "email", DeskTopic: "kafka"}
NAMED_DESKS: Final = 12
"""So many are named in a line; more are only counted."""


def command(as_json: output.Json = False) -> None:
    """Check deploy/ and the settings, and print what each service would run with.

    Reads desks.yaml, partners.yaml and triage.yaml (or pace.yaml) from REFERRAL_CONFIG_DIR, and the
    environment as each service would; starts nothing and asks no broker. Tells by when each desk must have
    looked, when it counts as silent, how long its entries and the evidence in them last, and who is told by what.
    The secret files of webhooks are read and checked, and nothing of them is shown. Secrets are masked.
    Exit code 2 when there is a problem: each with its file and line or its variable, what was found and what
    would be right.

    Examples:

      referrals check-config
      REFERRAL_CONFIG_DIR=/etc/referrals referrals check-config
      referrals check-config --json | jq .services.router
    """
    with ThreadPoolExecutor(2) as threads:
        found = dict(zip(names := installed(), threads.map(probe, names), strict=True))
    wrong_settings = list(dict.fromkeys(line for answer in found.values() for line in answer["problems"]))
    directory = Path(os.environ.get("REFERRAL_CONFIG_DIR") or SharedSettings().config_dir)
    configuration: dict[str, Any] = {"directory": str(directory)}
    wrong_files: tuple[Problem, ...] = ()
    try:
        loaded = load(directory)
        configuration |= summary(loaded)
        wrong_files = tuple(wrong_secrets(loaded.desks))
    except ConfigurationError as error:
        wrong_files = error.problems
    variables = {service: answer["variables"] for service, answer in found.items()}
    if as_json:
        output.document(
            {
                "configuration": configuration,
                "services": variables,
                "problems": {"files": [asdict(problem) for problem in wrong_files], "settings": wrong_settings},
            }
        )
    else:
        _tell(configuration, variables)
    for line in (*map(str, wrong_files), *wrong_settings):
        output.note(line)
    raise typer.Exit(USAGE if wrong_files or wrong_settings else DONE)


def installed() -> list[str]:
    """The services that are here and have settings."""
    places = (Path(place) for place in services.__path__)
    return sorted(file.parent.name for place in places for file in place.glob("*/settings.py") if _is_service(file))


def _is_service(settings: Path) -> bool:
    return settings.with_name("__main__.py").is_file() and settings.parent.name != "console"


def probe(service: str) -> dict[str, Any]:
    """What the service itself makes of this environment: `variables` by name, and `problems`."""
    command = [sys.executable, "-m", "services.console.settings_probe", service]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PROBE_SECONDS, check=True)  # noqa: S603 - ourselves
    except (subprocess.SubprocessError, OSError):
        raise CannotRun(f"the settings of services/{service} cannot be loaded: is everything installed?") from None
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def summary(configuration: Configuration) -> dict[str, Any]:
    """The configuration in numbers, the version of the triage policy, and the times that hold for which desks."""
    return {
        "desks": len(configuration.desks.desks),
        "partners": [partner.id for partner in configuration.partners.partners],
        "triage": configuration.triage.version,
        "queues": len(queue_topics(configuration)),
        "topics": len(topic_plan(configuration)),
        "unreported": [desk.id for desk in configuration.desks.desks if desk.reporting is Reporting.NONE],
        "told": told(configuration.desks),
        "times": times(configuration.desks),
    }


def told(table: DeskTable) -> list[str]:
    """Whom somebody tells, and by which kinds of channel: `nl (webhook, email)`."""
    whom = {**{desk.id: desk.notify for desk in table.desks}, OPERATOR: table.operator}
    return [
        f"{name} ({', '.join(dict.fromkeys(_KINDS[type(way)] for way in notify.channels.values()))})"
        for name, notify in whom.items()
        if notify.channels
    ]


def times(table: DeskTable) -> list[dict[str, Any]]:
    """Every set of times and the desks that have it, the most common first."""
    desks: defaultdict[tuple[tuple[str, int], ...], list[str]] = defaultdict(list)
    for desk in table.desks:
        desks[tuple(times_of(desk).items())].append(desk.id)
    common_first = sorted(desks.items(), key=lambda entry: -len(entry[1]))
    return [
        {**{name: write_duration(seconds) for name, seconds in common}, "desks": names}
        for common, names in common_first
    ]


def _tell(configuration: dict[str, Any], variables: dict[str, dict[str, str]]) -> None:
    for name, value in configuration.items():
        if name == "times":
            _tell_times(value)
        else:
            output.result(f"{name}: {(', '.join(value) or 'none') if isinstance(value, list) else value}")
    for service, settings in variables.items():
        output.result(f"\nservices/{service} runs with")
        for name, value in settings.items():
            output.result(f"  {name}={value}" if value else f"  {name} is not set")


def _tell_times(groups: list[dict[str, Any]]) -> None:
    for group in groups:
        names = group["desks"]
        who = ", ".join(names) if len(names) <= NAMED_DESKS else f"{len(names)} desks"
        written = ", ".join(f"{name} {duration}" for name, duration in group.items() if name != "desks")
        output.result(f"times: {written}: {who}")
