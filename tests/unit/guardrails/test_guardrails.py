from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.config import TradingConfig
from common.guardrails import GUARDRAILS, deny
from common.guardrails.facts import Account, BrokerFacts, Control, DenialCode, Facts
from common.guardrails.limits import day_trades_are_left
from common.holdings.drift import Drift
from common.holdings.positions import Holding
from common.market import Quote
from common.orders.asset import Asset
from common.orders.order import Order
from common.rules.base import Position
from tests.unit.samples import (
    NOON,
    broker,
    config,
    confirmation,
    document,
    exposure,
    facts,
    order,
    server,
)


def guarded(**guardrails: Any) -> TradingConfig:
    return config(guardrails=document()["guardrails"] | guardrails)


def quoted(bid: str, ask: str, age: timedelta = timedelta()) -> BrokerFacts:
    return broker(quote=Quote("SPY", Decimal(bid), Decimal(ask), NOON - age))


def held(qty: str) -> Position:
    return Position(Decimal(qty), Decimal(490))


SELL_ONE = order(side="sell", notional_usd=None, qty=Decimal(1))


def test_an_order_with_everything_in_order_passes() -> None:
    assert deny(order(), facts()) is None


COINS = {"id": "coins", "source": "alpaca", "asset_class": "crypto", "symbols": ["SHIB/USD"]}
COIN = Asset(tradable=True, fractionable=True, price_increment=Decimal("0.00000001"))


def coins(symbol: str = "SHIB/USD", **changes: Any) -> Facts:
    """Facts that let `coin_order()` pass every check."""
    account = Account(blocked=False, buying_power=None, cash_buying_power=Decimal(1000))
    values: dict[str, Any] = {
        "quote": Quote(symbol, Decimal("0.00001239"), Decimal("0.00001241"), NOON),
        "asset": COIN,
        "account": replace(account, crypto_active=True),
        "previous_close": None,
    }
    watched = [*document()["data_inputs"], COINS | {"symbols": [symbol]}]
    return facts(config=config(data_inputs=watched), broker=broker(**values | changes))


def coin_order(**changes: Any) -> Order:
    values = {"symbol": "SHIB/USD", "asset_class": "crypto", "time_in_force": "gtc"}
    return order(**values | {"seen_price": Decimal("0.0000124")} | changes)


def limited(**changes: Any) -> Order:
    return coin_order(
        notional_usd=None, qty=Decimal(2_000_000), limit_offset_pct=Decimal("0.5"), **changes
    )


NO_CASH = Account(blocked=False, buying_power=Decimal(200), cash_buying_power=Decimal("9.99"))
ONLY_BY_THE_BROKERS_RULES: list[tuple[DenialCode, Order, Facts]] = [
    (DenialCode.CURRENCY_NOT_SUPPORTED, coin_order(symbol="ETH/BTC"), coins("ETH/BTC")),
    (DenialCode.CURRENCY_NOT_SUPPORTED, coin_order(symbol="BTC/USDT"), coins("BTC/USDT")),
    (
        DenialCode.CURRENCY_NOT_SUPPORTED,
        order(),
        facts(broker=broker(account=Account(False, Decimal(1000), currency="EUR"))),
    ),
    # A grid that has no price as low as the coin's: nothing is sent at 0.
    (
        DenialCode.ORDER_NOT_ACCEPTED_BY_BROKER,
        limited(),
        coins(asset=replace(COIN, price_increment=Decimal("0.01"))),
    ),
    (
        DenialCode.ORDER_NOT_ACCEPTED_BY_BROKER,
        coin_order(),
        coins(asset=replace(COIN, min_qty=Decimal(1_000_000))),
    ),
    (
        DenialCode.ORDER_NOT_ACCEPTED_BY_BROKER,
        limited(),
        coins(asset=replace(COIN, qty_increment=Decimal(300_000))),
    ),
    (DenialCode.ORDER_NOT_ACCEPTED_BY_BROKER, coin_order(notional_usd=Decimal("9.99")), coins()),
    (
        DenialCode.ORDER_NOT_ACCEPTED_BY_BROKER,
        order(notional_usd=None, qty=Decimal("0.002")),
        facts(),
    ),
    (
        DenialCode.INSUFFICIENT_BUYING_POWER,
        coin_order(),
        coins(account=replace(NO_CASH, crypto_active=True)),
    ),
    (
        DenialCode.INSUFFICIENT_BUYING_POWER,
        order(),
        facts(broker=broker(asset=Asset(tradable=True, fractionable=True), account=NO_CASH)),
    ),
    (
        DenialCode.ACCOUNT_BLOCKED,
        coin_order(),
        coins(account=Account(blocked=False, buying_power=None, cash_buying_power=Decimal(1000))),
    ),
    (
        DenialCode.DAY_TRADE_LIMIT,
        order(side="sell"),
        facts(
            broker=broker(account=Account(False, Decimal(1000), day_trades_left=0)),
            exposure=exposure(position=held("2"), opposite_filled_today=True),
        ),
    ),
]

