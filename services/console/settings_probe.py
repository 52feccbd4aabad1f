"""What one service would run with, asked in a process of its own: services never import each other.

`python -m services.console.settings_probe router` prints a JSON document: the variables in force by name, secrets
masked, and the problems that would stop the service. The convention it rests on: `services/<name>/settings.py`
defines the service's model.
"""

import json
import os
import sys
from importlib import import_module

from services.runtime.exits import WrongUse
from services.runtime.settings import KafkaSettings, Settings, SharedSettings, read


def models(service: str) -> list[type[Settings]]:
    """Every settings model that the service's own module defines."""
    module = import_module(f"services.{service}.settings")
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Settings) and value.__module__ == module.__name__
    ]


def probe(service: str) -> dict[str, object]:
    """Variables in force and problems, from this process's environment."""
    asked: list[type[Settings]] = [SharedSettings, KafkaSettings, *models(service)]
    variables: dict[str, str] = {}
    problems: list[str] = []
    for model in asked:
        try:
            variables |= read(model, os.environ, also=asked).masked()
        except WrongUse as error:
            problems += str(error).splitlines()
    return {"variables": variables, "problems": list(dict.fromkeys(problems))}


if __name__ == "__main__":
    print(json.dumps(probe(sys.argv[1])))
