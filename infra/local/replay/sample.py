"""A recording to try rules on, made here: two sessions of three symbols, and a config for them.

The numbers are of no real market. They are the same on every machine: whole cents from a generator
that is seeded, so that what is written about them stays true.
"""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from common.market import NEW_YORK
from infra.simulator.market.recording_csv import COLUMNS

DAYS = (date(2026, 2, 9), date(2026, 2, 10))
CONFIG_FILE = "config.json"
_MINUTES = 390
# The last close before the first day, in cents.
_OPENING_CENTS = {"SPY": 50_000, "AAPL": 22_800, "MSFT": 41_000}
# On the second day every symbol falls for two hours and recovers: cents in ten thousand a minute.
_FALL, _FALLS_UNTIL, _RECOVERS_FROM = -2, 120, 180

CONFIG: dict[str, Any] = {
    "version": 1,
    "enabled": True,
    "data_inputs": [
        {
            "id": "watchlist",
            "source": "alpaca",
            "asset_class": "us_equity",
            "symbols": sorted(_OPENING_CENTS),
        }
    ],
    "rules": [
        {
            "id": "dip",
            "type": "price_below_pct_of_ref",
            "symbols": sorted(_OPENING_CENTS),
            "ref_metric": "prev_close",
            "threshold_pct": -1.5,
            "cooldown_seconds": 1800,
            "question_template": "{{symbol}} is down {{pct}}%. Buy {{size}}?",
            "on_answer_match": {"action": "propose_order", "side": "buy", "notional_usd": 40},
        }
    ],
    "guardrails": {"max_orders_per_day": 3, "max_notional_usd_per_4h": 100},
}


def write(folder: Path) -> list[Path]:
    """Write the sessions and the config into a folder; return the recordings in date order."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_FILE).write_text(json.dumps(CONFIG, indent=2) + "\n", encoding="utf-8")
    random, cents = Random(20260210), dict(_OPENING_CENTS)  # noqa: S311 (prices, not secrets)
    paths = []
    for number, day in enumerate(DAYS):
        path = folder / f"{day}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(_session(random, cents, day, falls=number == len(DAYS) - 1))
        paths.append(path)
    return paths


def _session(
    random: Random, cents: dict[str, int], day: date, *, falls: bool
) -> Iterator[list[Any]]:
    """Yield a session's rows, and leave in `cents` where each symbol closed."""
    opens = datetime.combine(day, time(9, 30), NEW_YORK).astimezone(UTC)
    for minute in range(_MINUTES):
        at = f"{opens + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ}"
        drift = _drift(minute) if falls else 0
        for symbol, opened in list(cents.items()):
            step = opened * (drift + random.randint(-3, 3)) // 10_000
            closed = opened + step
            high, low = max(opened, closed) + 1, min(opened, closed) - 1
            prices = [_usd(each) for each in (opened, high, low, closed)]
            volume = random.randint(500, 5_000)
            yield [symbol, at, *prices, volume, _usd(closed - 1), _usd(closed + 1), 100, 100]
            cents[symbol] = closed


def _drift(minute: int) -> int:
    if minute < _FALLS_UNTIL:
        return _FALL
    return -_FALL if minute >= _RECOVERS_FROM and minute < _RECOVERS_FROM + _FALLS_UNTIL else 0


def _usd(cents: int) -> Decimal:
    return Decimal(cents) / 100
