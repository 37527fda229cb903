"""The step before the KPI views: value the day's option snapshots where the broker did not."""

import math
from dataclasses import asdict
from datetime import date, datetime

from infra.postgres.database import Transaction
from infra.postgres.market import option_valuations
from infra.postgres.market.option_valuations import Unvalued, Valuation


def complete(tx: Transaction, report_date: date, as_of: datetime) -> int:
    """Value what of a day has no valuation yet, up to an instant; return how many there were."""
    found = option_valuations.unvalued(tx, report_date, as_of)
    if found:
        option_valuations.store(tx, [value(each) for each in found])
    return len(found)


def value(each: Unvalued) -> Valuation:
    """Compute what the broker left out, from the middle of the quote, and the fair price."""
    from infra.workflows.kpis import black_scholes  # noqa: PLC0415 (slow to load, and needed only where there are options)

    terms = black_scholes.OptionTerms(each.type, each.strike, each.years, each.underlying_price)
    computed: dict[str, float | None] = {}
    volatility = each.implied_volatility
    if volatility is None and each.mid is not None:
        volatility = computed["implied_volatility"] = black_scholes.implied_volatility(
            terms, each.mid
        )
    if volatility is not None and not each.has_greeks:
        greeks = black_scholes.greeks(terms, volatility)
        computed |= asdict(greeks) if greeks else {}
    if each.historical_volatility is not None:
        computed["fair_price"] = black_scholes.fair_price(terms, float(each.historical_volatility))
    return Valuation(
        each.snapshot_id,
        each.known_at,
        historical_volatility=each.historical_volatility,
        **{name: _finite(number) for name, number in computed.items()},
    )


def _finite(number: float | None) -> float | None:
    """Drop what a model says at the edge of its domain."""
    return number if number is not None and math.isfinite(number) else None
