"""What provisioning has to do: the plan against what is there. Pure: no broker.

Nothing is ever deleted, no fixed partition count is changed, and what an operator set beyond the plan stays.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from policy.topics import TopicSpec

FIXED: Final = (
    "the count is fixed for life: another one moves reports to other partitions, "
    "where the router does not know that it has seen them"
)
FEWER: Final = "Kafka cannot take partitions away, and provisioning never deletes a topic"
SAFE_REPLICATION: Final = 3
"""From here on a write is acknowledged by two replicas, so that one broker may be lost."""


@dataclass(frozen=True, slots=True)
class Present:
    """A topic as the cluster has it; `config` holds the values in force."""

    partitions: int
    replication: int
    config: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Creation:
    """A topic that is missing, with everything it is to be created with."""

    topic: str
    partitions: int
    replication: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Setting:
    """One configuration value that differs."""

    topic: str
    name: str
    has: str | None
    wants: str


@dataclass(frozen=True, slots=True)
class Extension:
    """A topic that gets more partitions."""

    topic: str
    has: int
    wants: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A partition count that stays as it is, although the plan says otherwise."""

    topic: str
    has: int
    wants: int
    why: str

    def __str__(self) -> str:
        return f"{self.topic}: has {self.has} partitions, the configuration wants {self.wants}: {self.why}"


@dataclass(frozen=True, slots=True)
class Thin:
    """A topic with fewer replicas than it would be created with now; replicas are the operator's to move."""

    topic: str
    has: int
    wants: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be done, or was done; what is refused; and what a person should know."""

    created: tuple[Creation, ...] = ()
    configured: tuple[Setting, ...] = ()
    extended: tuple[Extension, ...] = ()
    refused: tuple[Refusal, ...] = ()
    thin: tuple[Thin, ...] = ()
    unchanged: int = 0

    @property
    def nothing_to_do(self) -> bool:
        """Whether the cluster is already as far as provisioning may bring it."""
        return not (self.created or self.configured or self.extended)


def compare(plan: Iterable[TopicSpec], present: Mapping[str, Present], replication: int) -> Changes:
    """The difference; `replication` is the factor of topics that are created now."""
    created: list[Creation] = []
    configured: list[Setting] = []
    extended: list[Extension] = []
    refused: list[Refusal] = []
    thin: list[Thin] = []
    unchanged = 0
    for spec in plan:
        found = present.get(spec.name)
        if found is None:
            config = dict(sorted(_config(spec, replication).items()))
            created.append(Creation(spec.name, spec.partitions, replication, config))
            continue
        settings = _settings(spec, found)
        configured += settings
        if found.replication < replication:
            thin.append(Thin(spec.name, found.replication, replication))
        match _partitions(spec, found):
            case Extension() as extension:
                extended.append(extension)
            case Refusal() as refusal:
                refused.append(refusal)
            case None if not settings:
                unchanged += 1
    return Changes(tuple(created), tuple(configured), tuple(extended), tuple(refused), tuple(thin), unchanged)


def replication_for(brokers: int) -> int:
    """Three replicas where there are three brokers, otherwise as many as there are."""
    return max(1, min(SAFE_REPLICATION, brokers))


def _config(spec: TopicSpec, replication: int) -> dict[str, str]:
    """The plan's values, and the two replicas that must acknowledge where there are three."""
    if replication >= SAFE_REPLICATION:
        return {"min.insync.replicas": "2", **spec.config}
    return dict(spec.config)


def _settings(spec: TopicSpec, found: Present) -> list[Setting]:
    wanted = _config(spec, found.replication)
    return [
        Setting(spec.name, name, found.config.get(name), value)
        for name, value in sorted(wanted.items())
        if found.config.get(name) != value
    ]


def _partitions(spec: TopicSpec, found: Present) -> Extension | Refusal | None:
    if found.partitions == spec.partitions:
        return None
    if spec.fixed:
        return Refusal(spec.name, found.partitions, spec.partitions, FIXED)
    if found.partitions > spec.partitions:
        return Refusal(spec.name, found.partitions, spec.partitions, FEWER)
    return Extension(spec.name, found.partitions, spec.partitions)
