"""A held stock whose price left its last close: what explains it, before anybody is asked."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import rows
from tests.functions.ingest.test_ingest_inputs import asked, ingest
from tests.functions.orders.test_broker_records import audit, held, hold

__all__ = ["asked"]

pytestmark = pytest.mark.usefixtures("environment")

ACTIONS, POSITIONS = "/v1/corporate-actions", "/v2/positions"
A_READ = 3  # attempts at one

Away = Callable[..., None]


@pytest.fixture
def away(simulator: SimulatedBroker) -> Away:
    """Let the broker fail at a path, for as many reads as are named."""

    def fail(path: str, reads: int = 1) -> None:
        simulator.faults.add("status", status=503, times=reads * A_READ, path=path)

    return fail


def announce(simulator: SimulatedBroker) -> None:
    simulator.corporate_actions.announce(
        "forward_split", symbol="SPY", new_rate=10, old_rate=1, ex_date="2026-02-11"
    )


def next_day(simulator: SimulatedBroker, price: str = "49.3") -> None:
    """Go to the next day's noon, where a share costs what it does after a split."""
    simulator.clock.advance(timedelta(days=1))
    simulator.market.set_price("SPY", price, prev_close=492, live=True)


def actions(db: Database) -> list[tuple[Any, ...]]:
    found = rows(db, "SELECT kind, applied_at IS NOT NULL AS applied FROM corporate_actions")
    return [(each["kind"], each["applied"]) for each in found]


def units(db: Database) -> list[Decimal]:
    return [each["qty"] for each in held(db)]


APPLIED = [("forward_split", True)]


def test_an_announced_split_is_no_gap_at_whatever_tick_it_is_looked_at(
    db: Database, simulator: SimulatedBroker
) -> None:
    hold(db, simulator)
    announce(simulator)
    next_day(simulator)

    for _ in range(3):
        ingest()
        simulator.clock.advance(timedelta(minutes=2))
        simulator.market.set_price("SPY", "49.2", live=True)

    assert actions(db) == APPLIED
    assert units(db) == [20]
    assert audit(db) == [("corporate_action", 2, 20)]


def test_what_is_announced_after_the_days_look_is_asked_for_once_the_price_shows_it(
    db: Database, simulator: SimulatedBroker, away: Away
) -> None:
    hold(db, simulator)
    next_day(simulator, "491")
    ingest()  # the day's look: nothing is announced
    announce(simulator)
    simulator.clock.advance(timedelta(minutes=2))
    simulator.market.set_price("SPY", "49.3", live=True)
    away(POSITIONS, 10)

    ingest()

    assert actions(db) == APPLIED
    assert units(db) == [20]


def test_what_nobody_announced_is_explained_by_the_accounts_records(
    db: Database, simulator: SimulatedBroker
) -> None:
    hold(db, simulator)
    announce(simulator)
    next_day(simulator)
    hidden: dict[str, Any] = {"corporate_actions": {}, "next_page_token": None}
    simulator.faults.add("status", status=200, body=hidden, times=10, path=ACTIONS)

    ingest()

    assert actions(db) == [("inferred_split", True)]
    assert units(db) == [20]
    assert audit(db) == [("corporate_action", 2, 20)]


def test_what_nothing_explains_is_a_gap_even_while_the_account_cannot_be_read(
    db: Database, simulator: SimulatedBroker, away: Away
) -> None:
    hold(db, simulator)
    next_day(simulator)
    away(POSITIONS, 10)

    ingest()

    assert actions(db) == [("gap", False)]
    assert units(db) == [2]


def test_what_was_known_is_applied_on_its_day_though_the_broker_does_not_answer(
    db: Database, simulator: SimulatedBroker, away: Away
) -> None:
    announce(simulator)
    hold(db, simulator)
    assert actions(db) == [("forward_split", False)]
    next_day(simulator)
    away(ACTIONS, 10)

    ingest()

    assert actions(db) == APPLIED
    assert units(db) == [20]


def test_actions_are_asked_for_once_a_day_and_again_while_they_are_not_known(
    db: Database, simulator: SimulatedBroker, asked: list[str], away: Away
) -> None:
    hold(db, simulator)
    asked.clear()
    looked = []

    def look() -> None:
        ingest()
        looked.append(asked.count(ACTIONS))
        asked.clear()
        simulator.clock.advance(timedelta(minutes=2))

    look()  # what was fetched this morning holds all day
    next_day(simulator, "491")
    away(ACTIONS)
    look()
    look()
    look()

    assert looked == [0, A_READ, 1, 0]
