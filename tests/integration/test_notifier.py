"""The notifier as a process on a real broker: a signed message arrives, and a crash loses none and changes none."""

import base64
import http.server
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from standardwebhooks import Webhook as Receiver

from schemas import topics
from schemas.codes import Lane, NoticeType
from schemas.notices import Notice
from schemas.records import serialise
from services.runtime.settings import KafkaSettings
from tests.integration.test_ledger import LedgerProcess
from tests.notifier_world import written
from tests.samples import DEPLOY

NOTIFIER = (sys.executable, "-m", "services.notifier")
PATIENCE_S = 60
SECRET = f"whsec_{base64.b64encode(b'k' * 32).decode()}"
GROUP = "nl/urgent/urgent_arrived"


class Sink:
    """A desk's webhook: verifies with a receiver that is not ours, and keeps what it got."""

    def __init__(self) -> None:
        self.got: list[tuple[str, Any]] = []
        sink = self

        class Taking(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                Receiver(SECRET).verify(body, dict(self.headers.items()))
                sink.got.append((self.headers["webhook-id"], json.loads(body)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taking)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def of(self, group: str) -> list[Any]:
        return [body for _, body in self.got if body["data"]["group"] == group]


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    yield made
    made.close()


class NotifierProcess(LedgerProcess):
    """A notifier, with its API."""

    def ask(self, path: str, document: Any = None) -> tuple[int, Any]:
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self._port()}{path}", body)
        if body is not None:
            request.add_header("content-type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


@pytest.fixture
def notifier(kafka: KafkaSettings, sink: Sink, tmp_path: Path) -> Iterator[NotifierProcess]:
    (tmp_path / "nl.keys").write_text(f"{SECRET}\n")
    (tmp_path / "pace.yaml").write_text(
        f"""
like: {DEPLOY}
desks:
  nl:
    notify:
      channels:
        duty: {{webhook: "{sink.url}", secret_file: {tmp_path}/nl.keys, networks: [127.0.0.0/8]}}
"""
    )
    environment = {
        **os.environ,
        "REFERRAL_CONFIG_DIR": str(tmp_path),
        "REFERRAL_NOTIFIER_PORT": "0",
        "DATABASE_URL": f"sqlite:///{tmp_path}/notifier.db",
    }
    process = NotifierProcess(NOTIFIER, environment, tmp_path / "notifier.log")
    process.start(kafka.bootstrap_servers)
    process.await_ready(PATIENCE_S)
    yield process
    process.kill()
    assert process.misconduct == []


def publish(kafka: KafkaSettings, *notices: Notice) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
    for each in notices:
        producer.produce(topics.NOTICE, serialise(each), each.desk)
    assert producer.flush(30) == 0


def urgent(sequence: int, type_: NoticeType = NoticeType.URGENT_ARRIVED) -> Notice:
    return written(sequence, type_, lane=Lane.URGENT, ends=NoticeType.URGENT_ARRIVED)


def test_a_signed_message_arrives_is_answered_and_ends_through_kills(
    kafka: KafkaSettings, notifier: NotifierProcess, sink: Sink
) -> None:
    base = int(time.time() * 1000)
    publish(kafka, urgent(base))
    notifier.until(lambda: len(sink.of(GROUP)) == 1, "a message")
    (first,) = sink.of(GROUP)
    assert (first["type"], first["data"]["covers"]) == ("referral.notice.urgent_arrived", base)

    invited = first["data"]["acknowledge"]
    asked = {"group": GROUP, "covers": base, "token": invited["token"]}
    assert notifier.ask("/acknowledge", {**asked, "token": "x" * 43})[0] == 401
    assert notifier.ask("/acknowledge", asked)[1]["result"] == "taken"
    assert notifier.ask("/acknowledge", asked)[1]["result"] == "before"
    notifier.until(lambda: notifier.figure("referral_notifier_groups_unanswered", desk="nl") == 0, "answered")

    notifier.kill()
    publish(kafka, urgent(base + 1, NoticeType.LOOKED), urgent(base + 2))
    notifier.start(kafka.bootstrap_servers)
    notifier.until(lambda: len(sink.of(GROUP)) >= 2, "what came while it was away")
    notifier.until(lambda: notifier.figure("referral_notifier_groups_unanswered", desk="nl") == 1, "open again")
    publish(kafka, urgent(base + 3, NoticeType.RESOLVED))
    notifier.until(lambda: sink.of(GROUP)[-1]["type"] == "referral.notice.resolved", "the end")
    bodies: dict[tuple[str, int], str] = {}
    for identity, body in sink.got:
        assert bodies.setdefault((identity, body["data"]["sequence"]), json.dumps(body)) == json.dumps(body)


def test_a_test_goes_the_real_way_and_says_what_came_of_it(notifier: NotifierProcess, sink: Sink) -> None:
    status, document = notifier.ask("/api/test", {"desk": "nl"})
    assert status == 200, document
    notifier.until(lambda: notifier.ask("/api/test/nl")[1]["channels"][0]["state"] == "delivered", "the test")
    assert [body["type"] for body in sink.of("nl/test/duty")] == ["referral.notice.test"]
    assert notifier.ask("/api/test", {"desk": "fr"})[0] == 404


def test_every_known_series_is_there_before_anything_happens(notifier: NotifierProcess) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{notifier._port()}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert 'referral_notifier_deliveries_total{channel="duty",desk="nl",result="failed"} 0.0' in text
    assert 'referral_notifier_outbox_pending{desk="operator"} 0.0' in text
    assert 'referral_notifier_told{desk="fr"} 0.0' in text
