"""Identifiers of people who do not exist, sealed as a partner seals them: `schemas.identifiers` does the hashing.

The texts come from ranges set aside for documentation, tests and fiction (RFC 3849, RFC 2544, RFC 2606, Ofcom's
and NANPA's numbers for drama), so that none is anybody's. The key is made from the key's name: no secret of a
partner is ever needed here.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from hashlib import sha256
from itertools import product
from random import Random
from typing import Final, NamedTuple
from uuid import UUID

from schemas.codes import IdentifierKind, Subject
from schemas.identifiers import seal

_POOL: Final = 1_024
"""Identifiers of one kind and key that come again: the same person, twice."""
_AGAIN: Final = 0.2
"""How many of all identifiers these are. The others are seen once: 256 random bits, as an HMAC looks to all of us."""
_FROM_POOL: Final = _POOL / _AGAIN
_DECK: Final = 1_024
_COUNTS: Final = (
    (0,) * 50 + (1,) * 350 + (2,) * 300 + (3,) * 140 + (4,) * 60 + (5,) * 34 + (6,) * 20 + (8,) * 20 + (12,) * 14
    + (20,) * 7 + (32,) * 3 + (48,) * 1 + (64,) * 1
)  # fmt: skip
"""How many identifiers, by thousandths."""
_KINDS: Final = {
    IdentifierKind.IP_ADDRESS: 46,
    IdentifierKind.ACCOUNT: 24,
    IdentifierKind.EMAIL: 12,
    IdentifierKind.PHONE: 8,
    IdentifierKind.DEVICE: 6,
    IdentifierKind.FILE_SET: 4,
}
_SUBJECTS: Final = {
    Subject.SUSPECT: 80,
    Subject.RECIPIENT: 7,
    Subject.VICTIM: 5,
    Subject.UNKNOWN: 5,
    Subject.OTHER: 3,
}


def secret_of(key_id: str) -> bytes:
    """The simulation's own hashing key of this name, 32 bytes."""
    return sha256(b"simulated key " + key_id.encode()).digest()


_TEXTS: Final[dict[IdentifierKind, Callable[[Random], str]]] = {
    IdentifierKind.IP_ADDRESS: lambda rng: (
        f"2001:db8:{rng.getrandbits(16):x}::{rng.getrandbits(16):x}"
        if rng.random() < 0.3
        else f"198.{18 + rng.getrandbits(1)}.{rng.getrandbits(8)}.{rng.getrandbits(8)}"
    ),
    IdentifierKind.ACCOUNT: lambda rng: f"example.com:{rng.getrandbits(40)}",
    IdentifierKind.EMAIL: lambda rng: f"person{rng.getrandbits(32)}@example.org",
    IdentifierKind.PHONE: lambda rng: (
        f"+447700900{rng.randrange(1_000):03d}"
        if rng.random() < 0.5
        else f"+1{rng.choice(('202', '212', '303', '404', '512', '617', '702', '808'))}55501{rng.randrange(100):02d}"
    ),
    IdentifierKind.DEVICE: lambda rng: f"uuid:{UUID(int=rng.getrandbits(128), version=4)}",
    IdentifierKind.FILE_SET: lambda rng: " ".join(f"{rng.getrandbits(256):064x}" for _ in range(rng.randint(1, 3))),
}


def text_of(kind: IdentifierKind, rng: Random) -> str:
    """An identifier of this kind that is nobody's."""
    return _TEXTS[kind](rng)


class Card(NamedTuple):
    """What an identifier is; its hash goes between the two pieces of text."""

    opening: str
    closing: str
    again: Sequence[str]
    dated: bool


class Sealed:
    """A partner's identifiers as JSON text, 0 to 64 a report; most reports have one to three."""

    def __init__(self, key_ids: Sequence[str], rng: Random) -> None:
        self._uniform = rng.random
        self._bytes = rng.randbytes
        self._deck = list(_deck(key_ids, rng)) if key_ids else []

    def draw_count(self) -> int:
        """How many identifiers the next report has."""
        return _COUNTS[int(self._uniform() * 1_000)] if self._deck else 0

    def describe(self, count: int, captured_at: str) -> str:
        """`,"identifiers":[...]`, nothing when there are none; a tenth of them without `captured_at`."""
        if not count:
            return ""
        uniform, deck = self._uniform, self._deck
        when = f',"captured_at":"{captured_at}"}}'
        texts = []
        for _ in range(count):
            opening, closing, again, dated = deck[int(uniform() * _DECK)]
            chance = uniform()
            sealed = again[int(chance * _FROM_POOL)] if chance < _AGAIN else self._bytes(32).hex()
            texts.append(opening + sealed + closing + (when if dated else "}"))
        return f',"identifiers":[{",".join(texts)}]'


@cache
def people(kind: IdentifierKind, key_id: str) -> tuple[str, ...]:
    """The identifiers that come again, sealed: the same for every partner that holds the key, and in every run."""
    secret, rng = secret_of(key_id), Random(f"{kind.value} {key_id}")  # noqa: S311 - repeatable on purpose
    return tuple([seal(secret, kind, text_of(kind, rng)) for _ in range(_POOL)])


def _deck(key_ids: Sequence[str], rng: Random) -> Iterator[Card]:
    """Every kind with every subject once, then by weight."""
    every = list(product(IdentifierKind, Subject))
    rest = _DECK - len(every)
    drawn = zip(
        rng.choices(list(_KINDS), list(_KINDS.values()), k=rest),
        rng.choices(list(_SUBJECTS), list(_SUBJECTS.values()), k=rest),
        strict=True,
    )
    for kind, subject in (*every, *drawn):
        key_id = rng.choice(key_ids)
        yield Card(
            f'{{"kind":"{kind.value}","subject":"{subject.value}","key_id":"{key_id}","hmac_sha256":"',
            f'"{_flags(kind, rng)}',
            people(kind, key_id),
            rng.random() < 0.9,
        )


def _flags(kind: IdentifierKind, rng: Random) -> str:
    if kind is not IdentifierKind.IP_ADDRESS:
        return ""
    port = ',"port_known":true' if rng.random() < 0.6 else ""
    return port + (',"possible_proxy":true' if rng.random() < 0.15 else "")
