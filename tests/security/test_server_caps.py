"""The caps over all users hold whatever races: nobody is above them, however many they are."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pg8000.dbapi
import pytest

from functions import wiring
from infra.postgres.database import Database
from tests.conftest import USER, enroll, rows
from tests.functions.steps import approved, submit

USERS = 5
pytestmark = pytest.mark.usefixtures("environment")


def outcomes(db: Database) -> list[str]:
    found = rows(db, "SELECT status, denial_code FROM trade_orders ORDER BY created_at, id")
    return sorted(each["denial_code"] or "sent" for each in found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HARD_MAX_SERVER_ORDERS_PER_DAY", "2"),
        ("HARD_MAX_SERVER_NOTIONAL_USD_PER_DAY", "29.99"),
        ("HARD_MAX_SERVER_NOTIONAL_USD_PER_4H", "20"),
    ],
)
def test_orders_of_many_users_at_once_stay_below_the_cap(
    db: Database, environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(name, value)
    environment.setenv("DATABASE_POOL_SIZE", str(2 * USERS))
    wiring.reset()
    for number in range(USERS):
        enroll(db, f"user-{number}")
    order_ids = [approved(db, f"user-{number}") for number in range(USERS)]
    together = threading.Barrier(USERS)

    def race(order_id: object) -> None:
        together.wait(timeout=60)
        submit(order_id)  # type: ignore[arg-type]

    with ThreadPoolExecutor(USERS) as pool:
        list(pool.map(race, order_ids))

    assert outcomes(db) == ["SERVER_CAP_REACHED"] * (USERS - 2) + ["sent"] * 2


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e16"])
def test_what_is_summed_over_all_users_is_within_measure(db: Database, amount: str) -> None:
    enroll(db, USER)
    submit(approved(db))

    with pytest.raises(pg8000.dbapi.DatabaseError, match="reserved_usd"), db.transaction() as tx:
        tx.run("UPDATE trade_orders SET reserved_usd = CAST(:amount AS numeric)", amount=amount)
