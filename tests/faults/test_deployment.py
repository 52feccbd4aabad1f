"""The campaign's own configuration is a valid one, and its referrals reach every queue of it."""

from json import dumps
from pathlib import Path
from random import Random

import pytest

from policy.configuration import Configuration, load
from policy.topics import queue_topics
from schemas.codes import Outcome
from tests.faults.deployment import COUNTRIES, PARTNER, route_by, write
from tests.faults.workload import Shape, envelope, stream


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    return load(write(tmp_path_factory.mktemp("campaign") / "deploy"))


def test_it_has_one_partner_with_four_partitions(configuration: Configuration) -> None:
    assert configuration.partners.by_id[PARTNER].ingress_partitions == 4


def test_a_stream_reaches_every_queue(configuration: Configuration) -> None:
    records = stream(Shape(2000, 1.0, 2.0), PARTNER, "r", COUNTRIES, (), Random(1))
    route = route_by(configuration)
    assert {queue for one in records for queue in route(one.value).queues} == set(queue_topics(configuration))


def test_what_names_no_country_is_unroutable_and_has_a_queue_all_the_same(configuration: Configuration) -> None:
    expected = route_by(configuration)(dumps(envelope(PARTNER, "r-1", ["ZZ"] * 3, Random(1))).encode())
    assert expected.outcome is Outcome.UNROUTABLE
    assert {queue.split(".")[2] for queue in expected.queues} == {"zz"}


def test_a_new_directory_is_written(tmp_path: Path) -> None:
    assert sorted(file.name for file in write(tmp_path / "deploy").iterdir()) == [
        "desks.yaml",
        "partners.yaml",
        "triage.yaml",
    ]
