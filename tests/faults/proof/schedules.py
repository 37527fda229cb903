"""Schedules by chance: a seed is a schedule, the same one always."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from uuid import UUID

from tests.faults.proof import steps
from tests.faults.proof.account_steps import IsSplit, TradesByHand
from tests.faults.proof.broker_faults import ORDERS, SWITCHES, TROUBLES, BrokerFails, BrokerIs
from tests.faults.proof.harness import StartConditions
from tests.faults.proof.injected_fault import KINDS
from tests.faults.proof.start_times import STARTS, Until
from tests.faults.proof.steps import Step
from tests.faults.proof.users import PRICES, STOCKS, USERS
from tests.faults.proof.world import INSTANCES

_ANSWERS = tuple(map(Decimal, ("10", "10", "10", "7", "5", "4.9", "0", "-5", "-10")))
_WAITS = (1, 5, 30, 61, 61, 120, 290, 301, 900, 3600, 4 * 3600 + 5)
_MOVES = tuple(map(Decimal, ("-3", "-1", "-0.5", "0", "0.5", "1.5", "4", "-40")))
_MANY = 1 << 16

Maker = Callable[[Random], Step]
Weighted = tuple[tuple[Maker, int], ...]


@dataclass(frozen=True)
class Schedule:
    """How it begins, and what happens."""

    begins: StartConditions
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        lines = [f"begins: {self.begins}"]
        lines += [f"{number:3} {step}" for number, step in enumerate(self.steps, 1)]
        return "\n".join(lines)


def schedule(seed: int) -> Schedule:
    """Return the seed's schedule: it always begins with a question or two."""
    rng = Random(seed)
    begins = StartConditions(rng.choice(list(STARTS)), rng.choice((4, 4, 4, 1)), rng.random() < 0.5)
    taken: list[Step] = [steps.Tick()]
    for _ in range(rng.randint(12, 32)):
        taken += some(rng)
    return Schedule(begins, tuple(taken))


def some(rng: Random) -> tuple[Step, ...]:
    """Return what happens next, by chance; bad luck comes with a call that may meet it."""
    make = _one_of(_WEIGHTS, rng)
    made = make(rng)
    if isinstance(made, steps.Fails) and made.kind == "late":
        return _overtaken(made, rng)
    if isinstance(made, steps.Fails):
        call = _one_of(_MEETING[made.place.rpartition("_")[2]], rng)(rng)
        return made, call if isinstance(call, steps.AtOnce) else replace(call, on=made.on)  # type: ignore[type-var]
    if isinstance(made, BrokerFails):
        return _misfortune(made, rng)
    return (made,)


def _overtaken(late: steps.Fails, rng: Random) -> tuple[Step, ...]:
    """Let an order be forbidden, and asked for once more, while its first request is on its way."""
    obstacle = rng.choice((steps.Halt("*"), BrokerIs("account_blocked", value=True)))
    sent = replace(late, skip=0), steps.Deliver(rng.randrange(_MANY), late.on)
    return *sent, obstacle, _insist(rng), steps.Wait(30), steps.Resume("*")


def _misfortune(fails: BrokerFails, rng: Random) -> tuple[Step, ...]:
    """Bring a fault of the broker to where it hurts."""
    deliver = _deliver(rng)
    if fails.hits_cancellations:  # what is to be canceled must not be filled at once
        return (
            BrokerFails("pending_new_for", parameters={"seconds": 300}),
            deliver,
            fails,
            _cancel(rng),
            _reconcile(rng),
        )
    if fails.kind == "missing_in_lookup":
        return BrokerFails("accept_then_504", "POST", ORDERS), deliver, fails, _insist(rng)
    return fails, _one_of(_MEETING["order"], rng)(rng)


def _one_of(weighted: Weighted, rng: Random) -> Maker:
    makers, weights = zip(*weighted, strict=True)
    chosen: Maker = rng.choices(makers, weights)[0]
    return chosen


def _tick(rng: Random) -> Step:
    return steps.Tick(_on(rng))


def _answer(rng: Random) -> Step:
    by_another = rng.random() < 0.05
    return steps.Answer(rng.randrange(_MANY), rng.choice(_ANSWERS), _on(rng), by_another)


def _deliver(rng: Random) -> Step:
    return steps.Deliver(rng.randrange(_MANY), _on(rng))