RULE_OFF = document()["rules"][0] | {"enabled": False}
# Facts in which nothing but the named guardrail stands between the order and the broker.
ONLY: list[tuple[DenialCode, Order, Facts]] = [
    (DenialCode.TRADING_DISABLED, order(), facts(server=server(trading_enabled=False))),
    (DenialCode.TRADING_DISABLED, order(), facts(config=config(enabled=False))),
    (DenialCode.TRADING_DISABLED, order(), facts(config=config(rules=[RULE_OFF]))),
    (DenialCode.TRADING_DISABLED, order(rule_id="gone"), facts()),
    (
        DenialCode.TRADING_HALTED,
        order(),
        facts(exposure=exposure(controls=(Control("halted", "stop"),))),
    ),
    (
        DenialCode.TRADING_HALTED,
        order(),
        facts(exposure=exposure(controls=(Control("reducing", "stop"),))),
    ),
    (
        DenialCode.TRADING_HALTED,
        order(side="sell"),
        facts(exposure=exposure(position=held("2"), controls=(Control("halted", "stop"),))),
    ),
    (DenialCode.LIVE_NOT_ALLOWED, order(), facts(config=config(mode="live"))),
    (
        DenialCode.LIVE_NOT_ALLOWED,
        order(),
        facts(server=server(allow_live=True, broker_is_live=True)),
    ),
    (
        DenialCode.LIVE_NOT_ALLOWED,
        order(),
        facts(config=config(mode="live"), server=server(broker_is_live=True)),
    ),
    (
        DenialCode.QUESTION_NOT_APPROVED,
        order(),
        facts(confirmation=confirmation(status="pending", decided_at=None)),
    ),
    (DenialCode.QUESTION_NOT_APPROVED, order(), facts(confirmation=confirmation(status="reject"))),
    (
        DenialCode.QUESTION_NOT_APPROVED,
        order(),
        facts(confirmation=confirmation(status="ambiguous")),
    ),
    (
        DenialCode.QUESTION_EXPIRED,
        order(expires_at=NOON - timedelta(microseconds=1)),
        facts(),
    ),
    (DenialCode.SYMBOL_NOT_WATCHED, order(symbol="TSLA"), facts()),
    (DenialCode.SYMBOL_BLOCKED, order(), facts(config=guarded(symbols_blocklist=["SPY"]))),
    (DenialCode.MARKET_CLOSED, order(), facts(broker=broker(market_is_open=False))),
    (DenialCode.MARKET_CLOSED, order(), facts(broker=broker(market_is_open=None))),
    (
        DenialCode.ASSET_NOT_TRADABLE,
        order(),
        facts(broker=broker(asset=Asset(tradable=False, fractionable=True, marginable=True))),
    ),
    (
        DenialCode.ASSET_NOT_TRADABLE,
        order(),
        facts(broker=broker(asset=Asset(tradable=True, fractionable=False, marginable=True))),
    ),
    (DenialCode.ASSET_NOT_TRADABLE, order(), facts(broker=broker(asset=None))),
    (
        DenialCode.ACCOUNT_BLOCKED,
        order(),
        facts(broker=broker(account=Account(blocked=True, buying_power=Decimal(1000)))),
    ),
    (DenialCode.QUOTE_CROSSED, order(), facts(broker=quoted("493", "491"))),
    # What others recorded: a stream's 541.0 / 443.0 (Lean issue 8479), and one tick.
    (DenialCode.QUOTE_CROSSED, order(), facts(broker=quoted("541", "443"))),
    (DenialCode.QUOTE_CROSSED, order(), facts(broker=quoted("492.01", "492"))),
    (
        DenialCode.PRICE_STALE,
        order(),
        facts(broker=quoted("491.99", "492.01", timedelta(seconds=181))),
    ),
    (DenialCode.SPREAD_TOO_WIDE, order(), facts(broker=quoted("489", "495"))),
    (DenialCode.PRICE_DRIFT, order(), facts(broker=quoted("496.99", "497.01"))),
    (DenialCode.PRICE_DRIFT, order(), facts(broker=quoted("486.99", "487.01"))),
    (DenialCode.CORPORATE_ACTION, order(), facts(broker=broker(previous_close=Decimal(984)))),
    (DenialCode.CORPORATE_ACTION, order(), facts(broker=broker(previous_close=None))),
    (DenialCode.CORPORATE_ACTION, order(), facts(exposure=exposure(changed_basis="split"))),
    (
        DenialCode.POSITION_DRIFT,
        order(),
        facts(exposure=exposure(drift=Drift("SPY", Decimal(2), Decimal(1)))),
    ),
    (
        DenialCode.POSITION_DRIFT,
        SELL_ONE,
        facts(
            server=server(max_order_notional_usd=Decimal(1000)),
            config=guarded(max_notional_usd_per_4h=1000),
            exposure=exposure(position=held("2"), units_of_all=Decimal(3)),
        ),
    ),
    (DenialCode.NOT_HELD, order(side="sell"), facts()),
    (
        DenialCode.NOT_HELD,
        order(side="sell"),
        facts(
            broker=broker(holding=Holding(Decimal(2), Decimal(0))),
            exposure=exposure(position=held("2")),
        ),
    ),
    (
        DenialCode.NOT_HELD,
        order(side="sell"),
        facts(broker=broker(holding=None), exposure=exposure(position=held("2"))),
    ),
    (
        DenialCode.MAX_ORDER_NOTIONAL,
        order(),
        facts(server=server(max_order_notional_usd=Decimal("9.99"))),
    ),
    (
        DenialCode.MAX_POSITION_NOTIONAL,
        order(),
        facts(config=guarded(max_position_usd=500), exposure=exposure(position=held("1"))),
    ),
    (
        DenialCode.INSUFFICIENT_BUYING_POWER,
        order(),
        facts(broker=broker(account=Account(blocked=False, buying_power=Decimal("9.99")))),
    ),
    (
        DenialCode.DAILY_LOSS_LIMIT,
        order(),
        facts(config=guarded(daily_loss_limit_usd=50), exposure=exposure(day_pnl=Decimal(-50))),
    ),
    (
        DenialCode.DAILY_LOSS_LIMIT,
        order(),
        facts(config=guarded(daily_loss_limit_usd=50), exposure=exposure(day_pnl=None)),
    ),
    (DenialCode.MAX_ORDERS_PER_DAY, order(), facts(exposure=exposure(orders_today=3))),
    (DenialCode.MAX_ORDERS_PER_DAY, order(), facts(server=server(max_orders_per_day=0))),
    (
        DenialCode.MAX_NOTIONAL_PER_WINDOW,
        order(),
        facts(exposure=exposure(notional_in_window=Decimal("90.01"))),
    ),
    (
        DenialCode.MAX_NOTIONAL_PER_WINDOW,
        order(),
        facts(server=server(max_notional_usd_per_4h=Decimal(9))),
    ),
    (DenialCode.OUTCOME_PENDING, order(), facts(exposure=exposure(outcome_pending="order-7"))),
    (DenialCode.SERVER_CAP_REACHED, order(), facts(server=server(max_server_orders_per_day=0))),
    (
        DenialCode.SERVER_CAP_REACHED,
        order(),
        facts(server=server(max_server_notional_usd_per_day=Decimal("9.99"))),
    ),
    (
        DenialCode.SERVER_CAP_REACHED,
        order(),
        facts(server=server(max_server_notional_usd_per_4h=Decimal("9.99"))),
    ),
    (DenialCode.SERVER_CAP_REACHED, order(), facts(exposure=exposure(all_users=None))),
    *ONLY_BY_THE_BROKERS_RULES,
]


