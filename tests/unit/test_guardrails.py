from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.guardrails import CHECKS, Code, Facts, deny
from common.market import Quote
from common.orders import Order
from tests.unit.samples import NOON, config, confirmation, document, facts, order, server


def guarded(**guardrails: Any) -> Any:
    return config(guardrails=document()["guardrails"] | guardrails)


def quote(bid: str, ask: str, age: timedelta = timedelta()) -> Quote:
    return Quote("SPY", Decimal(bid), Decimal(ask), NOON - age)


def test_an_order_with_everything_in_order_passes() -> None:
    assert deny(order(), facts()) is None


# Facts in which nothing but the named guardrail stands between the order and the broker.
ONLY: list[tuple[Code, Order, Facts]] = [
    (Code.TRADING_DISABLED, order(), facts(server=server(trading_enabled=False))),
    (Code.TRADING_DISABLED, order(), facts(config=config(enabled=False))),
    (Code.LIVE_NOT_ALLOWED, order(), facts(config=config(mode="live"))),
    (Code.LIVE_NOT_ALLOWED, order(), facts(server=server(allow_live=True, broker_is_live=True))),
    (
        Code.LIVE_NOT_ALLOWED,
        order(),
        facts(config=config(mode="live"), server=server(broker_is_live=True)),
    ),
    (
        Code.QUESTION_NOT_APPROVED,
        order(),
        facts(confirmation=confirmation(status="pending", decided_at=None)),
    ),
    (Code.QUESTION_NOT_APPROVED, order(), facts(confirmation=confirmation(status="reject"))),
    (Code.QUESTION_NOT_APPROVED, order(), facts(confirmation=confirmation(status="ambiguous"))),
    (
        Code.QUESTION_EXPIRED,
        order(),
        facts(confirmation=confirmation(expires_at=NOON - timedelta(microseconds=1))),
    ),
    (Code.SYMBOL_NOT_WATCHED, order(symbol="TSLA"), facts()),
    (Code.SYMBOL_BLOCKED, order(), facts(config=guarded(symbols_blocklist=["SPY"]))),
    (Code.PRICE_STALE, order(), facts(quote=quote("491.99", "492.01", timedelta(seconds=181)))),
    (Code.SPREAD_TOO_WIDE, order(), facts(quote=quote("489", "495"))),
    (Code.PRICE_DRIFT, order(), facts(quote=quote("496.99", "497.01"))),
    (Code.PRICE_DRIFT, order(), facts(quote=quote("486.99", "487.01"))),
    (
        Code.MAX_ORDER_NOTIONAL,
        order(),
        facts(server=server(max_order_notional_usd=Decimal("9.99"))),
    ),
    (Code.MAX_ORDERS_PER_DAY, order(), facts(orders_today=3)),
    (Code.MAX_ORDERS_PER_DAY, order(), facts(server=server(max_orders_per_day=0))),
    (Code.MAX_NOTIONAL_PER_WINDOW, order(), facts(notional_in_window=Decimal("90.01"))),
    (
        Code.MAX_NOTIONAL_PER_WINDOW,
        order(),
        facts(server=server(max_notional_usd_per_4h=Decimal(9))),
    ),
]


@pytest.mark.parametrize(("code", "ordered", "given_facts"), ONLY)
def test_each_guardrail_denies_with_its_code_and_numbers(
    code: Code, ordered: Order, given_facts: Facts
) -> None:
    denied = deny(ordered, given_facts)

    assert denied is not None
    assert denied.code is code
    assert "=" in denied.reason


@pytest.mark.parametrize(("code", "ordered", "given_facts"), ONLY)
def test_the_order_passes_when_only_that_guardrail_is_removed(
    code: Code, ordered: Order, given_facts: Facts
) -> None:
    rest = tuple(
        check
        for check in CHECKS
        if (denied := check(ordered, given_facts)) is None or denied.code is not code
    )

    assert len(rest) == len(CHECKS) - 1
    assert deny(ordered, given_facts, rest) is None


def test_every_code_is_tripped_by_some_example() -> None:
    assert {code for code, _, _ in ONLY} == set(Code)


@pytest.mark.parametrize(
    "missing",
    [
        facts(config=None),
        facts(confirmation=None),
        facts(quote=None),
        facts(quote=quote("0", "492.01")),
        facts(quote=quote("491.99", "0")),
    ],
)
def test_a_missing_fact_denies_by_every_check_that_needs_it(missing: Facts) -> None:
    denials = [check(order(), missing) for check in CHECKS]

    assert sum(denied is not None for denied in denials) >= 2
    assert deny(order(), missing) is not None


def test_limits_are_inclusive() -> None:
    exactly = facts(
        orders_today=2,
        notional_in_window=Decimal(90),
        confirmation=confirmation(expires_at=NOON),
        quote=quote("491.99", "492.01", timedelta(seconds=180)),
        server=server(max_order_notional_usd=Decimal(10)),
    )

    assert deny(order(), exactly) is None


def test_live_passes_with_both_keys_turned() -> None:
    live = facts(config=config(mode="live"), server=server(allow_live=True, broker_is_live=True))

    assert deny(order(), live) is None


@given(
    used=st.decimals(0, 200, places=2),
    notional=st.decimals("0.01", 200, places=2),
    user_limit=st.integers(1, 200),
    ceiling=st.integers(1, 200),
)
def test_no_config_raises_the_server_ceiling(
    used: Decimal, notional: Decimal, user_limit: int, ceiling: int
) -> None:
    given_facts = facts(
        config=guarded(max_notional_usd_per_4h=user_limit),
        server=server(max_notional_usd_per_4h=Decimal(ceiling)),
        notional_in_window=used,
    )

    denied = deny(replace(order(), notional_usd=notional), given_facts)

    assert (denied is None) == (used + notional <= min(user_limit, ceiling))
