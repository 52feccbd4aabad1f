"""What a command finds around it: settings from the environment, configuration from `deploy/`, partners by name."""

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from policy.configuration import Configuration, ConfigurationError, load
from policy.desks import Desk
from policy.partners import Partner
from policy.problems import quote
from services.runtime.exits import WrongUse
from services.runtime.settings import KafkaSettings, SharedSettings, read


def kafka_settings() -> KafkaSettings:
    """How to reach the cluster; WrongUse for a setting that is wrong or unknown."""
    return read(KafkaSettings, os.environ)


def configuration() -> Configuration:
    """What is in the configuration directory; WrongUse with file and line for each problem."""
    return configuration_of(read(SharedSettings, os.environ).config_dir)


def configuration_of(directory: Path) -> Configuration:
    """What is in that directory; WrongUse with file and line for each problem."""
    try:
        return load(directory)
    except ConfigurationError as error:
        raise WrongUse(f"the configuration has a problem:\n{error}") from None


def find_partner(partners: Iterable[Partner], name: str) -> Partner:
    """The partner of that id; WrongUse that names the nearest."""
    known = {partner.id: partner for partner in partners}
    if name in known:
        return known[name]
    raise WrongUse(f"{quote(name)} is no partner of partners.yaml: {nearest(name, known)}")


def find_desk(desks: Iterable[Desk], name: str) -> Desk:
    """The desk of that id; WrongUse that names the nearest."""
    known = {desk.id: desk for desk in desks}
    if name in known:
        return known[name]
    raise WrongUse(f"{quote(name)} is no desk of desks.yaml: {nearest(name, known)}")


def nearest(name: str, known: Iterable[str]) -> str:
    """The likeliest of the known names, and all of them when none is close."""
    names = sorted(known)
    if close := get_close_matches(name, names, n=1, cutoff=0.5):
        return f"did you mean {close[0]}?"
    return f"there is {', '.join(names)}"
