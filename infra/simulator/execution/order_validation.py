"""Whether the account may place an order now: accepted into the ledger, or refused in words.

Refusals come as HTTP errors at submission, never as a later `rejected`. Only facts
about account, asset and market are looked at here; the form of the order was checked before.

What is refused was seen by others: coins below $10 ("cost basis must be >= minimal amount of order
10", ccxt pull request 30101, of pairs in USD), below their least quantity (docs.alpaca.markets,
"Crypto Spot Trading"), on margin (alpaca-trade-api-csharp issue 547), day trades
(code 40310100, Alpaca-API issue 11). The words for a price or a quantity off the increments and
for an account without crypto are ours: no answer was found.
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from infra.simulator.decimals import money
from infra.simulator.errors import ApiError, forbidden, unprocessable
from infra.simulator.execution import day_trades
from infra.simulator.execution.order_request import OrderRequest
from infra.simulator.execution.valuation import Valuation
from infra.simulator.faults.faults import Faults
from infra.simulator.faults.switches import Switches
from infra.simulator.ledger.ledger import Ledger
from infra.simulator.ledger.orders import Order, Status, affordable
from infra.simulator.market.assets import Asset, Assets
from infra.simulator.market.calendar import Calendar
from infra.simulator.market.clock import SimulatedClock
from infra.simulator.market.market import Market
from infra.simulator.market.symbols import is_crypto
from infra.simulator.market.timestamps import from_datetime

_DAY_TRADES, _FREE_OF_DAY_TRADE_RULE = 3, Decimal(25_000)
# Orders "good till cancelled" are not: the broker ends them after 90 days (docs/broker.md, Orders).
_LONGEST_LIFE = timedelta(days=90)
_SMALLEST_COST, _SMALLEST_COIN_COST = Decimal(1), Decimal(10)


@dataclass(frozen=True, slots=True)
class OrderValidation:
    """Accepts orders into the ledger."""

    ledger: Ledger
    market: Market
    assets: Assets
    calendar: Calendar
    clock: SimulatedClock
    switches: Switches
    valuation: Valuation
    faults: Faults

    def accept(self, request: OrderRequest) -> Order:
        """Return the order, accepted and saved; raise ApiError when it is refused."""
        self._check_asset(request)
        self._check_client_order_id(request)
        intent = self._intent(request)
        self._check_wash_trade(request)
        if intent.endswith("_to_close"):
            self._check_available(request)
            self._check_day_trades(request)
        else:
            self._check_opening(request, intent)
        order = self._order(request, intent)
        self.ledger.save(order)
        self.faults.assign(order, self._begins(request))
        return order

    def _check_asset(self, request: OrderRequest) -> None:
        asset = self.assets.get(request.symbol)
        if asset is None:
            raise unprocessable(f'asset "{request.symbol}" not found')
        if not asset.tradable or asset.status != "active":
            raise unprocessable(f'asset "{request.symbol}" is not tradable')
        if is_crypto(request.symbol):
            _check_grid(request, asset)
        if not request.fractional:
            return
        if not asset.fractionable:
            raise forbidden(f'asset "{request.symbol}" is not fractionable')
        limited = request.type != "market" and not is_crypto(request.symbol)
        if limited and not self.switches.fractional_limit_orders:
            raise unprocessable("fractional orders must be market orders")

    def _check_client_order_id(self, request: OrderRequest) -> None:
        if not request.client_order_id:
            return
        known = self.ledger.order_by_client_id(request.client_order_id)
        reusable = known is not None and known.status == Status.CANCELED
        if known and (self.switches.cancelled_ids_stay_taken or not reusable):
            body = {"code": self.switches.duplicate_code}
            raise ApiError(422, {**body, "message": "client_order_id must be unique"})

    def _intent(self, request: OrderRequest) -> str:
        held = self.ledger.position(request.symbol)
        qty = held.qty if held else Decimal(0)
        closes = qty < 0 if request.side == "buy" else qty > 0
        inferred = f"{request.side}_to_{'close' if closes else 'open'}"
        if request.position_intent not in (None, inferred):
            specified = request.position_intent
            raise unprocessable(
                f"position intent mismatch, inferred: {inferred}, specified: {specified}"
            )
        return inferred

    def _check_wash_trade(self, request: OrderRequest) -> None:
        """Refuse an order that could trade with another of the same account."""
        for other in self.ledger.open_orders(request.symbol):
            if other.side != request.side and _could_cross(request, other):
                raise forbidden(
                    "potential wash trade detected. use complex orders",
                    existing_order_id=other.id,
                    reject_reason="opposite side market/stop order exists",
                )

    def _check_available(self, request: OrderRequest) -> None:
        """Refuse to close more than is held and not promised to another order."""
        held = self.ledger.position(request.symbol)
        existing = abs(held.qty) if held else Decimal(0)
        promised, orders = self.valuation.held_for_orders(request.symbol, request.side)
        available = max(Decimal(0), existing - promised)
        requested = self._quantity(request)
        if requested <= available:
            return
        raise forbidden(
            "insufficient qty available for order "
            f"(requested: {money(requested)}, available: {money(available)})",
            symbol=request.symbol,
            existing_qty=money(existing),
            held_for_orders=money(promised),
            available=money(available),
            **({"related_orders": [order.id for order in orders]} if orders else {}),
        )

    def _check_day_trades(self, request: OrderRequest) -> None:
        """Refuse the fourth day trade of a small account; the order that closes makes it."""
        fills, now = self.ledger.fills(), self.clock.now_ns()
        made = self.switches.daytrade_count + day_trades.count(fills, now)
        small = self.valuation.values().equity < _FREE_OF_DAY_TRADE_RULE
        another = day_trades.would_be_one(fills, now, request.symbol, request.side)
        if self.switches.day_trade_rule and small and made >= _DAY_TRADES and another:
            body = {"code": 40310100}
            message = "trade denied due to pattern day trading protection"
            raise ApiError(403, {**body, "message": message})

    def _check_opening(self, request: OrderRequest, intent: str) -> None:
        asset = self.assets.get(request.symbol)
        coins = is_crypto(request.symbol)
        if coins and self.switches.crypto_status != "ACTIVE":
            raise forbidden("account is not allowed to trade crypto")
        if intent == "sell_to_open" and request.fractional:
            raise unprocessable("fractional orders cannot be sold short")
        if intent == "sell_to_open" and not (asset and asset.shortable):
            raise unprocessable(f'asset "{request.symbol}" cannot be sold short')
        cost = request.notional or self.valuation.cost(
            request.symbol, request.qty or Decimal(0), request.side, request.limit_price
        )
        if cost is None:
            # No source says what the broker answers without any price: refuse rather than guess.
            raise forbidden(f'asset "{request.symbol}" has no price yet')
        least = _SMALLEST_COIN_COST if coins else _SMALLEST_COST
        if (coins or request.fractional) and cost < least:
            raise forbidden(f"cost basis must be >= minimal amount of order {least}")
        values = self.valuation.values()
        on_margin = not coins and asset is not None and asset.marginable
        power = values.buying_power if on_margin else values.non_marginable_buying_power
        if cost > power:
            raise forbidden(
                "insufficient buying power", buying_power=money(power), cost_basis=money(cost)
            )

    def _quantity(self, request: OrderRequest) -> Decimal:
        if request.qty is not None:
            return request.qty
        view = self.market.view(request.symbol)
        price = view.trade.price if view else Decimal(1)
        return affordable(request.notional or Decimal(0), price)

    def _order(self, request: OrderRequest, intent: str) -> Order:
        open_now = self._is_open(request)
        created = self.ledger.stamp(self.clock.now_ns())
        return Order(
            id=str(uuid.uuid4()),
            client_order_id=request.client_order_id or str(uuid.uuid4()),
            symbol=request.symbol,
            side=request.side,
            type=request.type,
            time_in_force=request.time_in_force,
            qty=request.qty,
            notional=request.notional,
            limit_price=request.limit_price,
            extended_hours=request.extended_hours,
            position_intent=intent,
            status=Status.PENDING_NEW if open_now else Status.ACCEPTED,
            created_at=created,
            submitted_at=created,
            updated_at=created,
            expires_at=self._end(request),
        )

    def _is_open(self, request: OrderRequest) -> bool:
        now, extended = self.clock.now(), request.extended_hours
        return is_crypto(request.symbol) or self.calendar.at(now, extended=extended) is not None

    def _begins(self, request: OrderRequest) -> int:
        """Return from when on the market is open to the order."""
        if self._is_open(request):
            return self.clock.now_ns()
        return from_datetime(self.calendar.next_opening(self.clock.now()).open)

    def _end(self, request: OrderRequest) -> int:
        now = self.clock.now()
        if is_crypto(request.symbol):
            return from_datetime(now + _LONGEST_LIFE)
        start = now + _LONGEST_LIFE if request.time_in_force == "gtc" else now
        current = self.calendar.at(start, extended=True)
        if request.extended_hours and current:
            return from_datetime(current.extended_close)
        session = self.calendar.next_closing(start)
        return from_datetime(session.extended_close if request.extended_hours else session.close)


def _check_grid(request: OrderRequest, asset: Asset) -> None:
    """Refuse a price or a quantity off the asset's increments, or below its least quantity."""
    price, qty = request.limit_price, request.qty
    if price is not None and price % asset.price_increment:
        raise unprocessable(f"invalid limit_price {price}: not a multiple of the price increment")
    if qty is not None and qty < asset.min_order_size:
        raise forbidden(f"qty must be >= minimal qty of order {money(asset.min_order_size)}")
    if qty is not None and qty % asset.min_trade_increment:
        raise unprocessable(f"invalid qty {qty}: not a multiple of the trade increment")


def _could_cross(request: OrderRequest, other: Order) -> bool:
    if request.limit_price is None or other.limit_price is None:
        return True
    if request.side == "buy":
        return request.limit_price >= other.limit_price
    return other.limit_price >= request.limit_price
