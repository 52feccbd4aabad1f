"""Runs the `referrals` command in this process, as a shell would: arguments, environment and standard input in."""

import io
import json
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from services.console.__main__ import main
from tests.samples import DEPLOY


@dataclass(frozen=True)
class Ran:
    """How it ended, and what it said where."""

    code: int
    out: str
    err: str

    def documents(self) -> list[Any]:
        """Standard output as NDJSON."""
        return [json.loads(line) for line in self.out.splitlines()]

    def document(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)


def referrals(*arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> Ran:
    """`referrals ARGUMENTS`, with the project's own deploy/ and nothing of this process's settings."""
    outer = {k: v for k, v in os.environ.items() if not k.startswith(("REFERRAL_", "KAFKA_"))}
    inner = outer | {"REFERRAL_CONFIG_DIR": str(DEPLOY), "COLUMNS": "100"} | dict(environment or {})
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with (
        patch.dict(os.environ, inner, clear=True),
        patch.object(sys, "argv", ["referrals", *arguments]),
        patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin))),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Ran(code, out.getvalue(), err.getvalue())
