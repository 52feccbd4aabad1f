"""No byte of a payload reaches a quarantine note, a metric, a log line or an exception, whatever the payload is."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from schemas.codes import Outcome, RejectReason
from services.router.decision import Decider
from services.router.metrics import PartitionMetrics, RouterMetrics
from services.router.source import sources
from services.router.window import Window
from services.router.writing import Writing
from services.runtime import log
from tests.batches import entries_of
from tests.samples import NOW_MS, Record, configuration, envelope

SOURCES = sources(configuration())
SOURCE, REROUTE = SOURCES["referral.ingress.ncmec.v1"], SOURCES["referral.reroute.v1"]
DECIDER = Decider(configuration())
WINDOW_BYTES = 5
"""A run of payload bytes this long, that does not stand in what is written about any other record, is a leak."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=12,
)


def everything_said(record: Record, source: Any) -> tuple[str, list[bytes], list[bytes]]:
    """Outcome; what operators can see of it; what reaches a queue."""
    window, registry = Window(45 * 86_400), CollectorRegistry()
    metrics = RouterMetrics(configuration(), registry)
    writing = Writing(source, 0, window)
    decision = DECIDER.decide(record, source, 0, window)
    writing.add(record, decision)
    writing.finish(1, NOW_MS // 1000, every_count=False)
    PartitionMetrics(metrics, "ncmec", 0, now=lambda: NOW_MS / 1000).committed(
        writing.counts, records=1, behind=0, seen_ids=0, duration_s=0.01
    )
    notes, queued = [], []
    for (topic, _), batch in writing.batches.take():
        for key, value, headers in entries_of(batch):
            parts = [part or b"" for part in (key, value, *headers.values())]
            if topic == "referral.quarantine.v1":
                notes += parts
            elif topic.startswith("referral.queue."):
                queued += parts
    return decision.outcome, [*notes, generate_latest(registry)], queued


def innocent() -> bytes:
    """What may be said of any record: all that is said of one with nothing in it, and the reasons."""
    said = [part for source in (SOURCE, REROUTE) for part in everything_said(Record(b"", None), source)[1]]
    return b"\n".join([*said, *(reason.encode() for reason in RejectReason)])


INNOCENT = innocent()


def assert_nothing_of(payload: bytes, said: list[bytes]) -> None:
    text = b"\n".join(said)
    for start in range(len(payload) - WINDOW_BYTES + 1):
        piece = payload[start : start + WINDOW_BYTES]
        assert piece not in text or piece in INNOCENT


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.none() | st.binary(max_size=60), st.binary(max_size=60))
def test_arbitrary_bytes_leave_no_trace(value: bytes, key: bytes | None, header: bytes) -> None:
    for source in (SOURCE, REROUTE):
        outcome, said, queued = everything_said(Record(value, key, headers=[("ce_id", header)]), source)
        assert outcome is Outcome.REJECTED
        assert not queued
        for part in (value, key or b"", header):
            assert_nothing_of(part, said)


MARKERS = st.sampled_from(["zqxjkv", "ZQXJKV", "zqxjkv@example.org", "192.0.2.77 zqxjkv", "zqxjkv\u0000", "\ud83d"])


def planted(base: dict[str, Any], path: list[str | int], marker: Any) -> dict[str, Any]:
    """The envelope with the marker put at the path, wherever that leads."""
    whole: dict[str, Any] = json.loads(json.dumps(base))
    node: Any = whole
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = marker
    return whole


FULL = envelope(
    identifiers=[
        {"kind": "email", "subject": "suspect", "key_id": "ncmec-2026a", "hmac_sha256": "0" * 64, "port_known": True}
    ],
    indicators=["viral"],
    material={"images": 1, "classification": {"A1": 1}},
    expires_at="2027-01-01T00:00:00Z",
)
TOP_LEVEL: list[list[str | int]] = [[name] for name in FULL]
PATHS: list[list[str | int]] = [
    *TOP_LEVEL,
    ["extra"],
    ["incident", "type"],
    ["incident", "note"],
    ["jurisdictions", 0, "country"],
    ["jurisdictions", 0, "role"],
    ["jurisdictions", 0, "zqxjkv"],
    ["indicators", 0],
    ["identifiers", 0, "hmac_sha256"],
    ["identifiers", 0, "key_id"],
    ["identifiers", 0, "zqxjkv"],
    ["material", "images"],
    ["material", "classification", "zqxjkv"],
]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PATHS), MARKERS | JSON)
def test_near_valid_envelopes_leave_no_trace(path: list[str | int], marker: Any) -> None:
    value = json.dumps(planted(FULL, path, marker)).encode()
    _, said, queued = everything_said(Record(value), SOURCE)
    visible = b"\n".join(said).lower()
    for text in ("zqxjkv", "example.org", "192.0.2.77"):
        assert text.encode() not in visible
        if path != ["report"]:
            assert text.encode() not in b"\n".join(queued).lower()


@given(st.text(min_size=1), st.binary(min_size=1))
def test_the_log_takes_no_text_that_a_payload_could_be(text: str, raw: bytes) -> None:
    for value in (text, raw, [text], {"a": text}):
        with pytest.raises(log.NotLoggable, match="may hold payload"):
            log.logger().info(log.Event.STARTED, value=value)  # type: ignore[arg-type]
