"""The vocabulary of schedules: what users, the platform, the market and bad luck do.

Every number in a step is taken modulo what there is, so that any list of steps can be lived
through, shortened, and read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Protocol, TypeVar
from uuid import UUID

from common.orders.status import SUBMITTING, TERMINAL
from infra.local.stack import FUNCTION_SUBSCRIPTIONS
from infra.workflows import kill_switch
from tests.faults.proof import interleaving
from tests.faults.proof.injected_fault import InjectedFault, Kind, Place
from tests.faults.proof.start_times import Until, until
from tests.faults.proof.topics import Published
from tests.faults.proof.users import PRICES, USERS
from tests.faults.proof.world import World

_Each = TypeVar("_Each")


class Step(Protocol):
    """One thing that happens."""

    def run(self, world: World) -> None:
        """Let it happen."""


@dataclass(frozen=True)
class Tick:
    """The scheduler's minute: market data in, and every rule evaluated."""

    on: int = 0

    def run(self, world: World) -> None:
        """Ingest, and deliver what that announced, and what is announced of it in turn."""
        world.call(self.on, "ingest")
        for topic in ("snapshots-ingested", "rules-fired"):
            for message in world.topics.on(topic):
                if not message.acked:
                    world.deliver(self.on, message)


@dataclass(frozen=True)
class Answer:
    """A swipe: by the user who was asked, or with somebody else's name on it."""

    question: int
    value: Decimal
    on: int = 0
    by_another: bool = False

    def run(self, world: World) -> None:
        """Send it; old questions are answered as often as new ones."""
        asked = _pick(world.ledger.questions, self.question)
        if asked is not None:
            others = [uid for uid in USERS if uid != asked.firebase_uid]
            uid = others[0] if self.by_another else asked.firebase_uid
            world.answer(self.on, asked.question_id, uid, self.value)


@dataclass(frozen=True)
class Deliver:
    """Pub/Sub delivers an approval that nobody has acknowledged, in whatever order it likes."""

    message: int
    on: int = 0

    def run(self, world: World) -> None:
        """Deliver one."""
        approvals = world.topics.on("orders-approved")
        waiting = [each for each in approvals if not each.acked]
        _deliver(world, self.on, _pick(waiting or approvals, self.message))


@dataclass(frozen=True)
class Redeliver:
    """Pub/Sub delivers once more what it has delivered before, be it from hours ago."""

    message: int
    on: int = 0

    def run(self, world: World) -> None:
        """Deliver one."""
        everything = world.topics.on(*FUNCTION_SUBSCRIPTIONS)
        _deliver(world, self.on, _pick(everything, self.message))


@dataclass(frozen=True)
class Cancel:
    """A user takes an order back."""

    order: int
    on: int = 0

    def run(self, world: World) -> None:
        """Ask the account API."""
        known = world.rows("SELECT id, firebase_uid, status, question_id FROM trade_orders")
        known.sort(key=world.place)
        still_open = [each for each in known if each["status"] not in TERMINAL]
        order = _pick(still_open or known, self.order)
        if order is not None:
            world.account(self.on, order["firebase_uid"], "DELETE", f"/orders/{order['id']}")


@dataclass(frozen=True)
class Insist:
    """Pub/Sub delivers an approval whose order is at the broker by now, or may be."""

    message: int
    on: int = 0

    def run(self, world: World) -> None:
        """Deliver the approval of an order that is being submitted."""
        sent = world.rows("SELECT id FROM trade_orders WHERE status = :s ORDER BY id", s=SUBMITTING)
        ids = [str(each["id"]).encode() for each in sent]
        approvals = world.topics.on("orders-approved")
        unsure = [each for each in approvals if any(order in each.data for order in ids)]
        _deliver(world, self.on, _pick(unsure, self.message))


@dataclass(frozen=True)
class Reconcile:
    """The scheduler's minute: ask the broker what is true."""

    on: int = 0

    def run(self, world: World) -> None:
        """Reconcile."""
        world.reconcile(self.on)