@pytest.mark.parametrize(("code", "ordered", "given_facts"), ONLY)
def test_each_guardrail_denies_with_its_code_and_numbers(
    code: DenialCode, ordered: Order, given_facts: Facts
) -> None:
    denied = deny(ordered, given_facts)

    assert denied is not None
    assert denied.code is code
    assert "=" in denied.reason


@pytest.mark.parametrize(("code", "ordered", "given_facts"), ONLY)
def test_the_order_passes_when_only_that_guardrail_is_removed(
    code: DenialCode, ordered: Order, given_facts: Facts
) -> None:
    rest = tuple(
        check
        for check in GUARDRAILS
        if (denied := check(ordered, given_facts)) is None or denied.code is not code
    )

    assert len(rest) == len(GUARDRAILS) - 1
    assert deny(ordered, given_facts, rest) is None


def test_every_code_is_tripped_by_some_example() -> None:
    by_turn = {DenialCode.REQUEST_LIMIT}  # denied before any guardrail is asked
    assert {code for code, _, _ in ONLY} == set(DenialCode) - by_turn


@pytest.mark.parametrize(
    "missing",
    [
        facts(config=None),
        facts(broker=broker(quote=None)),
        facts(broker=quoted("0", "492.01")),
        facts(broker=quoted("491.99", "0")),
        facts(broker=broker(account=None)),
        facts(broker=broker(quote=None), config=guarded(max_position_usd=1000)),
        facts(broker=BrokerFacts()),
    ],
)
@pytest.mark.parametrize("ordered", [order(), order(notional_usd=None, qty=Decimal(1))])
def test_a_missing_fact_denies_by_every_check_that_needs_it(missing: Facts, ordered: Order) -> None:
    denials = [check(ordered, missing) for check in GUARDRAILS]

    assert sum(denied is not None for denied in denials) >= 2


