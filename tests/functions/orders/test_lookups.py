"""What is looked up among all the app's users is found by their index, whatever compares ours."""

from datetime import timedelta

import pytest

from infra.postgres.database import Database, Transaction
from infra.postgres.trading import adjustments, orders
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON
from tests.functions.steps import approved, filled

pytestmark = pytest.mark.usefixtures("environment", "user")


@pytest.fixture
def crowd(db: Database) -> Database:
    """As many users as nobody reads one by one."""
    with db.transaction() as tx:
        tx.run("INSERT INTO users SELECT 'other-' || n FROM generate_series(1, 5000) AS n")
        tx.run("ANALYZE users")
    return db


def users_read(tx: Transaction) -> int:
    """How many users were read one after the other in this transaction."""
    (row,) = tx.rows("SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'users'")
    return int(row["seq_tup_read"])


def test_the_owner_of_an_order(crowd: Database) -> None:
    order_id = approved(crowd)

    with crowd.transaction() as tx:
        assert orders.lock(tx, order_id).id == order_id
        assert users_read(tx) == 0


def test_the_holders_of_a_symbol(crowd: Database, simulator: SimulatedBroker) -> None:
    filled(crowd, simulator)

    with crowd.transaction() as tx:
        assert adjustments.open_trades(tx, "SPY", NOON + timedelta(days=1))
        assert users_read(tx) == 0
