"""Afterwards: no more bad luck, everything delivered, time passed, until nothing changes."""

from datetime import timedelta

from infra.local.stack import FUNCTION_SUBSCRIPTIONS
from tests.faults.proof.instance import Instance
from tests.faults.proof.world import World

# Questions run out, positions of unknown outcome are looked up, sessions end, day orders expire.
_PAUSES = tuple(
    timedelta(minutes=minutes) for minutes in (0, 1, 2, 10, 60, 24 * 60, 24 * 60, 72 * 60, 1)
)
_ROUNDS = 12


def settle(world: World) -> None:
    """Let the system come to rest; what was decided of orders shows before it is forgotten."""
    for _ in range(2):
        world.move(world.simulator.clock.now() + timedelta(minutes=1))
        world.reconcile(0)
    _calm(world)
    for pause in _PAUSES:
        world.move(world.simulator.clock.now() + pause)
        _deliver_everything(world)
        world.reconcile(0)
        _deliver_everything(world)


def _calm(world: World) -> None:
    """End all troubles, and every process that might still remember one."""
    world.simulator.faults.stop()
    world.simulator.switches.fill_delay_seconds = 0
    world.close()
    world.instances[:] = [Instance(world.parts) for _ in world.instances]


def _deliver_everything(world: World) -> None:
    """Deliver all that is not acknowledged, as long as that leads to something new."""
    for _ in range(_ROUNDS):
        world.call(0, "relay_outbox")
        waiting = [m for m in world.topics.on(*FUNCTION_SUBSCRIPTIONS) if not m.acked]
        for message in waiting:
            world.deliver(0, message)
        if not any(message.acked for message in waiting):
            return
