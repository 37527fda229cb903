"""KPI 7, and what positions are worth: expected trade by trade, execution by execution."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from common.holdings.positions import Fill, Trade, apply_fill
from infra.postgres.database import Database
from tests.kpis import recomputed
from tests.kpis.recomputed import DAYS, random_days, shown
from tests.kpis.source_rows import Execution, Row, SourceRows, forgotten

OPTION = "SPY261218C00500000"
CLASSES = {"SPY": "us_equity", "AAPL": "us_equity", "BTC/USD": "crypto", OPTION: "us_option"}
FEEDS = {"us_equity": ("iex", "sip", "delayed_sip"), "crypto": ("us",)}
MULTIPLIER = {"us_option": 100}


class Day:
    """A few trades of several users, some of yesterday, and prices that are not always there."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.day = self.chance.choice(DAYS)
        self.since = recomputed.midnight(self.day).astimezone(UTC)
        self.taken = set[int]()
        self.as_of = self.since + timedelta(hours=self.chance.randint(0, 30), seconds=1)
        self.source_rows = SourceRows()
        self.source_rows.contract(OPTION)
        for symbol, asset_class in CLASSES.items():
            self._prices(symbol, asset_class)
        for number in range(self.chance.randint(0, 10)):
            self._trade(f"user-{number}")

    def price(self) -> Decimal:
        return Decimal(self.chance.randint(100, 99_999)) / 100

    def instant(self, first: int = -30, last: int = 30) -> datetime:
        """Draw an instant that nothing else has: which of two was the last would be arbitrary."""
        while (second := self.chance.randint(first * 3600, last * 3600)) in self.taken:
            pass
        self.taken.add(second)
        return self.since + timedelta(seconds=second)

    def _prices(self, symbol: str, asset_class: str) -> None:
        rarely = self.chance.random() < 0.15
        for _ in range(0 if rarely else 12):
            at = self.instant()
            if asset_class == "us_option":
                bid, ask = sorted((self.price(), self.price()))
                known: dict[str, Any] = {
                    "bid": self.chance.choice((None, Decimal(0), bid)),
                    "ask": self.chance.choice((None, ask)),
                    "last_trade": self.chance.choice((None, bid)),
                    "feed": self.chance.choice(("indicative", "opra")),
                }
                self.source_rows.option(symbol, at, 500, **known)
                continue
            feed = self.chance.choice(FEEDS[asset_class])
            self.source_rows.fact(symbol, "last_trade", self.price(), at, feed=feed)
            self.source_rows.fact(
                symbol, "prev_close", self.price(), self.instant(-60, 20), feed=feed
            )
            bid, ask = sorted((self.price(), self.price()))
            self.source_rows.quote(symbol, self.instant(), bid, ask)

    def _trade(self, uid: str) -> None:
        """Enter, add, reduce, and often close."""
        symbol = self.chance.choice(list(CLASSES))
        instants = sorted(self.instant() for _ in range(self.chance.randint(1, 5)))
        sign = self.chance.choice((1, -1))
        held, path = Decimal(0), []
        for at in instants[:-1] or instants:
            qty = Decimal(self.chance.randint(1, 500)) / 100
            if held > qty and self.chance.random() < 0.4:
                qty = -qty
            held += qty
            path.append(Execution(at, sign * qty, self.price()))
        if len(instants) > 1 and self.chance.random() < 0.6:
            path.append(Execution(instants[-1], -sign * held, self.price()))
        self.source_rows.trade(symbol, path, uid=uid, asset_class=CLASSES[symbol])

    # The independent computation.

    def trades(self, until: datetime) -> Iterable[tuple[Row, list[tuple[datetime, Fill]]]]:
        """Each trade that was open at some time of the day, with its fills until then."""
        fills = {row["id"]: row for row in self.source_rows.rows["fills"]}
        for trade in self.source_rows.rows["trades"]:
            if trade["closed_at"] and trade["closed_at"] < self.since:
                continue
            own = [
                fills[part["fill_id"]]
                for part in self.source_rows.rows["trade_fills"]
                if part["trade_id"] == trade["id"]
            ]
            path = [
                (f["filled_at"], Fill(f["side"], f["qty"], f["price"], f["qty"], f["filled_at"]))
                for f in own
                if f["filled_at"] < until
            ]
            if path:
                yield trade, path

    def last(self, symbol: str, before: datetime) -> Decimal | None:
        if CLASSES[symbol] == "us_option":
            known = self.snapshot(before)
            return None if known is None else known["last_trade"] or middle(known)
        return self.newest(symbol, "last_trade", before)

    def previous(self, symbol: str) -> Decimal | None:
        if CLASSES[symbol] == "us_option":
            return self.last(symbol, self.since)
        return self.newest(symbol, "prev_close", self.since)

    def newest(self, symbol: str, metric: str, before: datetime) -> Decimal | None:
        known = [
            row
            for row in self.source_rows.rows["market_data_snapshots"]
            if row["symbol"] == symbol and row["metric"] == metric and row["as_of"] < before
        ]
        return max(known, key=lambda row: row["as_of"])["price"] if known else None

    def snapshot(self, before: datetime) -> Row | None:
        known = [
            row
            for row in self.source_rows.rows["option_snapshots"]
            if row["as_of"] < before and (row["last_trade"] or (row["bid"] and row["ask"]))
        ]
        return max(known, key=lambda row: row["as_of"]) if known else None

    def pnl(self, until: datetime) -> dict[int, Decimal | None]:
        """Return what each trade made of the day until then."""
        made: dict[int, Decimal | None] = {}
        for trade, path in self.trades(until):
            symbol, multiplier = trade["symbol"], MULTIPLIER.get(trade["asset_class"], 1)
            start = sum((f.signed_qty for at, f in path if at < self.since), Decimal(0))
            end = sum((f.signed_qty for _, f in path), Decimal(0))
            paid = sum((f.signed_qty * f.price for at, f in path if at >= self.since), Decimal(0))
            last = self.last(symbol, until) if end else Decimal(0)
            previous = self.previous(symbol) if start else Decimal(0)
            made[trade["id"]] = (
                None
                if last is None or previous is None
                else multiplier * (end * last - start * previous - paid)
            )
        return made

    def total(self, until: datetime) -> Decimal | None:
        """Return the sum, unknown as soon as one is."""
        made = list(self.pnl(until).values()) if until > self.since else []
        known = [each for each in made if each is not None]
        return sum(known, Decimal(0)) if len(known) == len(made) else None

    def positions(self, until: datetime) -> dict[int, dict[str, Decimal | None]]:
        """Return the figures of each position that is open then."""
        found = {}
        for trade, path in self.trades(until):
            state: Trade | None = None
            for _, fill in path:
                (part,) = apply_fill(state, fill)
                state = part.trade
            assert state is not None
            if state.qty:
                found[trade["id"]] = self._position(trade, state, until)
        return found

    def _position(self, trade: Row, state: Trade, until: datetime) -> dict[str, Decimal | None]:
        units = state.qty * MULTIPLIER.get(trade["asset_class"], 1)
        cost, last = state.avg_entry_price * units, self.last(trade["symbol"], until)
        mid = self.mid(trade["symbol"], until)
        pnl = None if last is None else last * units - cost
        mark = None if mid is None else mid * units - cost
        return {
            "qty": state.qty,
            "cost_basis": cost,
            "mid_price": mid,
            "Unrealized P/L": pnl,
            "Mid Mark PnL": mark,
            "Liquidity Drag": None if pnl is None or mark is None else pnl - mark,
            "Percent Change": None if pnl is None else 100 * pnl / abs(cost),
        }

    def mid(self, symbol: str, until: datetime) -> Decimal | None:
        if CLASSES[symbol] == "us_option":
            known = [row for row in [self.snapshot(until)] if row and row["as_of"] >= self.since]
        else:
            known = [
                row
                for row in self.source_rows.rows["position_quotes"]
                if row["symbol"] == symbol and self.since <= row["as_of"] < until
            ]
        newest = max(known, key=lambda row: row["as_of"], default=None)
        if newest is None or not newest["bid"] or not newest["ask"]:
            return None
        return middle(newest)


