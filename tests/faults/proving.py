"""One campaign on one cluster, from the first process to the last finding."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from tests.faults import breakages, deployment, readers, stage
from tests.faults.evidence import Evidence, Kind
from tests.faults.performing import Performance, Player
from tests.faults.placing import place
from tests.faults.publisher import Publisher
from tests.faults.results import Row, rows
from tests.faults.routers import PROGRAM
from tests.faults.schedule import Fault, spread
from tests.faults.verdict import Finding, judge
from tests.faults.workload import Planned, Shape, stream

READ_S: Final = 120.0
"""How long reading everything back may take."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """One campaign. `referrals` are shared among the faults by how long each lasts."""

    faults: Sequence[Fault]
    brokers: int
    referrals: int
    seed: int
    deployment: Path | None = None
    broken: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it. `wrong` is what no topic shows: a router that ended unasked, a fault that was not done."""

    rows: Sequence[Row]
    findings: Sequence[Finding]
    wrong: Sequence[str]

    @property
    def clean(self) -> bool:
        """Nothing lost, doubled, swallowed, or wrong in any other way."""
        return not self.findings and not self.wrong


def prove(plan: Plan, directory: Path, tell: Tell) -> Result:
    """Set up, play every fault, read everything back, judge. Leaves no process, whatever happens.

    `directory` gets the logs of routers and brokers. Raises CannotRun as the cluster does, PublishingError and
    TimeoutError: then nothing is proved. A router that hangs ends the campaign early, and that is wrong in the result.
    """
    chosen = plan.deployment or deployment.write(directory / "deploy")
    program = breakages.program(plan.broken) if plan.broken else PROGRAM
    with ExitStack() as stack:
        scene = stack.enter_context(stage.set_up(plan.brokers, chosen, deployment.PARTNER, program, directory))
        written = readers.written(scene.configuration, scene.partner)
        live = readers.LiveReader(scene.direct, written, scene.ingress)
        stack.callback(live.stop)
        publisher = Publisher(scene.direct, scene.ingress)
        rng = Random(plan.seed)
        player = Player(scene, publisher, rng, plan.brokers)
        performances = _play(plan, scene, player, rng, tell)
        wrong = [text for performance in performances for text in performance.wrong] + player.end()
        committed, ends = scene.progress()
        final = readers.read_all(scene.direct, written, scene.ingress, READ_S)
        ingress = readers.read_ingress(scene.direct, scene.ingress, scene.partitions, READ_S)
        live.await_as_much_as(final, READ_S)
        live.stop()
    if live.problem is not None:
        raise live.problem
    views = {"live": live.seen.view, "final": final.view}
    evidence = Evidence(place(publisher.sent, publisher.unplaced, ingress), ingress, views, committed, ends)
    findings = judge(evidence, deployment.route_by(scene.configuration))
    return Result(rows(evidence, performances, live.seen.arrivals, findings), findings, wrong)


def _play(plan: Plan, scene: stage.Stage, player: Player, rng: Random, tell: Tell) -> list[Performance]:
    """Every fault in turn; a router that did not come to the end is asked nothing more."""
    performances: list[Performance] = []
    earlier: list[Planned] = []
    seconds = sum(fault.lasts_s for fault in plan.faults)
    for phase, fault in enumerate(plan.faults):
        moved = spread(fault, rng, plan.brokers)
        until_s = sum(done.lasts_s for done in plan.faults[: phase + 1])
        share = round(plan.referrals * until_s / seconds) - len(earlier)
        shape = Shape(share, moved.begins_s, fault.lasts_s)
        records = stream(shape, scene.partner, f"S{phase:02d}", deployment.COUNTRIES, earlier, rng)
        tell(f"{plan.brokers} broker(s), {fault.name}: {fault.says}")
        performances.append(player.play(moved, records, phase))
        earlier += [one for one in records if one.kind is Kind.ORIGINAL]
        for text in performances[-1].wrong:
            tell(f"  wrong: {text}")
        if not performances[-1].settled:
            break
    return performances
