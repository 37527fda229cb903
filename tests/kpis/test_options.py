"""KPIs 11 to 25: means over scanned contracts, recomputed from the stored snapshots."""

import random
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from math import log, sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.occ import OccSymbol
from infra.postgres.database import Database
from infra.workflows.kpis import option_valuation
from infra.workflows.kpis.black_scholes import DIVIDEND_YIELD, RISK_FREE_RATE
from tests.kpis import recomputed
from tests.kpis.black_scholes import European
from tests.kpis.recomputed import DAYS, random_days, shown
from tests.kpis.source_rows import Row, SourceRows, forgotten

GREEKS = ("delta", "gamma", "theta", "vega", "rho")
OF_CONTRACTS = {
    "Delta": "delta",
    "Gamma": "gamma",
    "Theta": "theta",
    "Vega": "vega",
    "Rho": "rho",
    "Historical Volatility": "history",
    "Uncertainty": "uncertainty",
    "Fair Market Price": "fair",
    "Decay Weight": "weight",
}
OF_PAIRS = ("IV Skew", "Decay Rate", "Gamma Exposure", "Volume Ratio", "OI Ratio")
SPLIT_LIKE = 0.3  # closes further apart than this may not be on one basis
TEN_MINUTES = timedelta(minutes=10)

Values = dict[str, dict[str, float]]


