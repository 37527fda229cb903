"""The account that a replay trades on: its orders go to the simulator, its counters are in memory.

The guardrails judge as live, by the same facts. What live reads from tables
(`infra.postgres.trading.exposure`) is summed here over one user's orders of one session.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from uuid import uuid4

from common.config import TradingConfig
from common.errors import BrokerRefusedError
from common.guardrails import deny
from common.guardrails.facts import (
    NOTIONAL_WINDOW,
    BrokerFacts,
    Control,
    DenialCode,
    Denied,
    Exposure,
    Facts,
    ServerExposure,
)
from common.guardrails.proposals import proposed
from common.holdings.drift import SETTLED_AFTER
from common.holdings.positions import Fill, Trade, apply_fill
from common.market import Session, trading_day_start
from common.orders.broker_order import BrokerOrder
from common.orders.order import CLIENT_ORDER_ID_PREFIX, Order
from common.orders.refusals import explain
from common.orders.status import DENIED, REJECTED, SUBMITTING, TERMINAL
from common.questions import Confirmation, Terms
from common.rules.base import Position
from common.server_limits import ServerLimits
from infra.alpaca import order_facts
from infra.alpaca.market_data import AlpacaMarketData
from infra.alpaca.trading import AlpacaTrading

_UID = "replay"


@dataclass
class ReplayedOrder:
    """An order as it stands, and what it has taken of the caps; `reserved_usd` in USD."""

    order: Order
    changed_at: datetime
    reserved_at: datetime | None = None
    reserved_usd: Decimal = Decimal(0)

    @property
    def counts(self) -> bool:
        """Whether it holds a slot of the day; only a rejection gives it back."""
        return self.reserved_at is not None and self.order.status != REJECTED


@dataclass
class ReplayedAccount:
    """One user's orders, positions and switches during one session."""

    config: TradingConfig
    server: ServerLimits
    session: Session
    market_data: AlpacaMarketData
    trading: AlpacaTrading
    orders: list[ReplayedOrder] = field(default_factory=list)
    # What the broker did not execute, and may execute when it is asked for again.
    failed: list[ReplayedOrder] = field(default_factory=list)
    _open_trades: dict[str, Trade] = field(default_factory=dict)
    _paid: Decimal = Decimal(0)
    _filled: set[tuple[str, str]] = field(default_factory=set)
    _controls: tuple[Control, ...] = ()

    @property
    def positions(self) -> dict[str, list[Position]]:
        """What is held, by symbol."""
        return {
            symbol: [Position(trade.qty, trade.avg_entry_price)]
            for symbol, trade in self._open_trades.items()
        }

    def exposure(
        self, symbol: str, side: str, prices: Mapping[str, Decimal], now: datetime
    ) -> Exposure:
        """Sum up what stands against a further order; `prices` are the last ones (USD)."""
        taken = [each for each in self.orders if each.counts]
        midnight, window = trading_day_start(now), now - NOTIONAL_WINDOW
        today = [each for each in taken if each.reserved_at and each.reserved_at >= midnight]
        recent = [each for each in taken if each.reserved_at and each.reserved_at > window]
        in_window = sum((each.reserved_usd for each in recent), Decimal(0))
        trade = self._open_trades.get(symbol)
        opposite = "buy" if side == "sell" else "sell"
        return Exposure(
            orders_today=len(today),
            notional_in_window=in_window,
            position=Position(trade.qty, trade.avg_entry_price) if trade else None,
            day_pnl=self._day_pnl(prices),
            outcome_pending=None,
            opposite_filled_today=(symbol, opposite) in self._filled,
            controls=self._controls,
            units_of_all=trade.qty if trade else Decimal(0),
            on_sale=sum((_may_sell(each.order, symbol) for each in self.orders), Decimal(0)),
            is_moving=any(_moves(each, symbol, now) for each in self.orders),
            all_users=ServerExposure(
                len(today), sum((each.reserved_usd for each in today), Decimal(0)), in_window
            ),
        )

    def trip(self, denied: Denied) -> None:
        """Let positions only shrink for the rest of the session, after what was lost."""
        if denied.code is DenialCode.DAILY_LOSS_LIMIT and not self._controls:
            self._controls = (Control("reducing", f"daily loss limit: {denied.reason}"),)

    def submit(
        self, terms: Terms, *, asked: bool, prices: Mapping[str, Decimal], now: datetime
    ) -> ReplayedOrder:
        """Judge what a yes stands for, and send it to the simulator unless it is denied."""
        order = self._approved(terms, asked=asked, now=now)
        broker = self._broker_facts(order, now)
        facts = Facts(
            now=now,
            server=self.server,
            config=self.config,
            confirmation=_confirmed(order, now),
            broker=broker,
            exposure=self.exposure(order.symbol, order.side, prices, now),
        )
        order = facts.reduced(order)
        denied = deny(order, facts)
        if denied is not None or broker.quote is None or broker.asset is None:
            placed = ReplayedOrder(_denied(order, denied), now)
            self.orders.append(placed)
            if denied is not None:
                self.trip(denied)
            return placed
        limit_price = order.limit_for(broker.quote, broker.asset)
        claimed = replace(order, status=SUBMITTING, limit_price=limit_price)
        placed = ReplayedOrder(claimed, now, now, order.cost_at(broker.quote, broker.asset))
        self.orders.append(placed)
        self._send(placed, now)
        return placed

    def reconcile(self, now: datetime) -> None:
        """Ask the simulator what became of open orders, and cancel those whose yes has expired."""
        for placed in self.orders:
            if placed.order.status in TERMINAL:
                continue
            found = self.trading.look_up(placed.order)
            if found is None:
                continue
            self._record(placed, found, now)
            if placed.order.status not in TERMINAL and now > placed.order.expires_at:
                self.trading.cancel(found.broker_order_id)

    def _approved(self, terms: Terms, *, asked: bool, now: datetime) -> Order:
        order_id = uuid4()
        return replace(
            proposed(terms),
            id=order_id,
            firebase_uid=_UID,
            client_order_id=f"{CLIENT_ORDER_ID_PREFIX}{order_id}",
            question_id=order_id if asked else None,
            created_at=now,
        )

    def _broker_facts(self, order: Order, now: datetime) -> BrokerFacts:
        feed = self.config.feed_of(order.symbol)
        if feed is None:
            return BrokerFacts()
        facts, close = order_facts.ask(order, feed, self.market_data, self.trading, now)
        return replace(
            facts,
            previous_close=close.price if close else None,
            market_is_open=self.session.contains(now),
        )

    def _send(self, placed: ReplayedOrder, now: datetime) -> None:
        try:
            reported = self.trading.submit(placed.order)
        except BrokerRefusedError as refusal:
            meant = explain(refusal.message)
            reason = f"{meant.reason}: {refusal}"
            placed.order = replace(placed.order, status=REJECTED, reason=reason)
            if meant.can_be_repeated:
                self.failed.append(placed)
            return
        self._record(placed, reported, now)

    def _record(self, placed: ReplayedOrder, reported: BrokerOrder, now: datetime) -> None:
        update = reported.update_of(placed.order)
        if update is None:
            return
        fill = update.fill_since(placed.order, now)
        if fill is not None:
            self._book(placed.order, fill)
        placed.changed_at = now
        placed.order = replace(
            placed.order,
            status=update.status,
            filled_qty=update.filled_qty or placed.order.filled_qty,
            filled_avg_price=update.filled_avg_price,
            broker_updated_at=update.updated_at or placed.order.broker_updated_at,
        )
        if placed.order.has_failed:
            self.failed.append(placed)

    def _book(self, order: Order, fill: Fill) -> None:
        self._paid += fill.signed_qty * fill.price
        self._filled.add((order.symbol, order.side))
        for change in apply_fill(self._open_trades.get(order.symbol), fill):
            if change.trade.closed_at is None:
                self._open_trades[order.symbol] = change.trade
            else:
                del self._open_trades[order.symbol]

    def _day_pnl(self, prices: Mapping[str, Decimal]) -> Decimal | None:
        if self._open_trades.keys() - prices.keys():
            return None
        worth = sum((each.qty * prices[s] for s, each in self._open_trades.items()), Decimal(0))
        return worth - self._paid


def _moves(placed: ReplayedOrder, symbol: str, now: datetime) -> bool:
    """Whether its fills may be in one of the two sums of positions already, not in the other."""
    settled = placed.order.status in TERMINAL and placed.changed_at < now - SETTLED_AFTER
    return placed.order.symbol == symbol and not settled


def _may_sell(order: Order, symbol: str) -> Decimal:
    """Return what an open sale may yet sell, at the lowest price that it may meet."""
    if order.symbol != symbol or order.side != "sell" or order.status in TERMINAL:
        return Decimal(0)
    lowest = order.seen_price * max(1 - order.max_price_drift_pct / 100, Decimal("0.01"))
    most = (order.notional_usd or Decimal(0)) / lowest if order.qty is None else order.qty
    return max(most - order.filled_qty, Decimal(0))


def _confirmed(order: Order, now: datetime) -> Confirmation | None:
    if order.question_id is None:
        return None
    return Confirmation(order.question_id, _UID, "approve", order.expires_at, decided_at=now)


def _denied(order: Order, denied: Denied | None) -> Order:
    if denied is None:
        raise AssertionError("an order passed its guardrails without a quote or its asset")
    return replace(order, status=DENIED, denial_code=denied.code.value, reason=denied.reason)
