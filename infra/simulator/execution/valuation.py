"""What the account is worth and what it may still buy."""

from dataclasses import dataclass
from decimal import Decimal

from infra.simulator.faults.switches import Switches
from infra.simulator.ledger.ledger import Account, Ledger
from infra.simulator.ledger.orders import Order
from infra.simulator.ledger.positions import Position, cents
from infra.simulator.market.market import Market

_INITIAL, _MAINTENANCE = Decimal("0.5"), Decimal("0.3")
# Shorts must be covered some day: they are valued 3 % above the ask.
SHORT_MARGIN = Decimal("1.03")


@dataclass(frozen=True, slots=True)
class AccountValues:
    """The account's figures at an instant, in dollars."""

    account: Account
    long_value: Decimal
    short_value: Decimal
    reserved: Decimal
    multiplier: int

    @property
    def equity(self) -> Decimal:
        """Cash and positions together."""
        return self.account.cash + self.long_value + self.short_value

    @property
    def exposure(self) -> Decimal:
        """The size of all positions, short ones included."""
        return self.long_value - self.short_value

    @property
    def initial_margin(self) -> Decimal:
        """Half of the exposure."""
        return cents(self.exposure * _INITIAL)

    @property
    def maintenance_margin(self) -> Decimal:
        """The part of the exposure that the account must be worth."""
        return cents(self.exposure * _MAINTENANCE)

    @property
    def buying_power(self) -> Decimal:
        """What new orders may cost: a multiple of the equity, less what is held or reserved."""
        return self._power(self.multiplier)

    @property
    def regt_buying_power(self) -> Decimal:
        """The same with twice the equity."""
        return self._power(2)

    @property
    def non_marginable_buying_power(self) -> Decimal:
        """The cash that no open order has reserved."""
        return max(Decimal(0), self.account.cash - self.reserved)

    def _power(self, multiplier: int) -> Decimal:
        free = self.equity * multiplier - self.exposure - self.reserved
        return max(Decimal(0), cents(free))


class Valuation:
    """Prices positions and open orders from the market."""

    def __init__(self, ledger: Ledger, market: Market, switches: Switches) -> None:
        self._ledger, self._market, self._switches = ledger, market, switches

    def values(self, at: int | None = None) -> AccountValues:
        """Return the account's figures at an instant (default: now)."""
        values = [cents(p.qty * self.price(p, at)) for p in self._ledger.positions()]
        return AccountValues(
            account=self._ledger.account(),
            long_value=sum((v for v in values if v > 0), Decimal(0)),
            short_value=sum((v for v in values if v < 0), Decimal(0)),
            reserved=sum((self.reserved(o) for o in self._ledger.open_orders()), Decimal(0)),
            multiplier=self._switches.multiplier,
        )

    def price(self, position: Position, at: int | None = None) -> Decimal:
        """Return the last trade; what it cost when the market knows nothing (after a restart)."""
        view = self._market.view(position.symbol, at)
        return view.trade.price if view else position.avg_entry_price

    def reserved(self, order: Order) -> Decimal:
        """Return the buying power that an open order holds: none when it only closes."""
        if order.position_intent.endswith("_to_close"):
            return Decimal(0)
        if order.notional is not None:
            return order.notional
        cost = self.cost(order.symbol, order.remaining(Decimal(1)), order.side, order.limit_price)
        return cost or Decimal(0)

    def cost(self, symbol: str, qty: Decimal, side: str, limit: Decimal | None) -> Decimal | None:
        """Return the cost basis of an order, or None when there is no price to take.

        A market order is taken at the far side of the quote, else at the last trade; a short at
        the higher of its limit and 3 % above the ask.
        """
        ask = self._ask(symbol)
        if side == "sell":
            prices = [price for price in (limit, ask and ask * SHORT_MARGIN) if price]
            return cents(qty * max(prices)) if prices else None
        price = limit or ask
        return cents(qty * price) if price else None

    def held_for_orders(self, symbol: str, side: str) -> tuple[Decimal, list[Order]]:
        """Return the quantity that open orders of a side will take, and these orders."""
        orders = [o for o in self._ledger.open_orders(symbol) if o.side == side]
        view = self._market.view(symbol)
        price = view.trade.price if view else Decimal(1)
        return sum((o.remaining(price) for o in orders), Decimal(0)), orders

    def _ask(self, symbol: str) -> Decimal | None:
        view = self._market.view(symbol)
        if view is None:
            return None
        return view.quote.ask if view.quote and view.quote.two_sided else view.trade.price
