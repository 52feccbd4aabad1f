"""Receivers that are not ours take what is sent and nothing else: `v1` by a package of npm, `v1a` by Node alone."""

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest

from services.notifier.sending.signing import signed_headers
from services.runtime.webhook_keys import parse_keys

HERE: Final = Path(__file__).parent / "webhook_verification"
BODY: Final = '{"type":"referral.notice.test","data":{"desk":"nl","sequence":1},"note":"é"}'
INSTALL_SECONDS: Final = 120


def secret(number: int) -> str:
    return f"whsec_{base64.b64encode(bytes([number]) * 32).decode()}"


def private(number: int) -> str:
    return f"whsk_{base64.b64encode(bytes([number]) * 32).decode()}"


def public(number: int) -> str:
    (key,) = parse_keys(private(number).encode()).private
    return f"whpk_{base64.b64encode(key.public_key().public_bytes_raw()).decode()}"


def leave_out(reason: str) -> NoReturn:
    """Where a landing is decided, nothing is left out (`.ci/run` says so)."""
    if os.environ.get("SKIP_NOTHING"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the program and the locked packages that it needs."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        leave_out("node and npm are missing: receivers in JavaScript verified nothing (Debian: apt-get install npm)")
    place = tmp_path_factory.mktemp("receiver")
    for name in ("package.json", "package-lock.json", "verify.mjs"):
        shutil.copy(HERE / name, place / name)
    try:
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=place, check=True, capture_output=True, timeout=INSTALL_SECONDS,
        )  # fmt: skip
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        leave_out("npm ci failed: is a package registry in reach? receivers in JavaScript verified nothing")
    return place


def send(keys: str, at_ms: int, body: str = BODY) -> dict[str, Any]:
    return {"headers": signed_headers(parse_keys(keys.encode()), "msg_1", at_ms, body.encode()), "body": body}


def taken(receiver: Path, cases: list[dict[str, Any]]) -> list[bool]:
    """What the receivers say of each: `key` is what one of them was given."""
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    done = subprocess.run(
        ["node", "verify.mjs"], cwd=receiver, input=lines, capture_output=True, text=True, timeout=60, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("made", "given", "others"),
    [(secret, secret, private), (private, public, secret)],
    ids=["v1 by the package standardwebhooks", "v1a by Node's own crypto"],
)
def test_what_is_sent_is_taken_and_nothing_else(receiver: Path, made: Any, given: Any, others: Any) -> None:
    now = time.time_ns() // 1_000_000
    good = send(f"{made(1)}\n", now)
    both = send(f"{made(2)}\n{made(1)}\n{others(3)}\n", now)
    moved = {**good["headers"], "webhook-timestamp": str(now // 1000 - 7)}
    cases = {
        "as it was sent": {**good, "key": given(1)},
        "while keys are exchanged, the old one": {**both, "key": given(1)},
        "while keys are exchanged, the new one": {**both, "key": given(2)},
        "another's key": {**good, "key": given(4)},
        "a key of the other kind alone": {**send(f"{others(3)}\n", now), "key": given(1)},
        "a changed body": {**good, "body": BODY.replace("1", "2"), "key": given(1)},
        "a changed id": {**good, "headers": {**good["headers"], "webhook-id": "msg_2"}, "key": given(1)},
        "a changed time": {**good, "headers": moved, "key": given(1)},
        "an old time": {**send(f"{made(1)}\n", now - 301_000), "key": given(1)},
        "a time to come": {**send(f"{made(1)}\n", now + 310_000), "key": given(1)},
    }
    found = dict(zip(cases, taken(receiver, list(cases.values())), strict=True))
    assert [case for case, is_taken in found.items() if is_taken] == list(cases)[:3]
