"""The pricing library against the textbook, and against what the broker's feed said once."""

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from infra.workflows.kpis import black_scholes
from infra.workflows.kpis.black_scholes import DIVIDEND_YIELD, RISK_FREE_RATE, OptionTerms
from tests.conftest import SHARED
from tests.kpis.black_scholes import European

EXAMPLE = SHARED / "alpaca-examples" / "option_snapshots.json"

terms = st.builds(
    OptionTerms,
    type=st.sampled_from(["call", "put"]),
    strike=st.floats(50, 200),
    years=st.floats(1, 800).map(lambda days: days / 365.25),
    underlying_price=st.floats(50, 200),
)
volatilities = st.floats(0.05, 2)


def textbook(option: OptionTerms, volatility: float) -> European:
    return European(
        option.type,
        option.underlying_price,
        option.strike,
        option.years,
        RISK_FREE_RATE,
        DIVIDEND_YIELD,
        volatility,
    )


@given(terms, volatilities)
def test_fair_price_is_the_textbooks(option: OptionTerms, volatility: float) -> None:
    expected = textbook(option, volatility).price

    assert black_scholes.fair_price(option, volatility) == pytest.approx(
        expected, rel=1e-9, abs=1e-9
    )


@given(terms, volatilities)
def test_greeks_are_the_textbooks(option: OptionTerms, volatility: float) -> None:
    greeks = black_scholes.greeks(option, volatility)

    assert greeks is not None
    expected = textbook(option, volatility).greeks()
    assert asdict(greeks) == pytest.approx(expected, rel=1e-7, abs=1e-9)


def test_greeks_are_for_a_dollar_a_day_and_a_percentage_point() -> None:
    """In the units of the broker's feed: what the price changes by, itself computed anew."""
    option = OptionTerms("call", strike=162.5, years=0.5, underlying_price=165.84)
    price = black_scholes.fair_price(option, 0.3)
    a_dollar_up = replace(option, underlying_price=option.underlying_price + 0.01)
    a_day_later = replace(option, years=option.years - 1 / 365)
    at_a_higher_rate = replace(textbook(option, 0.3), rate=RISK_FREE_RATE + 0.01)

    greeks = black_scholes.greeks(option, 0.3)

    assert greeks is not None
    changes = {
        "delta": (black_scholes.fair_price(a_dollar_up, 0.3) - price) / 0.01,
        "theta": black_scholes.fair_price(a_day_later, 0.3) - price,
        "vega": black_scholes.fair_price(option, 0.31) - price,
        "rho": at_a_higher_rate.price - price,
    }
    computed = {name: value for name, value in asdict(greeks).items() if name in changes}
    assert computed == pytest.approx(changes, rel=0.02)


@given(terms, volatilities)
def test_implied_volatility_gives_the_price_back(option: OptionTerms, volatility: float) -> None:
    price = black_scholes.fair_price(option, volatility)
    assume(textbook(option, volatility).greeks()["vega"] > 1e-3)

    implied = black_scholes.implied_volatility(option, price)

    assert implied == pytest.approx(volatility, rel=1e-5)


@pytest.mark.parametrize("price", [0.0, 3.0, 200.0])
def test_a_price_outside_of_arbitrage_has_no_volatility(price: float) -> None:
    option = OptionTerms("call", strike=162.5, years=3 / 365.25, underlying_price=165.84)

    assert black_scholes.implied_volatility(option, price) is None


def test_on_the_last_day_there_is_a_fair_price_and_nothing_else() -> None:
    option = OptionTerms("put", strike=170, years=0, underlying_price=165)

    assert black_scholes.fair_price(option, 0.3) == pytest.approx(5)
    assert black_scholes.greeks(option, 0.3) is None
    assert black_scholes.implied_volatility(option, 5.1) is None


def test_greeks_are_scaled_as_the_brokers() -> None:
    """AAPL closed at 165.84 on 22 April 2024; the feed counts three days to the 26th's expiry."""
    if not EXAMPLE.exists():
        pytest.skip("the broker's example is not at hand")
    recorded = json.loads(EXAMPLE.read_text())["snapshots"]["AAPL240426C00162500"]

    greeks = black_scholes.greeks(
        OptionTerms("call", strike=162.5, years=3 / 365.25, underlying_price=165.84),
        recorded["impliedVolatility"],
    )

    assert greeks is not None
    assert asdict(greeks) == pytest.approx(recorded["greeks"], rel=0.03)
