"""The fault proof, in small: generated schedules, and a few by seed (`make faults` runs many)."""

from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from tests.faults.proof import steps
from tests.faults.proof.account_steps import TradesByHand
from tests.faults.proof.broker_faults import ORDERS, SWITCHES, TROUBLES, BrokerFails
from tests.faults.proof.harness import Harness, StartConditions, open_harness
from tests.faults.proof.injected_fault import KINDS, Kind, Place
from tests.faults.proof.report import BROKER_KINDS
from tests.faults.proof.schedules import Schedule, schedule
from tests.faults.proof.start_times import STARTS
from tests.faults.proof.trial import conclude, live_through, take
from tests.faults.proof.users import PRICES, USERS
from tests.faults.proof.workers import database_server, fresh_database
from tests.faults.proof.world import World


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    with database_server() as url, open_harness(fresh_database(url, "proof")) as opened:
        yield opened


@pytest.mark.parametrize("seed", range(20))
def test_a_schedule_by_chance_violates_nothing(harness: Harness, seed: int) -> None:
    assert live_through(harness, schedule(seed)).violations == []


def test_a_seed_takes_the_same_turns_every_time(harness: Harness) -> None:
    first, again = (live_through(harness, schedule(7)) for _ in range(2))

    assert first.happened == again.happened


@pytest.mark.parametrize("kind", ["refuse_connection", "accept_then_timeout", "accept_then_cut"])
def test_a_trade_by_hand_whose_reply_is_lost_is_no_bug(harness: Harness, kind: str) -> None:
    fails = BrokerFails(kind, "POST", ORDERS, times=2)
    trade = TradesByHand("SPY", "buy", "0.01")
    begins = StartConditions("before the close", 4, ids_are_freed=True)

    verdict = live_through(harness, Schedule(begins, (fails, trade, steps.Reconcile())))

    assert verdict.happened["broker", kind] == 1
    assert verdict.violations == []


@pytest.mark.parametrize(
    ("kind", "place"), [(kind, place) for kind, places in KINDS.items() for place in places]
)
def test_a_fault_that_is_planned_happens(harness: Harness, kind: Kind, place: Place) -> None:
    """A place that nothing reaches any more would prove nothing."""
    begins = StartConditions("before the close", 4, ids_are_freed=False)
    asks = (steps.Fails(kind, place), steps.Price("SPY", Decimal(-2)), steps.Tick())
    orders = (steps.Answer(0, Decimal(10)), steps.Deliver(0), steps.Relay())

    verdict = live_through(harness, Schedule(begins, (*asks, *orders)))

    assert verdict.happened[kind, place] == 1
    assert verdict.violations == []


def test_every_fault_of_the_broker_is_in_the_vocabulary() -> None:
    assert {each.kind for each in TROUBLES} == set(BROKER_KINDS)


some = st.integers(min_value=0, max_value=30)
on = st.integers(min_value=0, max_value=1)
calls = st.one_of(
    st.builds(steps.Tick, on),
    st.builds(steps.Answer, some, st.sampled_from([Decimal(n) for n in (10, 5, 0, -5)]), on),
    st.builds(steps.Deliver, some, on),
    st.builds(steps.Insist, some, on),
    st.builds(steps.Redeliver, some, on),
    st.builds(steps.Cancel, some, on),
    st.builds(steps.Reconcile, on),
    st.builds(steps.Relay, on),
)


@st.composite
def troubles(draw: st.DrawFn) -> steps.Step:
    kind = draw(st.sampled_from(list(KINDS)))
    skip = draw(st.integers(min_value=0, max_value=6))
    return steps.Fails(kind, draw(st.sampled_from(KINDS[kind])), skip, draw(on))


class Schedules(RuleBasedStateMachine):
    """Any steps in any order; when they are over, everything must hold."""

    harness: Harness

    def __init__(self) -> None:
        super().__init__()
        self._opened = ExitStack()
        self._world: World | None = None

    @initialize(
        start=st.sampled_from(list(STARTS)), pool=st.sampled_from([4, 1]), freed=st.booleans()
    )
    def begin(self, *, start: str, pool: int, freed: bool) -> None:
        self._world = self._opened.enter_context(
            self.harness.world(StartConditions(start, pool, freed))
        )
        self._take(steps.Tick())

    @rule(call=calls)
    def call(self, call: steps.Step) -> None:
        self._take(call)

    @rule(racing=st.lists(calls, min_size=2, max_size=4), seed=some)
    def race(self, racing: list[steps.Step], seed: int) -> None:
        self._take(steps.AtOnce(tuple(racing), seed))

    @rule(trouble=troubles(), call=calls)
    def fail(self, trouble: steps.Step, call: steps.Step) -> None:
        self._take(trouble)
        self._take(call)

    @rule(trouble=st.sampled_from([*TROUBLES, *SWITCHES]))
    def fail_at_the_broker(self, trouble: steps.Step) -> None:
        self._take(trouble)

    @rule(seconds=st.sampled_from([1, 61, 301, 3600]))
    def wait(self, seconds: int) -> None:
        self._take(steps.Wait(seconds))

    @rule(symbol=st.sampled_from(list(PRICES)), pct=st.sampled_from([-3, 0, 3]))
    def move(self, symbol: str, pct: int) -> None:
        self._take(steps.Price(symbol, Decimal(pct)))

    @rule(scope=st.sampled_from(["*", *USERS]), on=st.booleans())
    def halt(self, scope: str, *, on: bool) -> None:
        self._take(steps.Halt(scope) if on else steps.Resume(scope))

    @rule()
    def restart_the_database(self) -> None:
        self._take(steps.ServerRestarts())

    def _take(self, step: steps.Step) -> None:
        assert self._world is not None
        take(self._world, step)

    def teardown(self) -> None:
        with self._opened:
            if self._world is not None:
                assert conclude(self._world).violations == []


def test_generated_schedules_violate_nothing(harness: Harness) -> None:
    Schedules.harness = harness
    run_state_machine_as_test(
        Schedules,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
        ),
    )
