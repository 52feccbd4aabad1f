"""Writes what other languages read: `python -m schemas.generate [--check]`.

`schemas/json/<name>.v1.json` (JSON Schema 2020-12) and `schemas/asyncapi.yaml`, both from the models alone and
the same bytes each time. With `--check` nothing is written: exit 1 where a file is not what the models say.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from schemas.channels import asyncapi
from schemas.envelope import Envelope
from schemas.message import Message
from schemas.notices import Notice
from schemas.records import OutcomeEvent, QuarantineNote, Receipt, RerouteCommand, StatusEvent, TrackEvent

HERE: Final = Path(__file__).parent
MODELS: Final[Mapping[str, type[BaseModel]]] = {
    "envelope": Envelope,
    "receipt": Receipt,
    "status": StatusEvent,
    "track": TrackEvent,
    "outcome": OutcomeEvent,
    "quarantine": QuarantineNote,
    "reroute": RerouteCommand,
    "notice": Notice,
    "message": Message,
}

_PRINTABLE_ASCII: Final = {"not": {"pattern": "[^!-~]"}}
"""Beside each pattern: ECMA-262's `$` is the end, but that of Python, Java and PCRE also stands before a last
newline, and their `[0-9]` is safe only as long as nobody writes `\\d`."""


def json_schema(name: str) -> dict[str, Any]:
    """The published schema of a record: what the model accepts, as far as a schema can say it."""
    made = MODELS[name].model_json_schema(mode="validation")
    title, description = made.pop("title"), made.pop("description")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:referral:{name}:v1",
        "title": title,
        "description": _flowing(description),
        **_published(made),
    }


def _published(node: Any) -> Any:
    """pydantic's schema without titles it makes up, with what it leaves open closed."""
    if isinstance(node, list):
        return [_published(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema = {
        key: {name: _published(inner) for name, inner in value.items()}
        if key in {"properties", "$defs", "patternProperties"}
        else _flowing(value)
        if key == "description"
        else _published(value)
        for key, value in node.items()
        if key != "title"
    }
    if "pattern" in schema:
        schema |= _PRINTABLE_ASCII
    if "patternProperties" in schema:
        schema |= {"additionalProperties": False, "propertyNames": _PRINTABLE_ASCII}
    return schema


def _flowing(text: str) -> str:
    """A docstring as one line a paragraph."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def files() -> dict[Path, str]:
    """Every generated file → its text."""
    schemas = {
        HERE / "json" / f"{name}.v1.json": json.dumps(json_schema(name), indent=2, ensure_ascii=False) + "\n"
        for name in MODELS
    }
    return schemas | {HERE / "asyncapi.yaml": asyncapi()}


def main(arguments: Sequence[str]) -> int:
    """0 done; 1 a file is not what the models say; 2 wrong usage."""
    if list(arguments) not in ([], ["--check"]):
        sys.stderr.write("usage: python -m schemas.generate [--check]\n")
        return 2
    made = files()
    old = [path for path, text in made.items() if not path.exists() or path.read_bytes() != text.encode()]
    strange = sorted(set((HERE / "json").glob("*")) - made.keys())
    if arguments:
        for path in (*old, *strange):
            sys.stderr.write(f"schemas/{path.relative_to(HERE)}: not what the models say; run `make schemas`\n")
        return 1 if old or strange else 0
    for path in old:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(made[path].encode())
        sys.stdout.write(f"wrote schemas/{path.relative_to(HERE)}\n")
    for path in strange:
        sys.stderr.write(f"schemas/{path.relative_to(HERE)}: no model has this name; delete it\n")
    return 1 if strange else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