class Day:
    """A small chain on two underlyings, scanned at odd times, with holes of every kind."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.day = self.chance.choice(DAYS)
        self.since = recomputed.midnight(self.day).astimezone(UTC)
        self.as_of = self.since + timedelta(minutes=self.chance.randint(400, 1700))
        self.opens = self.since + timedelta(hours=9.5)
        self.closes = self.opens + timedelta(hours=self.chance.choice((3.5, 6.5)))
        self.source_rows = SourceRows()
        self.source_rows.session(self.day, self.opens, self.closes)
        for underlying in ("SPY", "GOOG"):
            self._closes(underlying)
        for symbol in self._chain():
            self.source_rows.contract(symbol)
            for at in self._instants():
                self.source_rows.option(symbol, at, self._price(100), **self._known(at))

    def _price(self, middle: int, spread: float = 0.2) -> Decimal:
        return round(Decimal(str(self.chance.uniform(1 - spread, 1 + spread))) * middle, 2)

    def _closes(self, underlying: str) -> None:
        """Daily closes; sometimes too few, wild, or of a feed that has fewer."""
        spread = self.chance.choice((0.02, 0.1, 0.2))
        for feed, count in (("iex", self.chance.choice((10, 21, 40))), ("sip", 15)):
            for number in range(count):
                as_of = self.since - timedelta(days=number + (feed == "sip"))
                close = self._price(100, spread)
                self.source_rows.fact(underlying, "daily_close", close, as_of, feed=feed)

    def _chain(self) -> list[str]:
        """Pairs and single contracts; `SPY1` is adjusted, and no pair of `SPY`'s."""
        expiries = [self.day + timedelta(days=days) for days in (0, 3, 40)]
        names = [
            str(OccSymbol(root, expiry, kind, Decimal(strike)))
            for root in ("SPY", "SPY1", "GOOG")
            for expiry in expiries
            for strike in (95, 105)
            for kind in ("call", "put")
        ]
        return sorted(self.chance.sample(names, 20))

    def _instants(self) -> list[datetime]:
        """Around the session, crowded enough for several in one bucket."""
        return sorted(
            {
                self.opens + timedelta(seconds=self.chance.randint(-9_000, 30_000))
                for _ in range(self.chance.randint(0, 6))
            }
        )

    def _known(self, at: datetime) -> dict[str, Any]:
        chance = self.chance
        middle = Decimal(chance.randint(50, 3_000)) / 100
        known: dict[str, Any] = {
            "bid": chance.choice((None, Decimal(0), middle, middle)),
            "ask": chance.choice((None, middle, middle + Decimal("0.1"))),
            "day_volume": chance.choice((None, 0, chance.randint(1, 500))),
            "open_interest": chance.choice((None, 0, chance.randint(1, 500))),
            "implied_volatility": chance.choice((None, self._number(0.05, 0.9))),
            "as_of": at - timedelta(minutes=15),  # a delayed feed's
        }
        if chance.random() < 0.5:
            known |= {name: self._number(-1, 1) for name in GREEKS}
        return known

    def _number(self, low: float, high: float) -> Decimal:
        return Decimal(str(self.chance.uniform(low, high)))

    # The independent computation.

    @cached_property
    def history(self) -> Mapping[str, float | None]:
        """Return each underlying's volatility over 20 returns of one feed on one basis."""
        return {name: self._history(name) for name in ("SPY", "GOOG")}

    def _history(self, underlying: str) -> float | None:
        closes = sorted(
            (row["as_of"], float(row["price"]))
            for row in self.source_rows.rows["market_data_snapshots"]
            if row["symbol"] == underlying and row["feed"] == "iex" and row["as_of"] < self.since
        )[-21:]
        changes = [abs(after / before - 1) for (_, before), (_, after) in pairwise(closes)]
        if len(closes) < 21 or max(changes) >= SPLIT_LIKE:
            return None
        returns = [log(after / before) for (_, before), (_, after) in pairwise(closes)]
        return statistics.stdev(returns) * sqrt(252)

    def scanned(self, since: datetime, until: datetime) -> list[Row]:
        """Return the last snapshot of each contract that was stored in a span."""
        last: dict[str, Row] = {}
        for row in self.source_rows.rows["option_snapshots"]:
            if max(since, self.since) <= row["created_at"] < until:
                last[row["contract"]] = row
        return list(last.values())

    def contract(self, row: Row) -> dict[str, float]:
        """Return what a snapshot says; what the broker left out is the textbook's."""
        years = (row["expiry"] - self.day).days / 365.25
        history = self.history.get(row["underlying"])
        known: dict[str, float | None] = {name: _float(row.get(name)) for name in GREEKS}
        volatility = _float(row["implied_volatility"])
        option = European(
            row["type"],
            float(row["underlying_price"]),
            float(row["strike"]),
            years,
            RISK_FREE_RATE,
            DIVIDEND_YIELD,
            volatility or 0,
        )
        if volatility is None and row["bid"] and row["ask"] and years > 0:
            volatility = _solve(option, float(row["bid"] + row["ask"]) / 2)
        if volatility is not None and years > 0 and known["delta"] is None:
            known |= _at(option, volatility).greeks()
        if history is not None:
            known |= {"fair": _at(option, history).price, "history": history, "weight": 1 / history}
        known["iv"] = volatility
        if volatility is not None:
            known["uncertainty"] = option.spot * volatility * sqrt(years)
        known |= {name: _float(row[name]) for name in ("day_volume", "open_interest")}
        return {name: value for name, value in known.items() if value is not None}

    def items(self, rows: Iterable[Row]) -> Values:
        """Return each KPI's values by contract; a pair's by its call."""
        recorded = {row["contract"]: self.contract(row) for row in rows}
        found: Values = defaultdict(dict)
        for contract, known in recorded.items():
            for kpi, name in OF_CONTRACTS.items():
                if name in known:
                    found[kpi][contract] = known[name]
            put = contract[:-9] + "P" + contract[-8:]
            if contract[-9] == "C" and put in recorded:
                for kpi, value in _pair(known, recorded[put]).items():
                    found[kpi][contract] = value
        return found

    def figures(self, since: datetime, until: datetime) -> dict[str, float]:
        """Return the mean of each KPI over the contracts that were scanned in a span."""
        means = {
            kpi: statistics.fmean(values.values())
            for kpi, values in self.items(self.scanned(since, until)).items()
            if kpi != "Liquidity Ratios"
        }
        if {"Volume Ratio", "OI Ratio"} <= set(means):
            means["Liquidity Ratios"] = (means["Volume Ratio"] + means["OI Ratio"]) / 2
        return means


def _pair(call: dict[str, float], put: dict[str, float]) -> dict[str, float]:
    found = {}
    if "iv" in call and "iv" in put:
        found["IV Skew"] = put["iv"] - call["iv"]
    if "theta" in call and "theta" in put:
        found["Decay Rate"] = abs(call["theta"] + put["theta"])
        found["Gamma Exposure"] = call["gamma"] + put["gamma"]
    for kpi, name in (("Volume Ratio", "day_volume"), ("OI Ratio", "open_interest")):
        if name in call and put.get(name):
            found[kpi] = call[name] / put[name]
    if "Volume Ratio" in found and "OI Ratio" in found:
        found["Liquidity Ratios"] = (found["Volume Ratio"] + found["OI Ratio"]) / 2
    return found


