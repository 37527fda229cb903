"""One scenario and more for every guardrail: only that guard stands between a yes and the broker.

Behind three of them stands the broker itself: it does not trade what is not tradable, nor what is
too small, nor on credit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from common.guardrails.facts import DenialCode
from infra.local.selftest import scenarios
from infra.local.selftest.conditions import (
    Attempt,
    account_blocked,
    account_currency,
    config,
    fault,
    halt,
    limits,
    meanwhile,
    no_faults,
    others_leave,
    others_reserve,
    price,
    resume,
    spend_everything,
    tradable,
)
from infra.local.selftest.result import Result, untried
from infra.local.selftest.trader import RULE, live_through
from infra.local.stack import Stack

_TEN_SHARES = {"action": "propose_order", "side": "buy", "qty": 10, "notional_usd": None}


@dataclass(frozen=True)
class DenialScenario:
    """How to trip one guardrail: in words, and as a scenario that ends with an order."""

    code: DenialCode
    tried: str
    attempt: Attempt


SCENARIOS: tuple[DenialScenario, ...] = (
    DenialScenario(
        DenialCode.TRADING_DISABLED,
        "the user switches trading off before they say yes",
        meanwhile(config(enabled=False)),
    ),
    DenialScenario(
        DenialCode.TRADING_HALTED,
        "the operator halts the user before they say yes",
        meanwhile(halt, resume),
    ),
    DenialScenario(
        DenialCode.LIVE_NOT_ALLOWED,
        "the user's mode becomes live, the server's key is missing",
        meanwhile(config(mode="live")),
    ),
    DenialScenario(
        DenialCode.QUESTION_NOT_APPROVED,
        "an order is forged for a question that nobody answered",
        scenarios.forged,
    ),
    DenialScenario(
        DenialCode.QUESTION_EXPIRED,
        "a yes in time, whose order is announced after the question's expiry",
        scenarios.late,
    ),
    DenialScenario(
        DenialCode.SYMBOL_NOT_WATCHED,
        "the user drops the symbol while the broker is being asked about it",
        scenarios.dropped,
    ),
    DenialScenario(
        DenialCode.SYMBOL_BLOCKED,
        "the user puts the symbol on their blocklist before they say yes",
        scenarios.blocked,
    ),
    DenialScenario(
        DenialCode.ASSET_NOT_TRADABLE,
        "the broker suspends the symbol",
        meanwhile(tradable(yes=False), tradable(yes=True)),
    ),
    DenialScenario(
        DenialCode.CURRENCY_NOT_SUPPORTED,
        "the broker keeps the account in euros",
        meanwhile(account_currency("EUR"), account_currency("USD")),
    ),
    DenialScenario(
        DenialCode.ORDER_NOT_ACCEPTED_BY_BROKER,
        "0.005 shares at $98; the broker takes no fraction that is worth less than a dollar",
        scenarios.sliver,
    ),
    DenialScenario(
        DenialCode.DAY_TRADE_LIMIT,
        "bought and sold on one day; the account has made its three day trades",
        scenarios.day_trade,
    ),
    DenialScenario(
        DenialCode.ACCOUNT_BLOCKED,
        "the broker blocks the account",
        meanwhile(account_blocked(yes=True), account_blocked(yes=False)),
    ),
    DenialScenario(
        DenialCode.QUOTE_CROSSED,
        "the bid is a cent above the ask",
        meanwhile(price("98", bid="98.01", ask="98.00")),
    ),
    DenialScenario(
        DenialCode.PRICE_STALE,
        "the quote is ten minutes old",
        meanwhile(fault("stale_quote", age=600), no_faults),
    ),
    DenialScenario(
        DenialCode.SPREAD_TOO_WIDE,
        "bid and ask move 2 % apart around the same price",
        meanwhile(price("98", bid="97.02", ask="98.98")),
    ),
    DenialScenario(
        DenialCode.PRICE_DRIFT,
        "the price falls 2 % after the question; 1 % is allowed",
        meanwhile(price("96.04")),
    ),
    DenialScenario(
        DenialCode.CORPORATE_ACTION,
        "the price halves after the question; any drift is allowed",
        meanwhile(price("49"), rules=[{"id": RULE, "max_price_drift_pct": 100}]),
    ),
    DenialScenario(
        DenialCode.MAX_ORDER_NOTIONAL,
        "10 shares at $98 cost $1010 when the yes comes; the server's ceiling is $1000",
        meanwhile(
            price("101"),
            rules=[{"id": RULE, "max_price_drift_pct": 100, "on_answer_match": _TEN_SHARES}],
        ),
    ),
    DenialScenario(
        DenialCode.MAX_POSITION_NOTIONAL,
        "an order of $10; the user allows positions of $9.99",
        meanwhile(limits(max_position_usd="9.99")),
    ),
    DenialScenario(
        DenialCode.INSUFFICIENT_BUYING_POWER,
        "another order ties up the account's buying power",
        spend_everything(lambda trader: trader.say_yes(trader.ask())),
    ),
    DenialScenario(
        DenialCode.DAILY_LOSS_LIMIT,
        "$500 in the position lose 4 %, the user allows $10 a day; then another yes",
        scenarios.losing,
    ),
    DenialScenario(
        DenialCode.TRADING_HALTED,
        "after such a loss the price recovers; the breaker stays for the day",
        scenarios.recovering,
    ),
    DenialScenario(
        DenialCode.MAX_ORDERS_PER_DAY,
        "a second yes; the user allows one order a day",
        scenarios.second(limits(max_orders_per_day=1)),
    ),
    DenialScenario(
        DenialCode.MAX_NOTIONAL_PER_WINDOW,
        "a second yes to $10; the user allows $19.99 in four hours",
        scenarios.second(limits(max_notional_usd_per_4h="19.99")),
    ),
    DenialScenario(
        DenialCode.OUTCOME_PENDING,
        "the broker's answer to an order is lost; a second order waits until its yes expires",
        scenarios.unknown,
    ),
    DenialScenario(
        DenialCode.NOT_HELD,
        "two yeses to sell the one share that is held",
        scenarios.short,
    ),
    DenialScenario(
        DenialCode.POSITION_DRIFT,
        "half of what the user bought is gone from the broker's records; then a yes to sell",
        scenarios.drifted,
    ),
    DenialScenario(
        DenialCode.REQUEST_LIMIT,
        "the minute's requests are spent, and the yes expires before the next ones",
        scenarios.late_for_a_request,
    ),
    DenialScenario(
        DenialCode.SERVER_CAP_REACHED,
        "all users together have reserved what the server allows in four hours",
        meanwhile(others_reserve(Decimal(50_000)), others_leave),
    ),
    # The last one: the day is over then.
    DenialScenario(
        DenialCode.MARKET_CLOSED,
        "asked a minute before the close, answered a minute after it",
        scenarios.closing,
    ),
)


def trip(stack: Stack, number: int, scenario: DenialScenario) -> Result:
    """Live through a scenario with a fresh user."""
    seen = live_through(stack, number, lambda trader: trader.outcome(scenario.attempt(trader)))
    code = scenario.code.value
    return Result("guardrail", code, scenario.tried, f"denied {code}", seen)


def trip_all(stack: Stack, first_number: int) -> Iterator[Result]:
    """Trip every guardrail; one that has no scenario was not tripped."""
    for number, scenario in enumerate(SCENARIOS, first_number):
        yield trip(stack, number, scenario)
    yield from untried_codes()


def untried_codes() -> Iterator[Result]:
    """Name the guardrails that nothing trips."""
    tried = {scenario.code for scenario in SCENARIOS}
    yield from (untried("guardrail", code.value) for code in DenialCode if code not in tried)
