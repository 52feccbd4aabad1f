"""E-mail over real SMTP conversations on the loopback: what each way of a mail server makes of a message."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Final

import pytest
from msgspec import structs

from policy.notify import Email
from schemas.codes import Lane
from schemas.message import Answering, Message, MessageData
from schemas.notices import NoticedReport
from schemas.records import serialise
from services.notifier.sending.codes import Failure
from services.notifier.sending.email import EmailSender
from services.notifier.sending.mail_server import MailServer
from services.notifier.verdict import Delivered, Outgoing, Refused, Retry, Verdict
from services.simulator.sinks.mail import MailSink
from tests.loopback import certify, speaking

TO: Final = ("duty@police.example", "chief@police.example")
MESSAGE: Final = Message(
    type="referral.notice.urgent_arrived",
    timestamp="2026-09-21T14:13:20.000Z",
    data=MessageData(
        desk="nl",
        group="nl/urgent/urgent_arrived",
        sequence=3,
        covers=7,
        lane=Lane.URGENT,
        count=12,
        added=2,
        oldest_age_seconds=8100,
        step=1,
        reports=[NoticedReport(partner="ncmec", report="SECRET-77")],
        acknowledge=Answering(
            url="https://r.example/acknowledge", page="https://r.example/answer?t=1&g=2", token="t" * 20
        ),
    ),
)


def outgoing(message_id: str = "msg_1", to: tuple[str, ...] = TO, message: Message = MESSAGE) -> Outgoing:
    return Outgoing(message_id, "nl", Email("mail", to), serialise(message), 1_790_000_000_000)


def server(port: int, **changed: object) -> MailServer:
    plain = MailServer("127.0.0.1", port, "router@r.example", "https://r.example/path", starttls=False)
    return replace(plain, **changed)  # type: ignore[arg-type]


async def verdict_of(port: int, *, seconds: float = 5.0, **changed: object) -> Verdict:
    async with EmailSender(server(port, **changed), seconds=seconds) as sender:
        return await sender.send(outgoing())


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def scripted(
    answers: Mapping[str, str | None], *, data: str | None = "250 taken", seen: list[bytes] | None = None
) -> Talk:
    """A mail server that answers each verb as `answers` say, or as usual; None ends the connection there."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeting = answers.get("", "220 mail.example")
        if greeting is None:
            return
        writer.write(f"{greeting}\r\n".encode())
        while line := await reader.readline():
            if seen is not None:
                seen.append(line)
            verb = line[:4].decode().strip().upper()
            usual = {"EHLO": "250 mail.example", "DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 OK")
            answer = answers.get(verb, usual)
            if answer is None:
                return
            writer.write(f"{answer}\r\n".encode())
            if verb == "DATA" and answer.startswith("354"):
                await reader.readuntil(b"\r\n.\r\n")
                if data is None:
                    return
                writer.write(f"{data}\r\n".encode())
            await writer.drain()

    return talk


@pytest.mark.parametrize(
    ("answers", "data", "verdict"),
    [
        ({}, "250 taken", Delivered()),
        ({"": "554 not here"}, "250", Refused(Failure.SMTP_5XX)),
        ({"": "421 later"}, "250", Retry(Failure.SMTP_4XX)),
        ({"": None}, "250", Retry(Failure.UNREACHABLE)),
        ({"": "SSH-2.0-OpenSSH_9"}, "250", Retry(Failure.NOT_SMTP)),
        ({"MAIL": "451 busy"}, "250", Retry(Failure.SMTP_4XX)),
        ({"MAIL": "550 not you"}, "250", Refused(Failure.SMTP_5XX)),
        ({"RCPT": "450 greylisted"}, "250", Retry(Failure.RECIPIENT_REFUSED)),
        ({"RCPT": "550 nobody"}, "250", Refused(Failure.RECIPIENT_REFUSED)),
        ({"DATA": "451 full"}, "250", Retry(Failure.SMTP_4XX)),
        ({}, "452 full", Retry(Failure.SMTP_4XX)),
        ({}, "554 spam", Refused(Failure.SMTP_5XX)),
        ({"EHLO": None}, "250", Retry(Failure.DISCONNECTED)),
        ({"MAIL": None}, "250", Retry(Failure.DISCONNECTED)),
        ({"RCPT": None}, "250", Retry(Failure.DISCONNECTED)),
        ({"DATA": None}, "250", Retry(Failure.DISCONNECTED)),
        ({}, None, Retry(Failure.DISCONNECTED)),
    ],
)
async def test_what_a_servers_words_mean(answers: dict[str, str | None], data: str | None, verdict: Verdict) -> None:
    async with speaking(scripted(answers, data=data)) as port:
        assert await verdict_of(port) == verdict


