"""A full day: positions, fills, questions and an option chain, the same at every run.

The chain is GOOG's of 24 December 2015 (a half day) where the recording is at hand, else a made-up
one of the same shape. `fill` is all that a test needs.
"""

import csv
import gzip
import itertools
import random
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from operator import itemgetter
from pathlib import Path

from common.market import NEW_YORK
from common.occ import OccSymbol
from infra.postgres.database import Database
from tests.conftest import SHARED
from tests.kpis.source_rows import Execution, SourceRows

DAY = date(2015, 12, 24)
OPENS = datetime.combine(DAY, time(9, 30), NEW_YORK)
CLOSES = datetime.combine(DAY, time(13), NEW_YORK)
# When nothing happens any more: the day is told to its end.
OVER = datetime.combine(DAY + timedelta(days=1), time(9), NEW_YORK)
RECORDINGS = SHARED / "market-data"
STOCKS = {"SPY": 205, "IBM": 138, "AIG": 61, "BAC": 17, "AAPL": 108, "GOOG": 748}

_FIVE_MINUTES = timedelta(minutes=5)


@dataclass(frozen=True)
class Quote:
    """What a recording knows of a contract at an instant."""

    contract: str
    at: datetime
    bid: Decimal | None
    ask: Decimal | None
    open_interest: int
    day_volume: int
    last_trade: Decimal | None


def fill(db: Database, *, contracts: int = 200, recordings: Path = RECORDINGS) -> SourceRows:
    """Store the day and return its rows; its options are not valued yet."""
    source_rows, chance = SourceRows(), random.Random(7)
    source_rows.session(DAY, OPENS, CLOSES)
    prices = {
        symbol: _recorded_prices(recordings)
        if symbol == "GOOG" and recordings.exists()
        else _made_up_prices(base, chance)
        for symbol, base in STOCKS.items()
    }
    _market(source_rows, prices)
    quotes = list(_chain(recordings, contracts, prices["GOOG"]))
    _options(source_rows, quotes, prices["GOOG"])
    _questions(source_rows, chance)
    _stock_trades(source_rows, chance, prices)
    _option_trades(source_rows, chance, quotes)
    _account(source_rows, chance, prices)
    with db.transaction() as tx:
        source_rows.save(tx)
    return source_rows


@dataclass(frozen=True)
class Prices:
    """A stock's closes by day, and its trades of the day in time's order."""

    closes: dict[date, Decimal]
    trades: list[tuple[datetime, Decimal]]

    def at(self, at: datetime) -> Decimal:
        """Return the last price that was known at an instant."""
        return self.trades[max(bisect_right(self.trades, at, key=itemgetter(0)) - 1, 0)][1]


def _recorded_prices(recordings: Path) -> Prices:
    """GOOG's, each minute; a bar is known when its minute ends."""
    closes = {
        date.fromisoformat(row["date"]): Decimal(row["close"])
        for row in _rows(recordings / "daily_bars_2012-2015.csv.gz")
        if row["symbol"] == "GOOG" and row["date"] < str(DAY)
    }
    trades = [
        (datetime.fromisoformat(row["timestamp"]) + timedelta(minutes=1), Decimal(row["close"]))
        for row in _rows(recordings / f"{DAY}_equity_minute_bars.csv.gz")
    ]
    return Prices(closes, [(at, price) for at, price in trades if OPENS <= at <= CLOSES])


def _rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as text:
        return list(csv.DictReader(text))


def _made_up_prices(base: int, chance: random.Random) -> Prices:
    """A walk from close to close, and then each five minutes."""
    price, closes = Decimal(base), {}
    for day in (DAY - timedelta(days=days) for days in range(45, 0, -1)):
        if day.weekday() < 5:
            price = closes[day] = _step(price, chance, 0.012)
    trades = []
    for at in _ticks(OPENS, CLOSES, _FIVE_MINUTES):
        price = _step(price, chance, 0.0007)
        trades.append((at, price))
    return Prices(closes, trades)


def _ticks(first: datetime, last: datetime, step: timedelta) -> Iterator[datetime]:
    while first <= last:
        yield first
        first += step


def _market(source_rows: SourceRows, prices: dict[str, Prices]) -> None:
    for symbol, known in prices.items():
        closes = list(known.closes.items())[-40:]
        for day, close in closes:
            source_rows.fact(symbol, "daily_close", close, _midnight(day), created_at=OPENS)
        source_rows.fact(
            symbol, "prev_close", closes[-1][1], _midnight(closes[-1][0]), created_at=OPENS
        )
        for at, price in known.trades:
            source_rows.fact(symbol, "last_trade", price, at)
            source_rows.fact(symbol, "daily_bar", price, at)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), NEW_YORK)


def _step(price: Decimal, chance: random.Random, deviation: float) -> Decimal:
    return round(price * Decimal(str(1 + chance.gauss(0, deviation))), 2)


def _chain(recordings: Path, contracts: int, underlying: Prices) -> Iterator[Quote]:
    recording = recordings / f"{DAY}_goog_option_quotes_5min.csv.gz"
    if recording.exists():
        return _recorded(recording, contracts)
    return _made_up(contracts, underlying)


