"""A difference that nothing explains: a person sees it, says whose units they are, and it ends."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner, Result

from common.errors import TradingError
from infra.cli import main
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import rows
from tests.functions.orders.test_broker_records import by_hand, hold
from tests.functions.orders.test_reconcile_orders import reconcile
from tests.functions.steps import approved, order_row, submit

pytestmark = pytest.mark.usefixtures("environment")

WHY = ("--why", "said so on the phone")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["positions", *arguments])


def output_of(*arguments: str) -> str:
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    return done.output


def refused(*arguments: str) -> str:
    done = run(*arguments)
    assert isinstance(done.exception, TradingError), done.output
    return str(done.exception)


def hold_with_a_difference(db: Database, simulator: SimulatedBroker, more: int) -> None:
    """Let a user hold so many more units with us than at the broker, and let it be found."""
    hold(db, simulator)
    with db.transaction() as tx:
        tx.run("UPDATE trades SET qty = qty + :more", more=more)
    simulator.clock.advance(timedelta(minutes=3))
    reconcile()


def units(db: Database) -> dict[str, Decimal]:
    found = rows(db, "SELECT firebase_uid, qty FROM trades WHERE closed_at IS NULL")
    return {row["firebase_uid"]: row["qty"] for row in found}


def stored(db: Database) -> list[dict[str, Any]]:
    return rows(
        db,
        "SELECT firebase_uid, kind, qty_before - qty_after AS sold, price, reference"
        " FROM position_adjustments ORDER BY firebase_uid",
    )


@pytest.fixture
def two_holders(
    environment: None,  # noqa: ARG001 (set up first)
    db: Database,
    simulator: SimulatedBroker,
    broker_url: str,
) -> None:
    """Each of two users holds two; three of the four are sold by hand."""
    hold(db, simulator)
    hold(db, simulator, "user-2")
    by_hand(simulator, broker_url, "sell", "3")
    assert reconcile()["position_drift"][0]["explained_by"] == ""


@pytest.mark.usefixtures("two_holders")
class TestASaleOfSeveralHolders:
    def test_it_is_listed_with_those_who_hold_the_symbol(self) -> None:
        assert output_of("list").splitlines() == [
            "SPY: 4 with us, 1 at the broker",
            "    user-1: 2",
            "    user-2: 2",
        ]

    def test_it_is_booked_for_each_as_an_operator_resolves_it(
        self, db: Database, simulator: SimulatedBroker
    ) -> None:
        output_of("resolve", "SPY", "--sold", "user-1=1", "--sold", "user-2=2", *WHY)

        assert units(db) == {"user-1": 1}
        (sale,) = [each for each in simulator.ledger.orders() if each.side == "sell"]
        for row, qty in zip(stored(db), (1, 2), strict=True):
            assert (row["kind"], row["sold"], row["price"]) == (
                "manual",
                qty,
                sale.filled_avg_price,
            )
            assert "said so on the phone" in row["reference"]
        assert reconcile()["position_drift"] == []
        assert output_of("list") == "no position differs from the broker's\n"

    def test_its_holders_can_close_again(self, db: Database, simulator: SimulatedBroker) -> None:
        output_of("resolve", "SPY", "--sold", "user-1=1", "--sold", "user-2=2", *WHY)
        simulator.market.set_price("SPY", 460, prev_close=500, live=True)

        order = approved(db)
        submit(order)

        row = order_row(db, order)
        assert (row["side"], row["denial_code"], row["qty"]) == ("sell", None, 1)

    def test_a_later_sale_is_not_mixed_with_it(
        self, db: Database, simulator: SimulatedBroker, broker_url: str
    ) -> None:
        output_of("resolve", "SPY", "--sold", "user-1=1", "--sold", "user-2=2", *WHY)
        by_hand(simulator, broker_url, "sell", "1")

        (drift,) = reconcile()["position_drift"]

        assert (drift["explained_by"], units(db)) == ("manual", {})

    @pytest.mark.parametrize(
        ("named", "reason"),
        [
            (["user-1=1"], "2 more units are missing"),
            (["user-1=2", "user-2=2"], "1 units more are named"),
            (["user-1=3"], "user-1 holds 2"),
            (["user-3=1"], "user-3 holds 0"),
            (["user-1=0"], "above zero"),
            (["user-1=-1"], "above zero"),
            (["user-1=nan"], "above zero"),
            (["user-1=1", "user-1=1"], "once for each user"),
            (["1"], "say UID=QTY"),
        ],
    )
    def test_what_does_not_add_up_changes_nothing(
        self, db: Database, named: list[str], reason: str
    ) -> None:
        sold = [part for each in named for part in ("--sold", each)]

        assert reason in refused("resolve", "SPY", *sold, *WHY)

        assert units(db) == {"user-1": 2, "user-2": 2}
        assert stored(db) == []
        assert len(rows(db, "SELECT 1 FROM position_drifts")) == 1

    def test_an_order_under_way_has_to_end_first(
        self, db: Database, simulator: SimulatedBroker
    ) -> None:
        with db.transaction() as tx:
            tx.run("UPDATE trade_orders SET updated_at = :now", now=simulator.clock.now())

        assert "under way" in refused("resolve", "SPY", "--sold", "user-1=2", *WHY)


@pytest.mark.usefixtures("two_holders")
def test_the_doctor_names_it() -> None:
    output = CliRunner(env={"COLUMNS": "200"}).invoke(main, ["doctor"]).output

    assert "SPY: 4 with us, 1 at the broker" in output


def test_where_nothing_differs_nothing_is_resolved(
    db: Database, simulator: SimulatedBroker
) -> None:
    hold(db, simulator)

    assert "nothing differs" in refused("resolve", "SPY", *WHY)


def test_units_of_unknown_origin_become_nobodys(db: Database, simulator: SimulatedBroker) -> None:
    hold_with_a_difference(db, simulator, -1)

    assert "1 held by hand" in output_of("resolve", "SPY", *WHY)

    assert units(db) == {"user-1": 1}
    assert reconcile()["position_drift"] == []


def test_a_loss_without_a_sale_needs_its_price(db: Database, simulator: SimulatedBroker) -> None:
    hold_with_a_difference(db, simulator, 1)

    said = refused("resolve", "SPY", "--sold", "user-1=1", *WHY)
    assert said == "the account shows no new sale by hand: say --price, in USD"
    output_of("resolve", "SPY", "--sold", "user-1=1", "--price", "490", *WHY)

    assert [(row["sold"], row["price"]) for row in stored(db)] == [(1, 490)]
    assert units(db) == {"user-1": 2}