@pytest.mark.parametrize("silent_at", ["", "EHLO", "MAIL", "DATA"])
async def test_a_server_that_says_nothing_is_waited_for_no_longer(silent_at: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if silent_at:
            writer.write(b"220 mail.example\r\n")
            while not (await reader.readline()).upper().startswith(silent_at.encode()):
                writer.write(b"250 OK\r\n")
        await asyncio.Event().wait()

    async with speaking(talk) as port:
        assert await verdict_of(port, seconds=0.2) == Retry(Failure.TIMEOUT)


async def test_without_starttls_nothing_is_said_to_a_server_but_who_asks() -> None:
    seen: list[bytes] = []
    async with speaking(scripted({}, seen=seen)) as port:
        assert await verdict_of(port, starttls=True) == Retry(Failure.NO_STARTTLS)
    assert {line[:4] for line in seen} <= {b"EHLO", b"QUIT"}


async def test_where_nothing_listens_the_connection_is_refused() -> None:

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert await verdict_of(taken.getsockname()[1]) == Retry(Failure.REFUSED)


class Told:
    """What a mail sink said, and what it got."""

    def __init__(self) -> None:
        self.lines: list[dict[str, object]] = []

    def __call__(self, line: dict[str, object]) -> None:
        self.lines.append(line)


def tls_server(context: ssl.SSLContext, seen: list[bytes]) -> Talk:
    """Offers STARTTLS, and then takes a mail over TLS."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example\r\n")
        while not (await reader.readline()).startswith(b"STARTTLS"):
            writer.write(b"250-mail.example\r\n250 STARTTLS\r\n")
        writer.write(b"220 go on\r\n")
        await writer.drain()
        await writer.start_tls(context)
        while line := await reader.readline():
            seen.append(line)
            writer.write({b"DATA": b"354 go on\r\n"}.get(line[:4], b"250 mail.example\r\n"))
            if line.startswith(b"DATA"):
                seen.append(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(b"250 taken\r\n")
            await writer.drain()

    return talk


async def test_with_starttls_the_mail_goes_over_tls_and_only_to_whom_is_vouched_for(tmp_path: Path) -> None:
    context = certify(tmp_path, "mail")
    certify(tmp_path, "other")
    seen: list[bytes] = []
    async with speaking(tls_server(context, seen)) as port:
        for trusted in (None, tmp_path / "other.pem"):
            assert await verdict_of(port, starttls=True, ca_file=trusted) == Retry(Failure.TLS)
        assert seen == []
        assert await verdict_of(port, starttls=True, ca_file=tmp_path / "mail.pem") == Delivered()
    assert b"12" in seen[-2] + seen[-1]


@pytest.mark.parametrize("content", [None, "", "\nsecond line\n"])
async def test_a_password_that_cannot_be_read_is_told_as_such(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_text(content)
    async with speaking(scripted({})) as port:
        verdict = await verdict_of(port, username="router", password_file=path)
    assert verdict == Refused(Failure.PASSWORD_FILE)


async def test_a_login_that_is_refused_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    answers = {"EHLO": "250-mail.example\r\n250 AUTH PLAIN", "AUTH": "535 no"}
    async with speaking(scripted(answers)) as port:
        verdict = await verdict_of(port, username="router", password_file=tmp_path / "password")
    assert verdict == Refused(Failure.SMTP_LOGIN)


@pytest.fixture
async def sink() -> AsyncIterator[tuple[int, Told]]:
    told = Told()
    mail = MailSink(told, refuse_recipient="gone@police.example")
    try:
        yield await mail.start("127.0.0.1", 0), told
    finally:
        await mail.stop()


async def test_what_was_taken_for_some_goes_again_to_the_others_alone(sink: tuple[int, Told]) -> None:
    port, told = sink
    async with EmailSender(server(port)) as sender:
        message = outgoing(to=("duty@police.example", "gone@police.example"))
        assert await sender.send(message) == Refused(Failure.RECIPIENT_REFUSED)
        assert await sender.send(message) == Refused(Failure.RECIPIENT_REFUSED)
        assert await sender.send(outgoing("msg_2", ("duty@police.example",))) == Delivered()
    assert [line["to"] for line in told.lines] == [["duty@police.example"]] * 2
    assert [line["id"] for line in told.lines] == ["<msg_1@r.example>", "<msg_2@r.example>"]


async def test_a_mail_sent_twice_is_the_same_and_a_groups_mails_are_one_thread(sink: tuple[int, Told]) -> None:
    port, told = sink
    other = MESSAGE.model_copy(update={"data": MESSAGE.data.model_copy(update={"group": "nl/urgent/target_missed"})})
    async with EmailSender(server(port)) as sender:
        for message in (outgoing(), outgoing(), outgoing("msg_2"), outgoing("msg_3", message=other)):
            assert await sender.send(message) == Delivered()
    first, again, next_one, another = told.lines
    assert (first["id"], first["sha256"]) == (again["id"], again["sha256"])
    assert first["id"] != next_one["id"]
    assert first["thread"] == next_one["thread"] != another["thread"]


async def test_a_connection_is_used_again_and_one_that_ended_is_not() -> None:
    connections = 0
    usual = scripted({})

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await usual(reader, writer)

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await scripted({"RSET": None})(reader, writer)

    for talk, expected in ((count, 1), (once, 3)):
        connections = 0
        async with speaking(talk) as port, EmailSender(server(port)) as sender:
            for _ in range(3):
                assert await sender.send(outgoing()) == Delivered()
        assert connections == expected


async def test_a_mail_has_counts_and_a_link_and_no_report_number() -> None:
    seen: list[bytes] = []

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example\r\n")
        while line := await reader.readline():
            writer.write(b"354 go on\r\n" if line.startswith(b"DATA") else b"250 OK\r\n")
            if line.startswith(b"DATA"):
                seen.append(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(b"250 taken\r\n")

    async with speaking(keep) as port:
        assert await verdict_of(port) == Delivered()
    mail = message_from_bytes(seen[0], policy=default)
    assert mail["Subject"] == "[urgent] Desk nl: urgent referrals wait (12)"
    assert mail["Auto-Submitted"] == "auto-generated"
    plain = mail.get_body(("plain",))
    html = mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    for text in (plain.get_content(), html.get_content()):
        for expected in ("Open: 12, 2 more", "2 h 15 min", "https://r.example/path/"):
            assert expected in text
        for hidden in ("SECRET", "ncmec", "t" * 20):
            assert hidden not in text
    assert "https://r.example/answer?t=1&g=2" in plain.get_content()
    assert 'href="https://r.example/answer?t=1&amp;g=2"' in html.get_content()
    assert b"SECRET" not in seen[0]


async def test_what_is_no_message_is_not_sent() -> None:
    async with speaking(scripted({})) as port, EmailSender(server(port)) as sender:
        body = serialise(MESSAGE).replace(b'"desk":"nl"', b'"desk":"nl\\r\\nBcc: x@y.example"')
        verdict = await sender.send(structs.replace(outgoing(), body=body))
    assert verdict == Refused(Failure.UNREADABLE)
