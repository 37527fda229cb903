"""The fill model: what becomes of open orders as time passes and prices move.

Orders are worked at the start of every request, and whenever the clock or a price is set: never
inside the request that placed or cancelled them. So a POST answers `pending_new` (`accepted` while
the market is closed) and a DELETE leaves `pending_cancel`; the next look shows what became of it.

Each working starts where the one before ended, and goes through every instant since at which a
price became known, a session opened or an order ran out, so a long step of the clock skips nothing
and a marketable order fills at the price it was placed at, not at the one the clock is set to:

- an order past its `expires_at` expires;
- while its session is open (crypto's always is) it becomes `new`, and fills whole when it is
  marketable: a buy at the ask, a sell at the bid, either at the last trade when the quote lacks a
  side; a limit order only when that price is as good as its limit, and then at that price;
- an order "immediate or cancel" that does not fill at once is canceled;
- at the end, what still is `pending_cancel` becomes `canceled`: a price that moves between the
  DELETE and the next request wins, and fills the order after all.
"""

from collections.abc import Iterable
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from infra.simulator.execution.restatement import restate
from infra.simulator.execution.valuation import Valuation
from infra.simulator.faults.faults import Faults
from infra.simulator.faults.order_fault import OrderFault
from infra.simulator.faults.switches import Switches
from infra.simulator.ledger.ledger import Ledger
from infra.simulator.ledger.orders import Order, Status
from infra.simulator.market.calendar import Calendar
from infra.simulator.market.clock import SimulatedClock
from infra.simulator.market.corporate_actions import CorporateActions
from infra.simulator.market.market import Market
from infra.simulator.market.symbols import is_crypto
from infra.simulator.market.timestamps import SECOND, from_datetime, to_datetime

_SMALLEST_PART = Decimal("1e-9")
_ENDED_AT = {
    Status.CANCELED: "canceled_at",
    Status.EXPIRED: "expired_at",
    Status.REJECTED: "failed_at",
}