def test_limits_are_inclusive() -> None:
    exactly = facts(
        config=guarded(max_position_usd=502, daily_loss_limit_usd=50),
        exposure=exposure(
            orders_today=2,
            notional_in_window=Decimal(90),
            position=held("1"),
            day_pnl=Decimal("-49.99"),
        ),
        broker=replace(
            quoted("491.99", "492.01", timedelta(seconds=180)),
            account=Account(blocked=False, buying_power=Decimal(10)),
        ),
        server=server(max_order_notional_usd=Decimal(10)),
    )

    assert deny(order(expires_at=NOON), exactly) is None


UNASKED = order(question_id=None)


def test_an_order_nobody_was_asked_about_passes_only_where_the_config_says_so() -> None:
    unasked = guarded(require_question_before_order=False)

    assert deny(UNASKED, facts(config=unasked, confirmation=None)) is None
    denied = deny(UNASKED, facts(confirmation=None))
    assert denied is not None
    assert denied.code is DenialCode.QUESTION_NOT_APPROVED


@pytest.mark.parametrize("allowed", [True, False])
def test_live_money_without_a_question_takes_a_third_key(allowed: bool) -> None:  # noqa: FBT001
    unasked = config(
        mode="live",
        guardrails=document()["guardrails"] | {"require_question_before_order": False},
    )
    live = server(allow_live=True, broker_is_live=True, allow_unasked_live=allowed)

    denied = deny(UNASKED, facts(config=unasked, confirmation=None, server=live))

    assert (denied is None) is allowed


