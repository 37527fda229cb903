"""Black-Scholes-Merton written down from the textbook, to compare the pricing library with."""

from dataclasses import dataclass
from math import exp, log, sqrt
from statistics import NormalDist

NORMAL = NormalDist()


@dataclass(frozen=True)
class European:
    """A European option on something that pays a yield; all rates continuously compounded."""

    kind: str
    spot: float
    strike: float
    years: float
    rate: float
    dividends: float
    volatility: float

    @property
    def sign(self) -> int:
        return 1 if self.kind == "call" else -1

    @property
    def d1(self) -> float:
        drift = self.rate - self.dividends + self.volatility**2 / 2
        return (log(self.spot / self.strike) + drift * self.years) / self.deviation

    @property
    def d2(self) -> float:
        return self.d1 - self.deviation

    @property
    def deviation(self) -> float:
        return self.volatility * sqrt(self.years)

    @property
    def price(self) -> float:
        if self.deviation == 0:
            return max(0.0, self.sign * (self.paid_spot - self.paid_strike))
        return self.sign * (
            self.paid_spot * NORMAL.cdf(self.sign * self.d1)
            - self.paid_strike * NORMAL.cdf(self.sign * self.d2)
        )

    @property
    def paid_spot(self) -> float:
        return self.spot * exp(-self.dividends * self.years)

    @property
    def paid_strike(self) -> float:
        return self.strike * exp(-self.rate * self.years)

    def greeks(self) -> dict[str, float]:
        """Delta and gamma; theta per calendar day, vega and rho per percentage point."""
        decay = self.paid_spot * NORMAL.pdf(self.d1) * self.volatility / (2 * sqrt(self.years))
        theta = (
            -decay
            - self.sign * self.rate * self.paid_strike * NORMAL.cdf(self.sign * self.d2)
            + self.sign * self.dividends * self.paid_spot * NORMAL.cdf(self.sign * self.d1)
        )
        vega = self.paid_spot * NORMAL.pdf(self.d1) * sqrt(self.years)
        rho = self.sign * self.paid_strike * self.years * NORMAL.cdf(self.sign * self.d2)
        return {
            "delta": self.sign * self.paid_spot / self.spot * NORMAL.cdf(self.sign * self.d1),
            "gamma": self.paid_spot * NORMAL.pdf(self.d1) / (self.spot**2 * self.deviation),
            "theta": theta / 365,
            "vega": vega / 100,
            "rho": rho / 100,
        }
