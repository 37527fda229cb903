"""What an operator does by hand: the kill switch, and the orders that are still open."""

from dataclasses import dataclass

from common.errors import PermanentError, TradingError
from common.orders.order import Order
from infra.alpaca.trading import AlpacaTrading
from infra.gcp.scheduler import ENABLED, PAUSED, CloudScheduler
from infra.postgres.database import Database
from infra.postgres.trading import controls, order_lists
from infra.postgres.trading.controls import EVERYBODY, ControlChange
from infra.runtime.clock import Clock
from infra.workflows import isolation

# Everything that ends in an order begins with market data. What looks after orders and reports runs
# on: it places none.
TRADING_JOBS = ("ingest",)


@dataclass(frozen=True)
class Cancelled:
    """How many open orders there were, and which of them could not be cancelled."""

    asked: int
    refused: tuple[str, ...]


def halt(database: Database, clock: Clock, user: str | None, why: str, who: str) -> None:
    """Let no order through, of a user or of everybody (None), until `resume`.

    Raises PermanentError when there is no such user.
    """
    _turn(database, clock, ControlChange(_scope(user), "halted", why, who))


def resume(database: Database, clock: Clock, user: str | None, why: str, who: str) -> None:
    """Let orders through again; raises as `halt` does."""
    _turn(database, clock, ControlChange(_scope(user), "active", why, who))


def pause_trading(scheduler: CloudScheduler) -> list[str]:
    """Stop the jobs that lead to orders, after the kill switch; return which were running."""
    running = [job.name for job in scheduler.jobs() if job.state == ENABLED]
    return [scheduler.pause(name).name for name in TRADING_JOBS if name in running]


def resume_trading(scheduler: CloudScheduler) -> list[str]:
    """Let the jobs that lead to orders run again; return which were paused."""
    paused = [job.name for job in scheduler.jobs() if job.state == PAUSED]
    return [scheduler.resume(name).name for name in TRADING_JOBS if name in paused]


def cancel_open(database: Database, trading: AlpacaTrading, user: str | None) -> Cancelled:
    """Ask the broker to cancel what it still works on; `reconcile_orders` sees what comes of it.

    Orders of unknown outcome are looked up, and named when the broker does not show them: they may
    still arrive.
    """
    with database.transaction() as tx:
        open_ids = order_lists.open_ids(tx, user)
    open_orders, unreadable = isolation.read(database, open_ids, order_lists.of_ids)
    problems = [f"{order_id}: {reason}" for order_id, reason in unreadable.items()]
    problems += [problem for order in open_orders if (problem := _cancel(trading, order))]
    return Cancelled(len(open_ids), tuple(problems))


def _cancel(trading: AlpacaTrading, order: Order) -> str | None:
    try:
        broker_order = trading.look_up(order)
        if broker_order is None:
            return f"{order.id}: the broker does not show it (yet)"
        trading.cancel(broker_order.broker_order_id)
    except TradingError as error:
        return f"{order.id}: {error}"
    return None


def _scope(user: str | None) -> str:
    if user == EVERYBODY:
        raise PermanentError(f"there is no user {user}")
    return EVERYBODY if user is None else user


def _turn(database: Database, clock: Clock, change: ControlChange) -> None:
    with database.transaction() as tx:
        if change.scope != EVERYBODY and not controls.is_known(tx, change.scope):
            raise PermanentError(f"there is no user {change.scope}")
        controls.set_control(tx, change, clock.now())
