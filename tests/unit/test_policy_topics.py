"""What provisioning makes: every topic once, with the retention and the settings that the promises rest on."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from policy.configuration import Configuration, load
from policy.desks import Desk, DeskTable
from policy.partners import Key, Partner, PartnerTable
from policy.topics import TopicSpec, payload_gone_after, queue_topics, topic_plan
from policy.triage import Rule, TriagePolicy
from schemas.codes import Lane

DAY_MS = 86_400_000
KEY = Key("k1", frozenset({"hotline"}), datetime(2026, 1, 1, tzinfo=UTC))
SMALL = Configuration(
    DeskTable((Desk("nl", "Netherlands", track=True), Desk("zz", "No country known", owner="duty officer"))),
    PartnerTable((Partner("hotline", "Hotline", 3, window_days=20, keys={"k1": KEY}),)),
    TriagePolicy("v1", (Rule("by_default", Lane.ROUTINE),)),
)
DEPLOYED = load(Path(__file__).parents[2] / "deploy")


def plan(configuration: Configuration = SMALL) -> dict[str, TopicSpec]:
    return {spec.name: spec for spec in topic_plan(configuration)}


def test_a_small_configuration_needs_exactly_these() -> None:
    found = {name: (spec.partitions, int(spec.config["retention.ms"]) / DAY_MS) for name, spec in plan().items()}
    assert found == {
        "referral.ingress.hotline.v1": (3, 14),
        "referral.ingress.hotline.test.v1": (1, 1),
        "referral.receipt.hotline.v1": (3, 30),
        "referral.seen.hotline.v1": (3, 34),
        "referral.seen.hotline.test.v1": (1, 21),
        "referral.outcome.hotline.v1": (3, 30),
        "referral.queue.nl.urgent.v1": (1, 90),
        "referral.queue.nl.priority.v1": (1, 90),
        "referral.queue.nl.routine.v1": (1, 90),
        "referral.status.nl.v1": (1, 90),
        "referral.track.nl.v1": (1, 90),
        "referral.queue.zz.urgent.v1": (1, 90),
        "referral.queue.zz.priority.v1": (1, 90),
        "referral.queue.zz.routine.v1": (1, 90),
        "referral.status.zz.v1": (1, 90),
        "referral.quarantine.v1": (1, 90),
        "referral.notice.v1": (1, 7),
        "referral.reroute.v1": (1, 30),
        "referral.seen.reroute.v1": (1, 75),
    }


def test_no_topic_is_planned_twice() -> None:
    names = [spec.name for spec in topic_plan(DEPLOYED)]
    assert len(names) == len(set(names))


def test_queues_are_every_lane_of_every_desk() -> None:
    queues = queue_topics(DEPLOYED)
    assert len(queues) == 3 * len(DEPLOYED.desks.desks)
    assert set(queues) == {name for name in plan(DEPLOYED) if name.startswith("referral.queue.")}
    assert queue_topics(SMALL)[:2] == ("referral.queue.nl.urgent.v1", "referral.queue.nl.priority.v1")


def test_partition_counts_that_mean_something_are_fixed() -> None:
    free = {name for name, spec in plan().items() if not spec.fixed}
    assert free == {
        "referral.outcome.hotline.v1",
        "referral.status.nl.v1",
        "referral.status.zz.v1",
        "referral.track.nl.v1",
        "referral.quarantine.v1",
        "referral.notice.v1",
    }


def test_the_brokers_clock_counts_and_only_time_deletes() -> None:
    for spec in topic_plan(DEPLOYED):
        assert spec.config["message.timestamp.type"] == "LogAppendTime"
        assert spec.config["cleanup.policy"] == "delete"
        assert spec.config["retention.bytes"] == "-1"
        assert spec.config["unclean.leader.election.enable"] == "false"


def test_only_where_partners_write_batches_are_taken_apart() -> None:
    apart = {name for name, spec in plan().items() if spec.config["compression.type"] == "uncompressed"}
    assert apart == {"referral.ingress.hotline.v1", "referral.ingress.hotline.test.v1"}


def test_an_ordinary_batch_of_librdkafka_fits() -> None:
    """Its batch.size is 1,000,000 bytes, and it does not split a batch that is refused as too large."""
    assert all(1_000_000 < int(spec.config["max.message.bytes"]) <= 1_048_588 for spec in topic_plan(SMALL))


def test_a_rejected_payload_is_gone_by_a_stated_time() -> None:
    found = plan()
    assert payload_gone_after(found["referral.ingress.hotline.v1"]) == timedelta(days=14, hours=6, minutes=6)
    assert payload_gone_after(found["referral.ingress.hotline.test.v1"]) == timedelta(days=1, hours=1, minutes=6)
    later = payload_gone_after(found["referral.ingress.hotline.v1"], retention_check_ms=3_600_000)
    assert later == timedelta(days=14, hours=7, minutes=1)


def test_a_seen_log_outlives_the_window_and_the_ingress_it_guards() -> None:
    found = plan(DEPLOYED)
    for partner in DEPLOYED.partners.partners:
        seen = int(found[f"referral.seen.{partner.id}.v1"].config["retention.ms"])
        ingress = int(found[f"referral.ingress.{partner.id}.v1"].config["retention.ms"])
        assert seen >= ingress + partner.window_days * DAY_MS