def middle(row: Row) -> Decimal:
    return Decimal(row["bid"] + row["ask"]) / 2


def close(found: Decimal | None, expected: Decimal | None) -> bool:
    """Tell whether two figures are equal but for the 20th digit."""
    if found is None or expected is None:
        return found is expected
    return abs(found - expected) <= Decimal("1e-9") * (1 + abs(expected))


@random_days
@given(seed=st.integers(0, 10**9))
def test_daily_pnl_is_the_sum_of_what_each_trade_made(db: Database, seed: int) -> None:
    day = Day(seed)

    with forgotten(db) as tx:
        day.source_rows.save(tx)
        headline = recomputed.figures(tx, day.day, day.as_of)["Daily PnL"]
        points = recomputed.series(tx, day.day, day.as_of)["Daily PnL"]
        by_trade = tx.rows(
            "SELECT * FROM utils_statistics.daily_trade_pnl(CAST(:day AS date))", day=day.day
        )

    _, until = recomputed.span(day.day, day.as_of)
    assert headline == shown("Daily PnL", day.total(until))
    expected = {
        start: total
        for start, end in recomputed.quarters(day.day, day.as_of).items()
        if (total := day.total(end)) is not None
    }
    assert points == expected
    over = recomputed.midnight(day.day + timedelta(days=1)).astimezone(UTC)
    assert {row["trade_id"]: row["pnl"] for row in by_trade} == day.pnl(over)


@random_days
@given(seed=st.integers(0, 10**9))
def test_positions_carry_their_own_figures(db: Database, seed: int) -> None:
    day = Day(seed)

    with forgotten(db) as tx:
        day.source_rows.save(tx)
        found = recomputed.extremes(tx, day.day, day.as_of)

    with localcontext(prec=60):
        _, until = recomputed.span(day.day, day.as_of)
        positions, pnl = day.positions(until), day.pnl(until)
        for kpi in ("Unrealized P/L", "Mid Mark PnL", "Liquidity Drag", "Percent Change"):
            items = found[kpi, "hi"] + found[kpi, "lo"]
            expected = {trade: p[kpi] for trade, p in positions.items() if p[kpi] is not None}
            assert {item["trade_id"] for item in items} == set(expected)
            for item in items:
                position = positions[item["trade_id"]]
                assert close(item["metric_raw"], position[kpi])
                assert close(item["individual_pnl"], position["Unrealized P/L"])
                assert close(item["mid_mark_pnl"], position["Mid Mark PnL"])
                assert close(item["liquidity_drag"], position["Liquidity Drag"])
                assert close(item["percent_change"], position["Percent Change"])
                assert close(item["cost_basis"], position["cost_basis"])
                assert close(item["qty"], position["qty"])
                assert close(item["mid_price"], position["mid_price"])
        daily = found["Daily PnL", "hi"] + found["Daily PnL", "lo"]
        assert {item["trade_id"]: item["metric_raw"] for item in daily} == {
            trade: made for trade, made in pnl.items() if made is not None
        }
