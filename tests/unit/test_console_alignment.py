"""What provisioning would do, for every kind of difference."""

from hypothesis import given
from hypothesis import strategies as st

from policy.topics import TopicSpec, topic_plan
from services.console.alignment import Changes, Extension, Present, Setting, compare, replication_for
from tests.samples import configuration

SPEC = TopicSpec("referral.status.nl.v1", 2, {"retention.ms": "1000"}, fixed=False)
FIXED = TopicSpec("referral.ingress.ncmec.v1", 4, {"retention.ms": "1000"}, fixed=True)


def present(partitions: int, replication: int = 1, **config: str) -> Present:
    return Present(
        partitions, replication, {"retention.ms": "1000"} | {k.replace("_", "."): v for k, v in config.items()}
    )


def after(plan: tuple[TopicSpec, ...], before: dict[str, Present], changes: Changes) -> dict[str, Present]:
    """What is there when the changes are made."""
    topics = dict(before)
    for new in changes.created:
        topics[new.topic] = Present(new.partitions, new.replication, dict(new.config))
    for more in changes.extended:
        old = topics[more.topic]
        topics[more.topic] = Present(more.wants, old.replication, old.config)
    for setting in changes.configured:
        old = topics[setting.topic]
        topics[setting.topic] = Present(old.partitions, old.replication, {**old.config, setting.name: setting.wants})
    return topics


def test_a_missing_topic_is_created_as_planned() -> None:
    (created,) = compare([SPEC], {}, replication=1).created
    assert (created.topic, created.partitions, created.replication) == (SPEC.name, 2, 1)
    assert created.config == {"retention.ms": "1000"}


def test_three_replicas_need_two_acknowledgements() -> None:
    (created,) = compare([SPEC], {}, replication=3).created
    assert created.config["min.insync.replicas"] == "2"


def test_replication_follows_the_brokers_up_to_three() -> None:
    assert [replication_for(brokers) for brokers in (0, 1, 2, 3, 9)] == [1, 1, 2, 3, 3]


def test_a_value_that_differs_is_set_and_one_beyond_the_plan_stays() -> None:
    changes = compare([SPEC], {SPEC.name: present(2, retention_ms="5", segment_bytes="77")}, replication=1)
    assert changes.configured == (Setting(SPEC.name, "retention.ms", "5", "1000"),)


def test_an_existing_topic_with_three_replicas_gets_two_acknowledgements_too() -> None:
    changes = compare([SPEC], {SPEC.name: present(2, 3, min_insync_replicas="1")}, replication=3)
    assert changes.configured == (Setting(SPEC.name, "min.insync.replicas", "1", "2"),)


def test_partitions_are_added_where_the_count_is_not_fixed() -> None:
    changes = compare([SPEC], {SPEC.name: present(1)}, replication=1)
    assert changes.extended == (Extension(SPEC.name, 1, 2),)
    assert changes.refused == ()


def test_a_fixed_count_is_never_changed_and_the_refusal_says_all() -> None:
    for has in (1, 5):
        changes = compare([FIXED], {FIXED.name: present(has)}, replication=1)
        (refusal,) = changes.refused
        assert changes.nothing_to_do
        assert str(refusal).startswith(f"{FIXED.name}: has {has} partitions, the configuration wants 4: ")
        assert "fixed for life" in refusal.why


def test_partitions_are_never_taken_away() -> None:
    changes = compare([SPEC], {SPEC.name: present(3)}, replication=1)
    assert changes.nothing_to_do
    assert [(refusal.has, refusal.wants) for refusal in changes.refused] == [(3, 2)]


def test_too_few_replicas_are_told_and_left() -> None:
    changes = compare([SPEC], {SPEC.name: present(2, 1)}, replication=3)
    assert changes.nothing_to_do
    assert [(thin.has, thin.wants) for thin in changes.thin] == [(1, 3)]


def test_the_projects_own_plan_is_created_once() -> None:
    plan = topic_plan(configuration())
    changes = compare(plan, {}, replication=1)
    again = compare(plan, after(plan, {}, changes), replication=1)
    assert len(changes.created) == len(plan) == again.unchanged
    assert again.nothing_to_do


names = st.sampled_from(["a", "b", "c", "d"])
values = st.sampled_from(["1", "2", "3"])
configs = st.dictionaries(st.sampled_from(["retention.ms", "segment.ms", "min.insync.replicas"]), values)
specs = st.builds(TopicSpec, names, st.integers(1, 4), configs, st.booleans())
there = st.dictionaries(names, st.builds(Present, st.integers(1, 4), st.integers(1, 3), configs))


@given(st.lists(specs, unique_by=lambda spec: spec.name).map(tuple), there, st.integers(1, 3))
def test_provisioning_twice_changes_nothing_the_second_time(
    plan: tuple[TopicSpec, ...], before: dict[str, Present], replication: int
) -> None:
    changes = compare(plan, before, replication)
    then = after(plan, before, changes)
    again = compare(plan, then, replication)
    assert again.nothing_to_do
    assert again.refused == changes.refused
    assert all(then[name].partitions >= topic.partitions for name, topic in before.items())
    for spec in plan:
        if spec.fixed and spec.name in before:
            assert then[spec.name].partitions == before[spec.name].partitions
