"""Where one measurement takes place: a partner of its own, so that nothing of an earlier one is remembered.

The router's group and the queues' names are fixed. A new partner has new ingress, receipts and seen-log, and the
same desks; so one broker, warm, serves every contender, and each starts with an empty window.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Final

from confluent_kafka.admin import AdminClient

from policy.configuration import Configuration, load
from policy.desks import UNROUTABLE
from policy.partners import Partner
from policy.topics import queue_topics, topic_plan
from schemas import topics
from schemas.countries import ASSIGNED, UNKNOWN
from services.console.provision import provision
from services.runtime.kafka import librdkafka_options
from services.runtime.settings import KafkaSettings

FEW_DESKS: Final = 2
"""With the unroutable desk: three desks, nine queues."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A provisioned configuration with one partner. `directory` is what REFERRAL_CONFIG_DIR names."""

    kafka: KafkaSettings
    directory: Path
    configuration: Configuration
    partner: Partner

    @property
    def ingress(self) -> str:
        """The topic all records of this measurement come in by."""
        return topics.ingress(self.partner.id)

    @property
    def queues(self) -> int:
        """How many queues there are to write to."""
        return len(queue_topics(self.configuration))

    @property
    def shape(self) -> str:
        """What a row says of it."""
        return f"{self.queues} queues, {self.partner.ingress_partitions} ingress partitions"

    def admin(self) -> AdminClient:
        """A client for offsets, groups and topics."""
        return AdminClient({**librdkafka_options(self.kafka), "log_level": 0})


@contextmanager
def stage(
    kafka: KafkaSettings, deploy: Path, partner: str, partitions: int, *, few_desks: bool = False
) -> Iterator[Stage]:
    """Set up a stage, and take the partner's topics away in the end: their data would fill the disk."""
    with TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        _write(directory, deploy, partner, partitions, few_desks)
        configuration = load(directory)
        plan = topic_plan(configuration)
        provision(kafka, plan, dry_run=False)
        own = Stage(kafka, directory, configuration, configuration.partners.by_id[partner])
        try:
            yield own
        finally:
            gone = [spec.name for spec in plan if f".{partner}." in spec.name]
            admin = own.admin()  # kept until the answers are there
            for future in admin.delete_topics(gone).values():
                future.result()


def _write(directory: Path, deploy: Path, partner: str, partitions: int, few_desks: bool) -> None:
    copyfile(deploy / "triage.yaml", directory / "triage.yaml")
    if few_desks:
        (directory / "desks.yaml").write_text(_few_desks())
    else:
        copyfile(deploy / "desks.yaml", directory / "desks.yaml")
    (directory / "partners.yaml").write_text(
        f"partners:\n  {partner}: {{name: Bench, ingress_partitions: {partitions}}}\n"
        f"keys:\n  bench-1: {{scope: [{partner}], valid_from: 2020-01-01T00:00:00Z}}\n"
    )


def _few_desks() -> str:
    """Every country at one of a few desks, in turn."""
    names = [f"bench-{number}" for number in range(FEW_DESKS)]
    lines = ["desks:", f"  {UNROUTABLE}: {{name: Nowhere, owner: bench}}"]
    lines += [f"  {name}: {{name: Desk}}" for name in names]
    lines.append("countries:")
    countries = sorted(ASSIGNED - {UNKNOWN})
    lines += [f"  {code}: {names[place % FEW_DESKS]}" for place, code in enumerate(countries)]
    return "\n".join(lines) + "\n"
