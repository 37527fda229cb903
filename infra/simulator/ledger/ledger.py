"""The broker's own ledger: account, orders, fills and positions, in SQLite.

Each change is written through inside a transaction, so a simulator that was killed and started
again on the same file knows everything it ever answered.
"""

import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from infra.simulator.ledger.adjustments import Adjustment
from infra.simulator.ledger.orders import CLOSED, Fill, Order, OrderChange, Status
from infra.simulator.ledger.positions import Position, cents
from infra.simulator.ledger.rows import Table

START_CASH = Decimal(100_000)

_LAYOUT = 2
_INDEXES = (("orders", "client_order_id"), ("orders", "status"), ("fills", "order_id"))
# Stamps of one instant follow each other by about a millisecond, as on paper: a fill's time differs
# from its order's even while the simulated clock stands. The odd nanoseconds vary the digits.
_STAMP_STEP = 1_037_410


@dataclass(frozen=True, slots=True)
class Account:
    """The account's money; `last_equity` is its worth at the close of `balance_asof`."""

    id: str
    cash: Decimal
    last_equity: Decimal
    balance_asof: str
    last_stamp: int


class Ledger:
    """Reads and writes the ledger; safe to use from any thread."""

    def __init__(self, database: Path | None, lock: AbstractContextManager[object]) -> None:
        self._lock = lock
        self._connection = sqlite3.connect(
            database or ":memory:", check_same_thread=False, isolation_level=None
        )
        self._check_layout(database)
        self._connection.execute("PRAGMA journal_mode = WAL")
        # A killed process loses nothing that was committed; only a power cut could.
        self._connection.execute("PRAGMA synchronous = OFF")
        self._orders = Table(self._connection, "orders", Order)
        self._fills = Table(self._connection, "fills", Fill)
        self._positions = Table(self._connection, "positions", Position)
        self._account = Table(self._connection, "account", Account)
        self._adjustments = Table(self._connection, "adjustments", Adjustment)
        for table, column in _INDEXES:
            self._connection.execute(
                f"CREATE INDEX IF NOT EXISTS {table}_{column} ON {table} ({column})"
            )
        self._before: dict[str, Order] = {}
        self._changes: list[OrderChange] = []
        self._changed: Callable[[Sequence[OrderChange]], None] = _ignore
        if not self._account.find():
            self.clear()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all changes made inside, or none of them."""
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                self._changes = []
                raise
            self._connection.execute("COMMIT")
            changes, self._changes = self._changes, []
            if changes:
                self._changed(changes)

    def on_change(self, listener: Callable[[Sequence[OrderChange]], None]) -> None:
        """Call this after each transaction that changed orders, with the ledger's lock held."""
        self._changed = listener

    def orders(self) -> list[Order]:
        """Return every order, oldest first."""
        with self._lock:
            return self._orders.find()

    def open_orders(self, symbol: str | None = None) -> list[Order]:
        """Return the orders that can still change, oldest first."""
        marks = ", ".join("?" * len(CLOSED))
        with self._lock:
            found = self._orders.find(f"status NOT IN ({marks})", sorted(CLOSED))
        return [order for order in found if symbol in (None, order.symbol)]

    def order(self, order_id: str) -> Order | None:
        """Return the order with the broker's id."""
        with self._lock:
            return self._orders.one("id = ?", order_id)

    def order_by_client_id(self, client_order_id: str) -> Order | None:
        """Return the newest order with the client's id."""
        with self._lock:
            return self._orders.one("client_order_id = ?", client_order_id)

    def save(self, order: Order) -> None:
        """Insert or update an order."""
        with self.transaction():
            known = self._put(order)
            if known is None or known.status != order.status:
                self._changes.append(OrderChange(order))

    def before(self, order_id: str) -> Order | None:
        """Return an order as it was before its last change, as far as this process saw it."""
        with self._lock:
            return self._before.get(order_id)

    def fills(self, order_id: str | None = None) -> list[Fill]:
        """Return every execution, or those of one order, oldest first."""
        with self._lock:
            return self._fills.find("order_id = ?", [order_id]) if order_id else self._fills.find()

    def positions(self) -> list[Position]:
        """Return what is held, by symbol."""
        with self._lock:
            return sorted(self._positions.find(), key=lambda position: position.symbol)

    def position(self, symbol: str) -> Position | None:
        """Return what is held of the symbol, or None."""
        with self._lock:
            return self._positions.one("symbol = ?", symbol)

    def account(self) -> Account:
        """Return the account's money."""
        with self._lock:
            return self._account.find()[0]

    def mark_close(self, day: date, equity: Decimal) -> None:
        """Remember the account's worth at the close of a session."""
        account = replace(self.account(), last_equity=equity, balance_asof=day.isoformat())
        with self.transaction():
            self._account.put(account)

    def stamp(self, at: int) -> int:
        """Return a time for an event at the instant: later than every stamp before."""
        account = self.account()
        stamp = max(at, account.last_stamp + _STAMP_STEP)
        with self.transaction():
            self._account.put(replace(account, last_stamp=stamp))
        return stamp

    def execute(
        self, order: Order, qty: Decimal, price: Decimal, at: int, *, leaves: Decimal
    ) -> Order:
        """Fill a quantity of an order: the order, its fill, the position and the cash at once."""
        with self.transaction():
            parts = [(fill.qty, fill.price) for fill in self.fills(order.id)]
            changed = _filled(order, [*parts, (qty, price)], done=not leaves)
            filled_at = None if leaves else self.stamp(at)
            filled = replace(changed, filled_at=filled_at, updated_at=self.stamp(at))
            self._put(filled)
            fill = _fill(filled, qty, price, leaves)
            self._fills.put(fill)
            self._hold(filled.symbol, qty if order.is_buy else -qty, price, at)
            account = self.account()
            paid = cents(qty * price) * (1 if order.is_buy else -1)
            self._account.put(replace(account, cash=account.cash - paid))
            held = self.position(filled.symbol)
            self._changes.append(OrderChange(filled, fill, held.qty if held else Decimal(0)))
            return filled

    def adjust(self, adjustment: Adjustment, after: Position | None) -> None:
        """Change a position without an order: `after` is what is held then, None for nothing."""
        with self.transaction():
            self._adjustments.put(adjustment)
            account = self.account()
            self._account.put(replace(account, cash=account.cash + adjustment.cash))
            if after is None:
                self._positions.delete("symbol = ?", [adjustment.symbol])
            else:
                self._positions.put(after)

    def adjustments(self) -> list[Adjustment]:
        """Return every change of a position that no order made, oldest first."""
        with self._lock:
            return self._adjustments.find()

    def charge_coins(self, symbol: str, qty: Decimal, at: int) -> None:
        """Take a fee in the coin from what was bought."""
        held = self.position(symbol)
        if held and qty:
            fee = Adjustment(str(uuid.uuid4()), symbol, "coin_fee", -qty, Decimal(0), at)
            self.adjust(fee, replace(held, qty=held.qty - qty) if held.qty > qty else None)

    def clear(self) -> None:
        """Begin again with an empty ledger and the starting cash."""
        with self.transaction():
            tables = (
                *(self._orders, self._fills, self._positions, self._account),
                self._adjustments,
            )
            for table in tables:
                table.delete()
            self._before.clear()
            self._account.put(Account(str(uuid.uuid4()), START_CASH, START_CASH, "", 0))

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()

    def _put(self, order: Order) -> Order | None:
        """Insert or update an order; return it as it was."""
        known = self.order(order.id)
        if known:
            self._before[order.id] = known
        self._orders.put(order)
        return known

    def _hold(self, symbol: str, signed_qty: Decimal, price: Decimal, at: int) -> None:
        held = self.position(symbol) or Position(symbol, Decimal(0), Decimal(0), at)
        after = held.after(signed_qty, price)
        if after:
            self._positions.put(after)
        else:
            self._positions.delete("symbol = ?", [symbol])

    def _check_layout(self, database: Path | None) -> None:
        (layout,) = self._connection.execute("PRAGMA user_version").fetchone()
        if layout not in (0, _LAYOUT):
            raise ValueError(f"{database} was written by another version of the simulator")
        self._connection.execute(f"PRAGMA user_version = {_LAYOUT}")


def _ignore(changes: Sequence[OrderChange]) -> None:
    """Stand in until somebody wants to hear of changes."""


def _filled(order: Order, parts: list[tuple[Decimal, Decimal]], *, done: bool) -> Order:
    """Return the order after these executions; its average is of all of them, so it is exact."""
    filled_qty = sum((qty for qty, _ in parts), Decimal(0))
    paid = sum((qty * price for qty, price in parts), Decimal(0))
    # An asked-for cancellation stays asked for while parts still execute.
    rest = order.status if order.status == Status.PENDING_CANCEL else Status.PARTIALLY_FILLED
    return replace(
        order,
        status=Status.FILLED if done else rest,
        filled_qty=filled_qty,
        filled_avg_price=paid / filled_qty,
    )


def _fill(order: Order, qty: Decimal, price: Decimal, leaves: Decimal) -> Fill:
    return Fill(
        id=str(uuid.uuid4()),
        order_id=order.id,
        symbol=order.symbol,
        side=order.side,
        qty=qty,
        price=price,
        cum_qty=order.filled_qty,
        leaves_qty=leaves,
        order_status=order.status,
        at=order.filled_at or order.updated_at,
    )
