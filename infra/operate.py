"""What an operator does by hand: the kill switch, and the orders that are still open."""

from dataclasses import dataclass

from common.errors import BrokerRefusedError
from infra.alpaca.trading import AlpacaTrading
from infra.clock import Clock
from infra.postgres import controls, orders
from infra.postgres.controls import EVERYBODY, Change
from infra.postgres.database import Database


@dataclass(frozen=True)
class Cancelled:
    """How many open orders were asked to be cancelled, and which the broker would not."""

    asked: int
    refused: tuple[str, ...]


def halt(database: Database, clock: Clock, user: str | None, why: str, who: str) -> None:
    """Let no order through, of a user or of everybody, until `resume`."""
    _turn(database, clock, Change(user or EVERYBODY, "halted", why, who))


def resume(database: Database, clock: Clock, user: str | None, why: str, who: str) -> None:
    """Let orders through again."""
    _turn(database, clock, Change(user or EVERYBODY, "active", why, who))


def cancel_open(database: Database, trading: AlpacaTrading, user: str | None) -> Cancelled:
    """Ask the broker to cancel what it still works on; `reconcile_orders` sees what comes of it."""
    with database.transaction() as tx:
        open_orders = orders.open_at_broker(tx, user)
    refused = []
    for order_id, broker_order_id in open_orders:
        try:
            trading.cancel(broker_order_id)
        except BrokerRefusedError as error:
            refused.append(f"{order_id}: {error.message}")
    return Cancelled(len(open_orders), tuple(refused))


def _turn(database: Database, clock: Clock, change: Change) -> None:
    with database.transaction() as tx:
        controls.turn(tx, change, clock.now())