def _insist(rng: Random) -> Step:
    return steps.Insist(rng.randrange(_MANY), _on(rng))


def _redeliver(rng: Random) -> Step:
    return steps.Redeliver(rng.randrange(_MANY), _on(rng))


def _cancel(rng: Random) -> Step:
    return steps.Cancel(rng.randrange(_MANY), _on(rng))


def _reconcile(rng: Random) -> Step:
    return steps.Reconcile(_on(rng))


def _relay(rng: Random) -> Step:
    return steps.Relay(_on(rng))


def _poison(rng: Random) -> Step:
    return steps.Poison(UUID(int=rng.getrandbits(128), version=4), _on(rng))


def _wait(rng: Random) -> Step:
    return steps.Wait(rng.choice(_WAITS))


def _wait_until(rng: Random) -> Step:
    moment: Until = rng.choice(("open", "close", "midnight", "midnight"))
    return steps.WaitUntil(moment, rng.choice((-60, -10, 1, 60)))


def _price(rng: Random) -> Step:
    return steps.Price(rng.choice(list(PRICES)), rng.choice(_MOVES))


def _halt(rng: Random) -> Step:
    return steps.Halt(rng.choice(("*", *USERS)))


def _resume(rng: Random) -> Step:
    return steps.Resume(rng.choice(("*", "*", *USERS)))


def _fails(rng: Random) -> Step:
    kind = rng.choice(("crash", "crash", "crash", "crash", *KINDS))
    place = rng.choice(KINDS[kind])
    skip = rng.randrange(15) if place == "statement" else rng.choice((0, 0, 0, 1, 1, 2, 4))
    return steps.Fails(kind, place, skip, _on(rng))


def _server_restarts(rng: Random) -> Step:  # noqa: ARG001 (all makers are called alike)
    return steps.ServerRestarts()


def _broker_fails(rng: Random) -> Step:
    return rng.choice(TROUBLES)


def _broker_is(rng: Random) -> Step:
    return rng.choice(SWITCHES)


def _by_hand(rng: Random) -> Step:
    side, qty = rng.choice(("buy", "sell")), rng.choice(("1", "2", "0.01"))
    return TradesByHand(rng.choice(list(PRICES)), side, qty)


def _split(rng: Random) -> Step:
    return IsSplit(rng.choice(list(STOCKS)), *rng.choice(((10, 1), (3, 2), (1, 4))))


def _soon(rng: Random) -> Step:
    return steps.Wait(rng.choice((1, 2)))


def _at_once(rng: Random) -> Step:
    """Let two to four calls race, on one instance or on two."""
    racing = tuple(_one_of(_RACING, rng)(rng) for _ in range(rng.randint(2, 4)))
    return steps.AtOnce(racing, rng.getrandbits(32))


def _on(rng: Random) -> int:
    return rng.randrange(INSTANCES)


_MEETING: dict[str, Weighted] = {
    "statement": ((_deliver, 6), (_answer, 3), (_reconcile, 2), (_cancel, 1), (_at_once, 2)),
    "commit": ((_deliver, 6), (_answer, 3), (_reconcile, 2), (_cancel, 1), (_at_once, 2)),
    "order": ((_deliver, 8), (_insist, 1), (_cancel, 1), (_at_once, 2)),
    "publish": ((_deliver, 4), (_answer, 4), (_relay, 2), (_reconcile, 2), (_at_once, 1)),
    "read": ((_deliver, 4), (_reconcile, 4), (_tick, 1)),
    "cancel": ((_cancel, 1),),
}
_RACING: Weighted = (
    (_deliver, 10),
    (_redeliver, 3),
    (_answer, 5),
    (_reconcile, 3),
    (_cancel, 2),
    (_relay, 2),
    (_tick, 1),
    (_soon, 1),
)
_WEIGHTS: Weighted = (
    (_tick, 8),
    (_answer, 26),
    (_deliver, 16),
    (_insist, 4),
    (_redeliver, 5),
    (_at_once, 12),
    (_reconcile, 6),
    (_relay, 3),
    (_cancel, 4),
    (_wait, 7),
    (_wait_until, 2),
    (_price, 4),
    (_fails, 16),
    (_broker_fails, 10),
    (_broker_is, 2),
    (_by_hand, 2),
    (_split, 1),
    (_halt, 1),
    (_resume, 2),
    (_poison, 1),
    (_server_restarts, 1),
)
