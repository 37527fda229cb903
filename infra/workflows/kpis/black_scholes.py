"""Black-Scholes-Merton by QuantLib: what the broker leaves out of an option's snapshot.

Import this where options are priced and nowhere else: the library takes half a second to load.
Binary floats in and out, as everywhere in its field; what is computed here is a statistic and never
an order's price.
"""

import math
from dataclasses import dataclass

import QuantLib as ql  # noqa: N813 (its own documentation's name)

from common.occ import OptionType

# A year's yields, continuously compounded: three-month US Treasury bills in the long run, and none.
# Greeks of contracts with weeks to live hardly depend on them.
RISK_FREE_RATE = 0.04
DIVIDEND_YIELD = 0.0

# Feeds say theta per calendar day, vega per point of volatility, rho per point of the rate.
_DAYS, _POINTS = 365, 100
_TYPES = {"call": ql.Option.Call, "put": ql.Option.Put}
_ACCURACY = 1e-9


@dataclass(frozen=True)
class OptionTerms:
    """A contract and its underlying's price (USD), `years` before it expires."""

    type: OptionType
    strike: float
    years: float
    underlying_price: float

    @property
    def discount(self) -> float:
        """What a dollar at expiry is worth today."""
        return math.exp(-RISK_FREE_RATE * self.years)

    @property
    def forward(self) -> float:
        """The underlying's price for delivery at expiry."""
        return self.underlying_price * math.exp((RISK_FREE_RATE - DIVIDEND_YIELD) * self.years)

    @property
    def can_move(self) -> bool:
        """Whether there is time left: on its last day a contract has no volatility to speak of."""
        return self.years > 0


@dataclass(frozen=True)
class Greeks:
    """Sensitivities, scaled as the broker's feed scales them."""

    delta: float
    gamma: float
    theta: float
    vega: float
    rho: float


def implied_volatility(terms: OptionTerms, price: float) -> float | None:
    """Return the volatility at which a contract costs its price; None where there is none."""
    if not terms.can_move:
        return None
    try:
        deviation: float = ql.blackFormulaImpliedStdDev(
            _TYPES[terms.type],
            terms.strike,
            terms.forward,
            price,
            terms.discount,
            0.0,
            ql.nullDouble(),
            _ACCURACY,
        )
    except RuntimeError:  # below what the contract is worth at once, or above its underlying
        return None
    return deviation / math.sqrt(terms.years) if deviation > _ACCURACY else None


def greeks(terms: OptionTerms, volatility: float) -> Greeks | None:
    """Return the greeks at a volatility; None on the last day."""
    if not terms.can_move or volatility <= 0:
        return None
    spot, model = terms.underlying_price, _model(terms, volatility)
    return Greeks(
        delta=model.delta(spot),
        gamma=model.gamma(spot),
        theta=model.theta(spot, terms.years) / _DAYS,
        vega=model.vega(terms.years) / _POINTS,
        rho=model.rho(terms.years) / _POINTS,
    )


def fair_price(terms: OptionTerms, volatility: float) -> float:
    """Return what a contract is worth at a volatility, in USD per share."""
    price: float = _model(terms, volatility).value()
    return price


def _model(terms: OptionTerms, volatility: float) -> ql.BlackCalculator:
    payoff = ql.PlainVanillaPayoff(_TYPES[terms.type], terms.strike)
    deviation = volatility * math.sqrt(max(terms.years, 0))
    return ql.BlackCalculator(payoff, terms.forward, deviation, terms.discount)