class Matching:
    """Works the open orders; the caller holds the simulator's lock."""

    def __init__(
        self,
        ledger: Ledger,
        market: Market,
        calendar: Calendar,
        clock: SimulatedClock,
        switches: Switches,
        faults: Faults,
        corporate_actions: CorporateActions,
    ) -> None:
        self._ledger, self._market, self._calendar = ledger, market, calendar
        self._clock, self._switches, self._faults = clock, switches, faults
        self._corporate_actions = corporate_actions
        self._valuation = Valuation(ledger, market, switches)
        self._worked = clock.now_ns()

    def work(self) -> None:
        """Bring every open order up to the clock's time."""
        with self._ledger.transaction():
            self.settle()
            now = self._worked
            for order in self._ledger.open_orders():
                if order.status == Status.PENDING_CANCEL:
                    self.end(order, Status.CANCELED, now)
            self._mark_close(now)

    def settle(self) -> None:
        """Do the same without ending cancellations: what happens just before a price changes."""
        now = self._clock.now_ns()
        with self._ledger.transaction():
            orders = self._ledger.open_orders()
            # After the clock was reset to an earlier instant there is nothing in between.
            for moment in self._moments(orders, min(self._worked, now), now) if orders else ():
                self._apply_corporate_actions(moment)
                for order in self._ledger.open_orders():
                    self._advance(order, moment)
            self._apply_corporate_actions(now)
        self._worked = now

    def _moments(self, orders: Iterable[Order], after: int, now: int) -> list[int]:
        found = {after, now, *self._corporate_actions.moments()}
        for symbol in {order.symbol for order in orders}:
            found.update(self._market.tape(symbol).moments(after, now))
        first, last = (to_datetime(instant).date() for instant in (after, now))
        found.update(from_datetime(s.open) for s in self._calendar.between(first, last))
        for order in orders:
            found.update(self._faults.order_fault(order.id).due_times(), [order.expires_at])
        return sorted(moment for moment in found if after <= moment <= now)

    def _advance(self, order: Order, moment: int) -> None:
        if moment >= order.expires_at:
            self._expire(order)
        elif self._is_worked(order, moment) and not self._is_held(order, moment):
            order = self._activated(order, moment)
            order_fault = self._faults.order_fault(order.id)
            if (status := order_fault.end(moment)) and order_fault.course:
                self.end(order, status, moment)
                self._faults.count(order_fault.course.kind)
            else:
                self._trade(order, order_fault, moment)

    def _is_worked(self, order: Order, moment: int) -> bool:
        """Whether the market is open to an order, and the order old enough."""
        delay = int(self._switches.fill_delay_seconds * SECOND)
        if delay and moment < order.created_at + delay:
            return False
        at, extended = to_datetime(moment), order.extended_hours
        return is_crypto(order.symbol) or self._calendar.at(at, extended=extended) is not None

    def _is_held(self, order: Order, moment: int) -> bool:
        order_fault = self._faults.order_fault(order.id)
        status = order_fault.held_as(moment)
        if status is None or order_fault.hold is None:
            return False
        if order.status not in (status, Status.PENDING_CANCEL):
            self._save(order, status, moment)
        if not order_fault.was_held:
            order_fault.was_held = True
            self._faults.count(order_fault.hold.kind)
        return True

    def _activated(self, order: Order, moment: int) -> Order:
        if order.status in (Status.NEW, Status.PARTIALLY_FILLED, Status.PENDING_CANCEL):
            return order
        return self._save(order, Status.NEW, moment, submitted_at=self._ledger.stamp(moment))

    def _trade(self, order: Order, order_fault: OrderFault, moment: int) -> None:
        """Execute what the market and the order's fault let execute; the rest may wait."""
        if price := self._execution_price(order, moment):
            price = order_fault.price(order, price)
            left = self._quantity(order, price)
            if part := order_fault.part(order, left, moment):
                order = self._execute(order, part, price, moment, left - part)
                order_fault.executions += 1
                if order.is_open and order_fault.executions == 1:
                    self._faults.count("partial_fill")
        if order.is_open and order.time_in_force == "ioc":
            self.end(order, Status.CANCELED, moment)

    def end(self, order: Order, status: Status, moment: int | None = None) -> None:
        """Let the broker end an open order: canceled, expired or rejected, at once or then."""
        if status not in _ENDED_AT:
            raise ValueError(f"the broker does not end an order as {status}")
        stamp = self._ledger.stamp(self._worked if moment is None else moment)
        ended: dict[str, Any] = {_ENDED_AT[status]: stamp}
        self._ledger.save(replace(order, status=status, updated_at=stamp, **ended))

    def overtake(self, order: Order) -> bool:
        """Fill an open order at once, at its limit if need be; False when the market is closed."""
        price = self._execution_price(order, self._worked) or order.limit_price
        if price is None or not self._is_worked(order, self._worked):
            return False
        order = self._activated(order, self._worked)
        left = self._quantity(order, price)
        self._execute(order, left, price, self._worked, Decimal(0))
        return True

    def _apply_corporate_actions(self, moment: int) -> None:
        """Restate what is held; what is still open of the old shares is canceled first."""
        for action in self._corporate_actions.take_due(moment):
            for order in self._ledger.open_orders(action.symbol):
                self.end(order, Status.CANCELED, moment)
            restate(self._ledger, action)

    def _execute(
        self, order: Order, qty: Decimal, price: Decimal, moment: int, leaves: Decimal
    ) -> Order:
        """Fill a quantity; of coins that are bought the broker keeps its fee."""
        order = self._ledger.execute(order, qty, price, moment, leaves=leaves)
        if order.is_buy and is_crypto(order.symbol):
            fee = (qty * self._switches.coin_fee_rate).quantize(_SMALLEST_PART, ROUND_HALF_UP)
            self._ledger.charge_coins(order.symbol, fee, moment)
        return order

    def _expire(self, order: Order) -> None:
        expires = self._switches.unfilled_day_order_expires
        self.end(order, Status.EXPIRED if expires else Status.CANCELED, order.expires_at)

    def _save(self, order: Order, status: str, moment: int, **times: Any) -> Order:
        changed = replace(order, status=status, updated_at=self._ledger.stamp(moment), **times)
        self._ledger.save(changed)
        return changed

    def _execution_price(self, order: Order, moment: int) -> Decimal | None:
        view = self._market.view(order.symbol, moment)
        if view is None:
            return None
        price = view.trade.price
        if view.quote and view.quote.two_sided:
            price = view.quote.ask if order.is_buy else view.quote.bid
        limit = order.limit_price
        if limit is None or (price <= limit if order.is_buy else price >= limit):
            return price
        return None

    def _quantity(self, order: Order, price: Decimal) -> Decimal:
        wanted = order.remaining(price)
        held = self._ledger.position(order.symbol)
        if order.position_intent == "sell_to_close" and held:
            return min(wanted, held.qty)
        return wanted

    def _mark_close(self, now: int) -> None:
        session = self._calendar.last_closed(to_datetime(now))
        if self._ledger.account().balance_asof < session.date.isoformat():
            equity = self._valuation.values(from_datetime(session.close)).equity
            self._ledger.mark_close(session.date, equity)
