"""What of ours is open, from what brokers say of their partitions' producers; and which ingress record it was for."""

from io import BytesIO
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import LeaderNotAvailableError, TopicAuthorizationFailedError

from services.router import pieces
from services.router.pieces import (
    DescribeProducersRequest,
    DescribeProducersRequestStruct,
    DescribeProducersResponse,
    ingress_offset,
    left_by_us,
    open_since,
)
from tests.samples import Record

OURS, OTHER = 7, 8
NOTHING_OPEN = -1
A, B, C = TopicPartition("a", 0), TopicPartition("a", 1), TopicPartition("c", 0)


class Client:
    """Leaders, and what each says of its partitions: pairs of (producer, first open offset)."""

    def __init__(self, leaders: dict[TopicPartition, int | None], says: dict[TopicPartition, Any]) -> None:
        self.cluster = self
        self.leader_for_partition = leaders.get
        self.asked: list[tuple[int, Any]] = []
        self._says = says

    async def send(self, node: int, request: DescribeProducersRequest) -> DescribeProducersResponse:
        asked = request.build(DescribeProducersRequestStruct).encode()
        (topics, _) = DescribeProducersRequestStruct.SCHEMA.decode(BytesIO(asked))
        self.asked.append((node, topics))
        answer: list[Any] = [
            (topic, [(part, *self._about(TopicPartition(topic, part)), {}) for part in partitions], {})
            for topic, partitions, _ in topics
        ]
        found: DescribeProducersResponse = DescribeProducersResponse.decode(
            BytesIO(DescribeProducersResponse(0, answer, {}).encode())
        )
        return found

    def _about(self, place: TopicPartition) -> tuple[int, str | None, list[Any]]:
        said = self._says.get(place, [])
        if isinstance(said, int):
            return said, "no", []
        return 0, None, [(number, 3, 0, 0, 0, start, {}) for number, start in said]


class Clients:
    """Readers over fixed records."""

    def __init__(self, records: dict[TopicPartition, list[Record]]) -> None:
        self._records = records
        self._at: dict[TopicPartition, int] = {}
        self._client = self

    def reader(self, isolation: str) -> "Clients":
        assert isolation == "read_uncommitted"
        return self

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        return

    async def set_topics(self, topics: set[str]) -> None:
        assert topics == {place.topic for place in self._records}

    def assign(self, places: list[TopicPartition]) -> None:
        self._at = dict.fromkeys(places, 0)

    def seek(self, place: TopicPartition, offset: int) -> None:
        self._at[place] = offset

    async def getmany(self, *places: TopicPartition, timeout_ms: int) -> dict[TopicPartition, list[Record]]:
        return {place: [r for r in self._records[place] if r.offset >= self._at[place]] for place in places[:1]}


def headed(offset: int, *headers: tuple[str, bytes]) -> Record:
    return Record(b"", None, offset, headers=list(headers))


async def test_each_leader_is_asked_once_about_its_own() -> None:
    client = Client({A: 1, B: 2, C: 1}, {A: [(OURS, 5)], B: [(OTHER, 6)], C: [(OTHER, 2), (OURS, 3)]})
    assert await open_since(client, OURS, [A, B, C]) == {A: 5, C: 3}
    assert client.asked == [(1, [("a", [0], {}), ("c", [0], {})]), (2, [("a", [1], {})])]


async def test_a_producer_that_is_remembered_and_has_nothing_open_left_nothing() -> None:
    client = Client({A: 1}, {A: [(OURS, NOTHING_OPEN)]})
    assert await open_since(client, OURS, [A]) == {}


@pytest.mark.parametrize("leader", [None, -1])
async def test_without_a_leader_nothing_is_taken_for_closed(leader: int | None) -> None:
    with pytest.raises(LeaderNotAvailableError):
        await open_since(Client({A: leader}, {}), OURS, [A])


async def test_an_error_is_not_taken_for_closed() -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await open_since(Client({A: 1}, {A: TopicAuthorizationFailedError.errno}), OURS, [A])


async def test_the_first_open_record_of_each_place_tells_what_it_is() -> None:
    client = Client({A: 1, C: 1}, {A: [(OURS, 5)], C: [(OURS, 3)]})
    clients = Clients(
        {
            A: [headed(4, ("referral-ingress", b"t/0/1")), headed(5, ("referral-ingress", b"t/0/9")), headed(6)],
            C: [headed(3)],
        }
    )
    assert await left_by_us(clients, client, OURS, [A, C]) == {A: 9, C: None}  # type: ignore[arg-type]


async def test_nothing_is_read_where_nothing_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "_first_records", None)
    assert await left_by_us(Clients({}), Client({A: 1}, {}), OURS, [A]) == {}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("headers", "offset"),
    [
        ([("ce_id", b"ncmec:189:1"), ("referral-ingress", b"referral.ingress.ncmec.v1/3/1612")], 1612),
        ([("ce_id", b"referral.ingress.ncmec.v1/3/1612")], 1612),
        ([("ce_id", b"ncmec:189:1")], None),
        ([("ce_id", None)], None),
        ([], None),
    ],
)
def test_records_of_all_kinds_name_their_ingress_record(headers: list[Any], offset: int | None) -> None:
    assert ingress_offset(headers) == offset