@dataclass(frozen=True)
class Relay:
    """The scheduler's minute: publish what is left in the outbox."""

    on: int = 0

    def run(self, world: World) -> None:
        """Relay."""
        world.call(self.on, "relay_outbox")


@dataclass(frozen=True)
class Poison:
    """A message that no retry can help."""

    order: UUID
    on: int = 0

    def run(self, world: World) -> None:
        """Deliver it as if it were an approval."""
        data = f'{{"order_id": "{self.order}"}}'
        world.ledger.poison.add(data)
        stray = Published(f"poison-{self.order}", "orders-approved", data.encode(), "")
        world.deliver(self.on, stray)


@dataclass(frozen=True)
class Wait:
    """Time passes."""

    seconds: int

    def run(self, world: World) -> None:
        """Move the clock."""
        world.move(world.simulator.clock.now() + timedelta(seconds=self.seconds))


@dataclass(frozen=True)
class WaitUntil:
    """Time passes up to shortly before, or after, a moment at which something changes."""

    moment: Until
    seconds: int

    def run(self, world: World) -> None:
        """Move the clock, unless the moment is over."""
        moment = until(self.moment, world.simulator.clock.now())
        world.move(moment + timedelta(seconds=self.seconds))


@dataclass(frozen=True)
class Price:
    """The market moves, by some percent of where it began."""

    symbol: str
    pct: Decimal

    def run(self, world: World) -> None:
        """Print a price and a quote around it."""
        price = Decimal(PRICES[self.symbol][0]) * (100 + self.pct) / 100
        price = price.quantize(Decimal("0.01"))
        world.simulator.market.set_price(self.symbol, price, live=True)


@dataclass(frozen=True)
class Halt:
    """Somebody turns the kill switch, for everybody (`*`) or for one user."""

    scope: str

    def run(self, world: World) -> None:
        """Halt, and remember what had left by then."""
        user = None if self.scope == "*" else self.scope
        kill_switch.halt(world.database, world.simulator.clock, user, "a test", "a test")
        known = {order.client_order_id for order in world.simulator.ledger.orders()}
        world.halted.setdefault(self.scope, known)


@dataclass(frozen=True)
class Resume:
    """The switch is turned back."""

    scope: str

    def run(self, world: World) -> None:
        """Resume."""
        user = None if self.scope == "*" else self.scope
        kill_switch.resume(world.database, world.simulator.clock, user, "a test", "a test")
        world.halted.pop(self.scope, None)


@dataclass(frozen=True)
class Fails:
    """An instance will crash, or lose a connection, at a place that it is going to reach."""

    kind: Kind
    place: Place
    skip: int = 0
    on: int = 0

    def run(self, world: World) -> None:
        """Arm it.

        Where a broker frees the ids of canceled orders, one that arrives late would be another.
        """
        if self.kind != "late" or world.simulator.switches.cancelled_ids_stay_taken:
            trouble = InjectedFault(self.kind, self.place, self.skip)
            world.instance(self.on).troubles.append(trouble)


@dataclass(frozen=True)
class ServerRestarts:
    """The database server is restarted under all pools."""

    def run(self, world: World) -> None:
        """End all backends of the instances."""
        world.happened["restart", "database"] += 1
        for instance in world.instances:
            instance.lose_connections()


@dataclass(frozen=True)
class AtOnce:
    """Several things at the same time, interleaved by chance."""

    steps: tuple[Step, ...]
    seed: int

    def run(self, world: World) -> None:
        """Take turns."""
        works = [_work(step, world) for step in self.steps]
        interleaving.at_once(works, Random(self.seed), world.parts.server.is_blocked)


def _work(step: Step, world: World) -> interleaving.Work:
    return lambda: step.run(world)


def _pick(each: Sequence[_Each], number: int) -> _Each | None:
    return each[number % len(each)] if each else None


def _deliver(world: World, on: int, message: Published | None) -> None:
    if message is not None:
        world.deliver(on, message)
