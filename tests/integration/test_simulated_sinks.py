"""The sinks as a process: what comes to them, what they say of it, how they misbehave; nothing without permission."""

import base64
import contextlib
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

import pytest

from policy.notify import Email, Webhook
from schemas.message import Message, MessageData
from schemas.records import serialise
from services.notifier.sending.codes import Failure
from services.notifier.sending.email import EmailSender
from services.notifier.sending.mail_server import MailServer
from services.notifier.sending.webhook import WebhookSender
from services.notifier.verdict import Delivered, Gone, Outgoing, Refused, Retry, Verdict
from services.runtime.settings import document
from services.simulator.sinks.settings import SinkSettings

BODY: Final = serialise(
    Message(
        type="referral.notice.target_missed",
        timestamp="2026-09-21T14:13:20.000Z",
        data=MessageData(desk="nl", group="nl/urgent/target_missed", sequence=4, covers=9, count=3),
    )
)
KEY: Final = base64.b64encode(bytes(range(32))).decode()
LOOPBACK: Final = (ip_network("127.0.0.0/8"),)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "nl.keys"
    path.write_text(f"# both kinds\nwhsec_{KEY}\nwhsk_{KEY}\n")
    return path


@contextlib.contextmanager
def sinks(**settings: object) -> Iterator[tuple[dict[str, int], "subprocess.Popen[str]"]]:
    """Both, as a process, with their ports; ended with the block, after which what they said can be read."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REFERRAL_")}
    environment |= {"SIMULATE": "1"} | {f"REFERRAL_SINK_{name.upper()}": str(value) for name, value in settings.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "services.simulator.sinks"], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["listening"], process
    finally:
        process.terminate()
        assert process.wait(20) == 0
        process.stdout.close()


def said(process: "subprocess.Popen[str]", count: int) -> list[dict[str, Any]]:
    assert process.stdout is not None
    return [json.loads(process.stdout.readline()) for _ in range(count)]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def post(port: int, secret: Path, *, at_ms: int | None = None, message_id: str = "msg_1") -> Verdict:
    channel = Webhook("duty", f"http://127.0.0.1:{port}/nl", secret, LOOPBACK)
    async with WebhookSender() as sender:
        return await sender.send(Outgoing(message_id, "nl", channel, BODY, at_ms or now_ms()))


async def test_a_delivery_is_one_line_that_says_whether_its_signature_holds(secret: Path, tmp_path: Path) -> None:
    other, asymmetric = tmp_path / "other.keys", tmp_path / "asymmetric.keys"
    other.write_text(f"whsec_{base64.b64encode(bytes(32)).decode()}\n")
    asymmetric.write_text(f"whsk_{KEY}\n")
    with sinks(key_file=secret) as (ports, process):
        for keys in (secret, asymmetric, other):
            assert await post(ports["webhook"], keys) == Delivered()
        assert await post(ports["webhook"], secret, at_ms=now_ms() - 400_000) == Delivered()
        lines = said(process, 4)
    assert [line["verified"] for line in lines] == [True, True, False, False]
    first = {name: value for name, value in lines[0].items() if name != "at_ms"}
    assert first == {
        "channel": "webhook",
        "path": "/nl",
        "id": "msg_1",
        "type": "referral.notice.target_missed",
        "desk": "nl",
        "group": "nl/urgent/target_missed",
        "sequence": 4,
        "covers": 9,
        "sha256": hashlib.sha256(BODY).hexdigest(),
        "verified": True,
        "status": 204,
    }


@pytest.mark.parametrize(
    ("how", "verdict"),
    [
        ("fail", Retry(Failure.HTTP_5XX)),
        ("busy", Retry(Failure.HTTP_429, 1.0)),
        ("gone", Gone(Failure.HTTP_410)),
        ("redirect", Refused(Failure.HTTP_3XX)),
    ],
)
async def test_they_misbehave_as_they_are_told_to(how: str, verdict: Verdict, secret: Path) -> None:
    with sinks(**{how: 1}) as (ports, process):
        assert await post(ports["webhook"], secret) == verdict
        (line,) = said(process, 1)
    assert not line["verified"]


async def test_a_share_of_requests_fails(secret: Path) -> None:
    with sinks(fail=0.5, seed=7) as (ports, _):
        verdicts = [await post(ports["webhook"], secret, message_id=f"msg_{number}") for number in range(20)]
    assert 0 < verdicts.count(Delivered()) < 20


async def test_a_mail_is_one_line(tmp_path: Path) -> None:
    with sinks() as (ports, process):
        server = MailServer("127.0.0.1", ports["mail"], "router@r.example", "https://r.example/", starttls=False)
        async with EmailSender(server) as sender:
            channel = Email("mail", ("duty@police.example",))
            assert await sender.send(Outgoing("msg_1", "nl", channel, BODY, 0)) == Delivered()
        (line,) = said(process, 1)
    assert (line["channel"], line["to"], line["id"]) == ("email", ["duty@police.example"], "<msg_1@r.example>")
    assert line["subject"] == "Desk nl: referrals are past the time to look (3)"


@pytest.mark.parametrize(
    ("environment", "code", "text"),
    [
        ({}, 2, "SIMULATE: not set"),
        ({"SIMULATE": "1", "REFERRAL_SINK_KEY_FILE": "/nowhere"}, 2, "REFERRAL_SINK_KEY_FILE: cannot be used"),
        ({"SIMULATE": "1", "REFERRAL_SINK_FAIL": "0.6", "REFERRAL_SINK_GONE": "0.6"}, 2, "more than 1 together"),
        ({"SIMULATE": "1", "REFERRAL_SINK_HOST": "192.0.2.1"}, 3, "cannot listen on 192.0.2.1"),
    ],
)
def test_they_do_not_start_without_permission_or_with_a_wrong_setting(
    environment: dict[str, str], code: int, text: str
) -> None:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH", "HOME")}
    done = subprocess.run(
        [sys.executable, "-m", "services.simulator.sinks"],
        env=kept | environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (code, "")
    assert text in done.stderr


def test_the_page_has_their_settings() -> None:
    assert document(SinkSettings) in (Path(__file__).parents[2] / "docs" / "simulation.md").read_text("utf-8")
