"""What a replay found: when rules fired, what was ordered, and why they were silent."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from common.market import NEW_YORK, Session
from common.model import plain
from common.questions import Terms
from common.rules import Rule
from common.rules.base import Fired
from infra.local.replay.account import ReplayedOrder
from infra.local.report import json_value


@dataclass
class ReplayedOpportunity:
    """A rule that fired and whose user was asked, and the order of the yes a minute later.

    `order` stays None where the session ended, or the question expired, before the yes.
    `follow_up` is the same asked once more, after the broker did not execute the order.
    """

    rule: Rule
    fired: Fired
    fired_at: datetime
    terms: Terms
    order: ReplayedOrder | None = None
    follow_up: "ReplayedOpportunity | None" = None

    @property
    def asked(self) -> "Sequence[ReplayedOpportunity]":
        """Itself, and where there is one its follow-up."""
        return [self, self.follow_up] if self.follow_up else [self]

    @property
    def size(self) -> str:
        """How much, as people read it."""
        money = self.terms.notional_usd
        return f"${plain(money)}" if money is not None else plain(self.terms.qty or Decimal(0))

    @property
    def outcome(self) -> str:
        """What became of it, in a few words."""
        if self.order is None:
            return "no yes in time"
        order = self.order.order
        if order.denial_code is not None:
            return f"denied {order.denial_code} ({order.reason})"
        if order.filled_qty and order.filled_avg_price:
            at = f"{plain(order.filled_qty)} at ${plain(order.filled_avg_price)}"
            return f"{order.status}: {at}"
        return order.status if order.reason is None else f"{order.status}: {order.reason}"


@dataclass(frozen=True)
class History:
    """One session; `not_fired` counts minutes by rule and reason, `prices` are in USD."""

    session: Session
    opportunities: Sequence[ReplayedOpportunity]
    not_fired: Mapping[str, Mapping[str, int]]
    prices: Mapping[str, Sequence[tuple[datetime, Decimal]]]

    def to_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints; numbers are JSON numbers."""
        return {
            "session": {
                "open": json_value(self.session.open),
                "close": json_value(self.session.close),
            },
            "opportunities": [_opportunity(each) for each in self.opportunities],
            "orders": [
                _order(asked, asked.order)
                for each in self.opportunities
                for asked in each.asked
                if asked.order
            ],
            "silent": {rule: dict(reasons) for rule, reasons in self.not_fired.items()},
        }


def _opportunity(each: ReplayedOpportunity) -> dict[str, Any]:
    fired = each.fired
    fields = {
        "rule_id": each.rule.id,
        "symbol": fired.symbol,
        "price": fired.price,
        "reference": fired.reference,
        "pct": fired.pct,
        "values": dict(fired.values),
        "as_of": fired.as_of,
        "fired_at": each.fired_at,
    }
    return {key: json_value(value) for key, value in fields.items()}


def _order(each: ReplayedOpportunity, placed: ReplayedOrder) -> dict[str, Any]:
    order = placed.order
    fields = {
        "rule_id": each.rule.id,
        "symbol": order.symbol,
        "side": order.side,
        "notional_usd": order.notional_usd,
        "qty": order.qty,
        "order_type": order.order_type,
        "at": order.created_at,
        "status": order.status,
        "denial_code": order.denial_code,
        "reason": order.reason,
        "filled_qty": order.filled_qty,
        "filled_avg_price": order.filled_avg_price,
    }
    return {key: json_value(value) for key, value in fields.items()}


def lines(history: History) -> Iterator[str]:
    """Yield what a person reads; times are New York's."""
    for each in (asked for fired in history.opportunities for asked in fired.asked):
        fired = each.fired
        pct = "" if fired.pct is None else f" ({fired.pct:+.2f}%)"
        seen = f"{fired.symbol} at {fired.price}{pct}"
        at = each.fired_at.astimezone(NEW_YORK)
        order = f"would {each.terms.side} {each.size}"
        yield f"{at:%H:%M} {each.rule.id}: {seen}, {order}: {each.outcome}"
    for rule, reasons in history.not_fired.items():
        counts = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
        yield f"{rule} was silent: {counts}"