def _solve(option: European, price: float) -> float | None:
    """Bisect for the volatility at which an option costs its price."""
    low, high = 1e-9, 20.0
    if not _at(option, low).price + 1e-9 < price < _at(option, high).price:
        return None
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if _at(option, middle).price < price else (low, middle)
    return low


def _at(option: European, volatility: float) -> European:
    return European(
        option.kind,
        option.spot,
        option.strike,
        option.years,
        option.rate,
        option.dividends,
        volatility,
    )


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


@random_days
@given(seed=st.integers(0, 10**9))
def test_headlines_are_means_over_the_last_snapshots(db: Database, seed: int) -> None:
    day = Day(seed)

    with forgotten(db) as tx:
        day.source_rows.save(tx)
        option_valuation.complete(tx, day.day, day.as_of)
        found = recomputed.figures(tx, day.day, day.as_of)

    expected = day.figures(*recomputed.span(day.day, day.as_of))
    for kpi in (*OF_CONTRACTS, *OF_PAIRS, "Liquidity Ratios"):
        value = expected.get(kpi)
        assert found[kpi] == shown(kpi, None if value is None else Decimal(str(value)))


@random_days
@given(seed=st.integers(0, 10**9))
def test_series_hold_the_buckets_of_the_session_that_hold_data(db: Database, seed: int) -> None:
    day = Day(seed)

    with forgotten(db) as tx:
        day.source_rows.save(tx)
        option_valuation.complete(tx, day.day, day.as_of)
        found = recomputed.series(tx, day.day, day.as_of)

    _, over = recomputed.span(day.day, day.as_of)
    expected: dict[str, dict[datetime, float]] = defaultdict(dict)
    for number in range(int((day.closes - day.opens) / TEN_MINUTES) + 1):
        start = day.opens + number * TEN_MINUTES
        for kpi, value in day.figures(start, min(start + TEN_MINUTES, over)).items():
            if kpi != "Fair Market Price":
                expected[kpi][start] = value
    for start, until in recomputed.quarters(day.day, day.as_of).items():
        fair = day.figures(day.since, until).get("Fair Market Price")
        if fair is not None:
            expected["Fair Market Price"][start] = fair
    for kpi in (*OF_CONTRACTS, *OF_PAIRS, "Liquidity Ratios"):
        assert {at: float(v) for at, v in found[kpi].items()} == pytest.approx(
            expected[kpi], rel=1e-6, abs=1e-9
        )


@random_days
@given(seed=st.integers(0, 10**9))
def test_extremes_are_the_upper_and_the_lower_half_of_the_contracts(
    db: Database, seed: int
) -> None:
    day = Day(seed)

    with forgotten(db) as tx:
        day.source_rows.save(tx)
        option_valuation.complete(tx, day.day, day.as_of)
        found = recomputed.extremes(tx, day.day, day.as_of)

    numbers = {
        row["contract"]: row["listing_id"] for row in day.source_rows.rows["option_contracts"]
    }
    items = day.items(day.scanned(*recomputed.span(day.day, day.as_of)))
    for kpi in (*OF_CONTRACTS, *OF_PAIRS, "Liquidity Ratios"):
        if kpi in {"Historical Volatility", "Decay Weight"}:
            assert not found[kpi, "hi"]
            continue
        values = sorted(items[kpi].values())
        half = len(values) // 2
        highest = values[::-1][: min(10, len(values) - half)]
        assert [float(i["metric_raw"]) for i in found[kpi, "hi"]] == pytest.approx(
            highest, rel=1e-6, abs=1e-9
        )
        assert [float(i["metric_raw"]) for i in found[kpi, "lo"]] == pytest.approx(
            values[: min(10, half)], rel=1e-6, abs=1e-9
        )
        both = found[kpi, "hi"] + found[kpi, "lo"]
        assert len({item["contract_name"] for item in both}) == len(both)
        for item in both:
            assert item["trade_id"] == numbers[item["contract_name"]]
            assert item["metric_abs"] == item["metric_raw"].copy_abs()
            assert float(item["metric_raw"]) == pytest.approx(
                items[kpi][item["contract_name"]], rel=1e-6, abs=1e-9
            )