def test_live_passes_with_both_keys_turned() -> None:
    live = facts(config=config(mode="live"), server=server(allow_live=True, broker_is_live=True))

    assert deny(order(), live) is None


@pytest.mark.parametrize(
    ("ordered", "position", "increases"),
    [
        (order(), None, True),
        (order(), held("1"), True),
        (order(side="sell"), held("1"), False),
        (order(side="sell", notional_usd=Decimal(500)), held("1"), True),
        (SELL_ONE, held("1"), False),
        (SELL_ONE, held("0.5"), True),
        (order(notional_usd=None, qty=Decimal(1)), held("-2"), False),
        (order(notional_usd=None, qty=Decimal(3)), held("-2"), True),
    ],
)
def test_only_what_opens_adds_or_flips_increases_a_position(
    ordered: Order,
    position: Position | None,
    increases: bool,  # noqa: FBT001
) -> None:
    assert facts(exposure=exposure(position=position)).increases_position(ordered) is increases


def test_reducing_passes_the_limits_that_are_about_growing() -> None:
    loose = server(max_order_notional_usd=Decimal(1000))
    config_of_a_loser = guarded(
        max_position_usd=1, daily_loss_limit_usd=1, max_notional_usd_per_4h=1000
    )
    losing = facts(
        server=loose,
        config=config_of_a_loser,
        broker=broker(account=Account(blocked=False, buying_power=Decimal(0))),
        exposure=exposure(
            position=held("2"), day_pnl=Decimal(-500), controls=(Control("reducing", "loss"),)
        ),
    )

    assert deny(SELL_ONE, losing) is None


def test_crypto_trades_around_the_clock_and_never_splits() -> None:
    coin = order(asset_class="crypto")
    night = facts(broker=broker(market_is_open=False, previous_close=None))

    assert deny(coin, night) is None


def test_a_whole_quantity_needs_no_fractionable_asset() -> None:
    whole = order(notional_usd=None, qty=Decimal(1))
    given_facts = facts(
        config=guarded(max_notional_usd_per_4h=1000),
        broker=broker(asset=Asset(tradable=True, fractionable=False, marginable=True)),
    )

    assert deny(whole, given_facts) is None


@given(
    used=st.decimals(0, 200, places=2),
    notional=st.decimals(1, 200, places=2),
    user_limit=st.integers(1, 200),
    ceiling=st.integers(1, 200),
)
def test_no_config_raises_the_server_ceiling(
    used: Decimal, notional: Decimal, user_limit: int, ceiling: int
) -> None:
    given_facts = facts(
        config=guarded(max_notional_usd_per_4h=user_limit),
        server=server(max_notional_usd_per_4h=Decimal(ceiling)),
        exposure=exposure(notional_in_window=used),
    )

    denied = deny(replace(order(), notional_usd=notional), given_facts)

    assert (denied is None) == (used + notional <= min(user_limit, ceiling))


@pytest.mark.parametrize(
    ("side", "position", "opposite_filled_today"),
    [("buy", None, False), ("sell", held("2"), False), ("buy", held("2"), True)],
)
def test_without_day_trades_left_only_a_day_trade_is_denied(
    side: str, position: Position | None, *, opposite_filled_today: bool
) -> None:
    account = replace(broker().account or NO_CASH, day_trades_left=0)
    given_facts = facts(
        broker=broker(account=account),
        exposure=exposure(position=position, opposite_filled_today=opposite_filled_today),
    )

    assert day_trades_are_left(order(side=side), given_facts) is None
