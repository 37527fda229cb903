"""Recorded minutes and days, where they lie beside the repository."""

import csv
import gzip
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

import pytest

from common.market import NEW_YORK
from tests.conftest import SHARED
from tests.unit.rules.market_days import Row

MARKET_DATA = SHARED / "market-data"


def minutes(symbol: str, day: str) -> list[Row]:
    """Return the recorded minutes of a day; skips the test where there are none."""
    return _rows(f"{day}_equity_minute_bars.csv.gz", symbol, "timestamp")


def days(symbol: str) -> list[Row]:
    """Return the recorded days, oldest first; skips the test where there are none."""
    return _rows("daily_bars_2012-2015.csv.gz", symbol, "date")


@cache
def _rows(name: str, symbol: str, stamp: str) -> list[Row]:
    if not (MARKET_DATA / name).exists():
        pytest.skip(f"no recorded market data: {name} is not there")
    with gzip.open(MARKET_DATA / name, "rt") as lines:
        return [
            Row(
                at=_instant(row[stamp]),
                open=Decimal(row["open"]),
                high=Decimal(row["high"]),
                low=Decimal(row["low"]),
                close=Decimal(row["close"]),
                volume=int(row["volume"]),
            )
            for row in csv.DictReader(lines)
            if row["symbol"] == symbol
        ]


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=NEW_YORK)
