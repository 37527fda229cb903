"""Explains why the broker's records differ from ours in a symbol, and books what explains it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from common.holdings.corporate_actions import CorporateAction, ratio_of_records
from common.holdings.differences import can_be_coin_fee, shared
from common.holdings.positions import Execution, Fill, Holding, apply_fill
from common.market import trading_day
from infra.postgres.database import Transaction
from infra.postgres.trading import adjustments, corporate_actions, differences
from infra.postgres.trading.adjustments import Adjustment, Kind, Owned

_NONE = Decimal(0)
# After a restatement the broker pays the fraction of a share that is left over in cash.
_CASH_IN_LIEU = timedelta(days=10)


def explain(
    tx: Transaction,
    symbol: str,
    holding: Holding | None,
    executions: Sequence[Execution],
    now: datetime,
) -> str | None:
    """Book what explains the difference of a symbol; return its name, None when nothing does.

    `executions` are the account's in the symbol. The holders' rows are locked, and the difference
    is taken anew: what an order of ours changed meanwhile is no difference.
    """
    return _Difference(
        tx,
        symbol,
        holding or Holding(_NONE, _NONE),
        adjustments.open_trades(tx, symbol),
        differences.manual_holdings(tx).get(symbol, _NONE),
        now,
    ).explained_by(executions)


@dataclass
class _Difference:
    """One symbol's difference, as it is explained away."""

    tx: Transaction
    symbol: str
    holding: Holding
    held: list[Owned]
    manual: Decimal
    now: datetime

    @property
    def missing(self) -> Decimal:
        """How many units the broker holds less than we count."""
        ours = sum((each.trade.qty for each in self.held), _NONE)
        return ours + self.manual - self.holding.qty

    def explained_by(self, executions: Sequence[Execution]) -> str | None:
        """Try each explanation until nothing is missing; name the first that helped."""
        reasons = []
        if self._book_manual_fills(executions):
            reasons.append("manual")
        for reason, book in (
            ("coin_fee", self._book_coin_fee),
            ("cash_in_lieu", self._book_cash_in_lieu),
            ("inferred_split", self._book_split),
        ):
            if self.missing and book():
                reasons.append(reason)
        return reasons[0] if reasons and not self.missing else None

    def _book_manual_fills(self, executions: Sequence[Execution]) -> bool:
        """Book what was traded by hand: its own units first, then those of the only holder.

        It explains all or nothing: of what does not add up, nothing is booked. Whose units were
        sold cannot be told when several users hold the symbol: a person must look.
        """
        new = differences.new_manual_fills(self.tx, executions)
        net = sum((each.qty for each in new), _NONE)
        rest = self.missing + net
        bought = sum((each.qty for each in new if each.qty > 0), _NONE)
        if not new or (rest and not self._is_fee(rest, bought)):
            return False
        from_users = -(self.manual + net)
        if from_users > 0 and len(self.held) != 1:
            return False
        differences.store_manual_fills(self.tx, new)
        self._set_manual(max(self.manual + net, _NONE))
        if from_users > 0:
            self._sell(from_users, new[-1])
        return True

    def _book_coin_fee(self) -> bool:
        """Coins that are missing can be the fee on what was bought."""
        if not self._is_fee(self.missing, self.manual):
            return False
        self._take("coin_fee", _NONE)
        return True

    def _book_cash_in_lieu(self) -> bool:
        """A fraction of a share that is missing after a restatement was paid in cash."""
        if not (0 < self.missing < 1 and self._was_restated):
            return False
        self._take("cash_in_lieu", self.holding.avg_entry_price or self._entry())
        return True

    def _book_split(self) -> bool:
        """Other units at the same cost are a split that nobody announced."""
        if self.manual or not self.held or not self._is_stock() or not self.holding.avg_entry_price:
            return False
        units = sum((each.trade.qty for each in self.held), _NONE)
        brokers = (self.holding.qty, self.holding.avg_entry_price)
        rates = ratio_of_records((units, self._entry()), brokers)
        if rates is None:
            return False
        today = trading_day(self.now)
        split = CorporateAction(
            f"inferred:{self.symbol}:{today}",
            "inferred_split",
            self.held[0].symbol,
            today,
            "shares",
            *rates,
        )
        corporate_actions.store(self.tx, [split], self.now)
        corporate_actions.apply(self.tx, split, self.now)
        self.held = adjustments.open_trades(self.tx, self.symbol)
        return True

    def _is_fee(self, missing: Decimal, more_bought: Decimal) -> bool:
        if not self.held or self._is_stock():
            return False
        bought, charged = differences.bought(self.tx, self.held)
        return can_be_coin_fee(missing, bought + more_bought, charged)

    @property
    def _was_restated(self) -> bool:
        return differences.was_restated(self.tx, self.symbol, self.now - _CASH_IN_LIEU)

    def _is_stock(self) -> bool:
        return all("/" not in each.symbol for each in self.held)

    def _entry(self) -> Decimal:
        units = sum((each.trade.qty for each in self.held), _NONE)
        cost = sum((each.trade.qty * each.trade.avg_entry_price for each in self.held), _NONE)
        return cost / units if units else _NONE

    def _take(self, kind: Kind, price: Decimal) -> None:
        """Take what is missing from all holders, and from what is held by hand, in proportion."""
        parts = shared(self.missing, [self.manual, *(each.trade.qty for each in self.held)])
        self._set_manual(self.manual - parts[0])
        why = Adjustment(kind, f"{kind}:{self.now.isoformat()}", self.now, price)
        self.held = [
            self._reduced(owned, qty, why) for owned, qty in zip(self.held, parts[1:], strict=True)
        ]

    def _sell(self, qty: Decimal, by: Execution) -> None:
        why = Adjustment("manual", by.id, by.at, by.price)
        self.held = [self._reduced(self.held[0], qty, why)]

    def _reduced(self, owned: Owned, qty: Decimal, why: Adjustment) -> Owned:
        """Book that units left a trade at a price."""
        if not qty:
            return owned
        sold = Fill("sell", qty, why.price, qty, why.effective_at)
        after = apply_fill(owned.trade, sold)[0].trade
        adjustments.adjust(self.tx, owned, after, why, self.now)
        return Owned(after, owned.firebase_uid, owned.symbol)

    def _set_manual(self, qty: Decimal) -> None:
        differences.set_manual_holding(self.tx, self.symbol, qty, self.now)
        self.manual = qty
