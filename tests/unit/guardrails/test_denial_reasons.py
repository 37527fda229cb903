"""What a user reads of a denial: the code, and which fact was what."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from common.guardrails import consent, deny, holdings, market
from common.guardrails.facts import DenialCode, Facts
from common.holdings.drift import Drift
from tests.unit.guardrails.test_guardrails import ONLY
from tests.unit.samples import NOON, broker, confirmation, exposure, facts, order

NO_QUOTE = {"symbol": "SPY", "quote": "none or one-sided"}
# What `reason` has of a denial: in one of these ways each time, by what was missing or too much.
NAMED: dict[DenialCode, set[str]] = {
    DenialCode.TRADING_DISABLED: {"by", "by rule"},
    DenialCode.TRADING_HALTED: {"state why"},
    DenialCode.LIVE_NOT_ALLOWED: {"user_live broker_live"},
    DenialCode.QUESTION_NOT_APPROVED: {"status"},
    DenialCode.QUESTION_EXPIRED: {"expires_at now"},
    DenialCode.SYMBOL_NOT_WATCHED: {"symbol"},
    DenialCode.SYMBOL_BLOCKED: {"symbol"},
    DenialCode.CURRENCY_NOT_SUPPORTED: {"symbol currency"},
    DenialCode.MARKET_CLOSED: {"clock"},
    DenialCode.ASSET_NOT_TRADABLE: {"symbol known", "symbol fractionable"},
    DenialCode.ACCOUNT_BLOCKED: {"known", "crypto_active"},
    DenialCode.POSITION_DRIFT: {"symbol ours brokers"},
    DenialCode.NOT_HELD: {"symbol wanted available"},
    DenialCode.DAY_TRADE_LIMIT: {"symbol left"},
    DenialCode.QUOTE_CROSSED: {"symbol bid ask"},
    DenialCode.PRICE_STALE: {"as_of now"},
    DenialCode.SPREAD_TOO_WIDE: {"spread_pct limit"},
    DenialCode.ORDER_NOT_ACCEPTED_BY_BROKER: {
        "symbol limit_price price_increment",
        "symbol qty min_qty qty_increment",
        "symbol cost least",
    },
    DenialCode.CORPORATE_ACTION: {"symbol action", "symbol previous_close", "now previous_close"},
    DenialCode.PRICE_DRIFT: {"seen now drift_pct limit"},
    DenialCode.MAX_ORDER_NOTIONAL: {"notional limit"},
    DenialCode.MAX_POSITION_NOTIONAL: {"after limit"},
    DenialCode.INSUFFICIENT_BUYING_POWER: {"cost buying_power"},
    DenialCode.DAILY_LOSS_LIMIT: {"day_pnl limit"},
    DenialCode.MAX_ORDERS_PER_DAY: {"used limit"},
    DenialCode.MAX_NOTIONAL_PER_WINDOW: {"used notional limit"},
    DenialCode.OUTCOME_PENDING: {"order"},
    DenialCode.SERVER_CAP_REACHED: {"cap after limit", "used notional"},
}


def test_each_code_names_the_same_numbers_every_time() -> None:
    named: dict[DenialCode, set[str]] = {}
    for code, given_order, given_facts in ONLY:
        denied = deny(given_order, given_facts)
        assert denied is not None
        named.setdefault(code, set()).add(" ".join(denied.context))

    assert named == NAMED


@pytest.mark.parametrize(
    ("guard", "given", "code", "context"),
    [
        (
            market.market_is_open,
            facts(broker=broker(market_is_open=False)),
            DenialCode.MARKET_CLOSED,
            {"clock": "closed"},
        ),
        (
            market.market_is_open,
            facts(broker=broker(market_is_open=None)),
            DenialCode.MARKET_CLOSED,
            {"clock": "unknown"},
        ),
        (
            market.spread_is_narrow,
            facts(broker=broker(quote=None)),
            DenialCode.SPREAD_TOO_WIDE,
            NO_QUOTE,
        ),
        (
            market.price_has_not_drifted,
            facts(broker=broker(quote=None)),
            DenialCode.PRICE_DRIFT,
            NO_QUOTE,
        ),
        (
            holdings.position_has_not_drifted,
            facts(exposure=exposure(drift=Drift("SPY", Decimal(2), Decimal(1)))),
            DenialCode.POSITION_DRIFT,
            {"symbol": "SPY", "ours": 2, "brokers": 1},
        ),
        (
            market.price_is_not_split,
            facts(exposure=exposure(changed_basis="forward_split on 2026-02-10")),
            DenialCode.CORPORATE_ACTION,
            {"symbol": "SPY", "action": "forward_split on 2026-02-10"},
        ),
        (
            market.price_is_not_split,
            facts(broker=broker(previous_close=Decimal(984))),
            DenialCode.CORPORATE_ACTION,
            {"now": 492, "previous_close": 984},
        ),
        (
            consent.question_is_approved,
            facts(confirmation=confirmation(status="ambiguous")),
            DenialCode.QUESTION_NOT_APPROVED,
            {"status": "ambiguous"},
        ),
        (
            consent.question_is_approved,
            facts(confirmation=None),
            DenialCode.QUESTION_NOT_APPROVED,
            {"status": "missing"},
        ),
    ],
)
def test_the_reason_names_the_fact(
    guard: Any, given: Facts, code: DenialCode, context: dict[str, object]
) -> None:
    denied = guard(order(), given)

    assert denied is not None
    assert (denied.code, denied.context) == (code, context)


def test_a_yes_that_came_too_late_says_when_it_ended_and_when_it_is() -> None:
    late = NOON + timedelta(hours=1)

    denied = consent.expired_approval(order(), late)

    assert denied is not None
    assert denied.context == {"expires_at": order().expires_at, "now": late}