def _recorded(recording: Path, contracts: int) -> Iterator[Quote]:
    """The contracts nearest to the money, in pairs."""
    rows = _rows(recording)
    pairs = sorted(
        {(row["expiry"], Decimal(row["strike"])) for row in rows},
        key=lambda pair: (abs(pair[1] - STOCKS["GOOG"]), pair[0]),
    )
    kept = set(pairs[: contracts // 2])
    for row in rows:
        if (row["expiry"], Decimal(row["strike"])) in kept:
            yield Quote(
                contract=row["contract"],
                at=datetime.fromisoformat(row["timestamp"]),
                bid=Decimal(row["bid"]) if row["bid"] else None,
                ask=Decimal(row["ask"]) if row["ask"] else None,
                open_interest=int(row["open_interest"] or 0),
                day_volume=int(row["day_volume"] or 0),
                last_trade=Decimal(row["last_trade"]) if row["last_trade"] else None,
            )


def _made_up(contracts: int, underlying: Prices) -> Iterator[Quote]:
    chance = random.Random(11)
    count = contracts // 2
    strikes = [Decimal(740 + 5 * n) for n in range(-(count // 8), count // 8 + 2)]
    expiries = [DAY + timedelta(days=days) for days in (8, 15, 22, 57)]
    pairs = list(itertools.product(expiries, strikes))[:count]
    for expiry, strike in pairs:
        for kind in ("call", "put"):
            name = str(OccSymbol("GOOG", expiry, kind, strike))
            sign = 1 if kind == "call" else -1
            interest, volume = chance.randint(1, 900), 0
            for at in _ticks(OPENS, CLOSES, _FIVE_MINUTES):
                inner = max(Decimal(0), (underlying.at(at) - strike) * sign)
                middle = inner + Decimal(chance.randint(400, 1500)) / 100
                volume += chance.randint(0, 3)
                yield Quote(
                    name, at, middle - Decimal("0.2"), middle + Decimal("0.2"), interest,
                    volume, middle,
                )  # fmt: skip


def _options(source_rows: SourceRows, quotes: list[Quote], underlying: Prices) -> None:
    for name, group in itertools.groupby(
        sorted(quotes, key=lambda quote: (quote.contract, quote.at)), key=lambda q: q.contract
    ):
        listed = list(group)
        source_rows.contract(name, listed[0].open_interest)
        for quote in listed:
            source_rows.option(
                name,
                quote.at,
                underlying.at(quote.at),
                bid=quote.bid,
                ask=quote.ask,
                open_interest=quote.open_interest,
                day_volume=quote.day_volume,
                last_trade=quote.last_trade,
            )


def _questions(source_rows: SourceRows, chance: random.Random) -> None:
    for _ in range(30):
        at = OPENS + timedelta(seconds=chance.randint(0, 12_000))
        source_rows.notification(at, f"user-{chance.randint(1, 5)}")


def _stock_trades(
    source_rows: SourceRows, chance: random.Random, prices: dict[str, Prices]
) -> None:
    """Twelve positions that stay open, short ones too, and twelve that were closed that day."""
    for number, symbol in enumerate([*STOCKS, *STOCKS] * 2):
        ticks = sorted(chance.sample(prices[symbol].trades[:-1], 3))
        qty = Decimal(chance.randint(1, 40)) * (-1 if number % 5 == 4 else 1)
        path = [Execution(ticks[0][0], qty, ticks[0][1])]
        if number % 3 == 0:
            path.append(Execution(ticks[1][0], qty, ticks[1][1]))
        if number >= 12:
            held = sum((each.qty for each in path), Decimal(0))
            path.append(Execution(ticks[2][0], -held, ticks[2][1]))
        source_rows.trade(symbol, path, uid=f"user-{number}")


def _option_trades(source_rows: SourceRows, chance: random.Random, quotes: list[Quote]) -> None:
    """Eight contracts held since morning, every other one short."""
    by_contract: dict[str, list[Quote]] = defaultdict(list)
    for quote in quotes:
        if quote.bid and quote.ask:
            by_contract[quote.contract].append(quote)
    known = sorted(name for name, listed in by_contract.items() if len(listed) > 20)
    for number, name in enumerate(chance.sample(known, 8)):
        quote = by_contract[name][number]
        assert quote.bid
        assert quote.ask
        side = -1 if number % 2 else 1
        entered = Execution(quote.at, Decimal(side), quote.ask if side > 0 else quote.bid)
        source_rows.trade(name, [entered], uid="user-1", asset_class="us_option")


def _account(source_rows: SourceRows, chance: random.Random, prices: dict[str, Prices]) -> None:
    """The broker's readings, each quarter of an hour of the trading day."""
    equity = Decimal(100_000)
    quarter = timedelta(minutes=15)
    midnight = _midnight(DAY)
    for at in _ticks(midnight, midnight + timedelta(hours=23, minutes=45), quarter):
        if OPENS < at <= CLOSES:
            equity = _step(equity, chance, 0.002)
        source_rows.equity(at + timedelta(seconds=7), equity)
        if OPENS <= at <= CLOSES:
            for symbol, known in prices.items():
                price = known.at(at)
                source_rows.quote(symbol, at, price - Decimal("0.01"), price + Decimal("0.02"))
