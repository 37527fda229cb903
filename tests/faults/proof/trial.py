"""One schedule from its beginning to the verdict."""

from collections import Counter
from dataclasses import dataclass, field

from infra.simulator.faults.fault_kinds import KINDS
from tests.faults.proof import step_checks
from tests.faults.proof.evidence import Evidence
from tests.faults.proof.harness import Harness
from tests.faults.proof.invariants import violations
from tests.faults.proof.schedules import Schedule
from tests.faults.proof.settle import settle
from tests.faults.proof.step_checks import BrokerState
from tests.faults.proof.steps import Step
from tests.faults.proof.world import World


@dataclass
class Verdict:
    """What happened, how often, and what should not have."""

    happened: Counter[tuple[str, ...]] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)


def live_through(harness: Harness, schedule: Schedule) -> Verdict:
    """Run a schedule in a fresh world, let it settle, and judge."""
    with harness.world(schedule.begins) as world:
        for step in schedule.steps:
            take(world, step)
        return conclude(world)


def take(world: World, step: Step) -> None:
    """Let one step happen, and look at what must hold at every moment."""
    before = BrokerState.of(world)
    step.run(world)
    world.happened["step", type(step).__name__] += 1
    world.violations += step_checks.violations(before, step, world)


def conclude(world: World) -> Verdict:
    """Let it settle, and judge."""
    settle(world)
    _count_faults(world)
    evidence = Evidence(world)
    world.violations += violations(evidence)
    _count_orders(evidence)
    return Verdict(world.happened, world.violations)


def _count_faults(world: World) -> None:
    faults = world.simulator.faults
    for kind in KINDS:
        if count := faults.injected(kind):
            world.happened["broker", kind] += count


def _count_orders(evidence: Evidence) -> None:
    happened = evidence.world.happened
    happened["count", "questions"] += len(evidence.questions)
    happened["count", "approved"] += len(evidence.orders)
    happened["count", "at the broker"] += len(evidence.at_broker)
    happened["count", "fills"] += len(evidence.fills)
    for row in evidence.orders:
        happened["status", row["status"]] += 1
        if row["denial_code"]:
            happened["denial", row["denial_code"]] += 1
