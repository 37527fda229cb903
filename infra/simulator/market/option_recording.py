"""Recorded option quotes (`*_option_quotes_5min.csv.gz`), put into the simulator's market."""

import csv
import gzip
from collections.abc import Mapping
from decimal import InvalidOperation
from pathlib import Path

from common.errors import MalformedMessageError
from infra.simulator.market.option_market import OptionMarket
from infra.simulator.market.recording_csv import BadRecordingError
from infra.simulator.market.timestamps import parse, to_datetime

COLUMNS = (
    *("underlying", "contract", "timestamp", "bid", "ask", "bid_size", "ask_size"),
    *("open_interest", "day_volume", "last_trade"),
)


def replay(path: Path, market: OptionMarket) -> int:
    """Put every row of a file into the market, known from its timestamp on; return how many."""
    count = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            rows = csv.DictReader(lines)
            if missing := [name for name in COLUMNS if name not in (rows.fieldnames or [])]:
                raise BadRecordingError(f"{path}, line 1: missing column {', '.join(missing)}")
            for count, row in enumerate(rows, 1):  # noqa: B007 (the count is the answer)
                _put(market, row, f"{path}, line {rows.line_num}")
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise BadRecordingError(f"{path}: cannot be read: {error}") from error
    return count


def _put(market: OptionMarket, row: Mapping[str, str], where: str) -> None:
    """Put one row; an empty cell is a side without a quote, or no trade yet."""
    try:
        market.put(
            row["contract"],
            underlying=row["underlying"],
            bid=row["bid"] or 0,
            ask=row["ask"] or 0,
            bid_size=int(row["bid_size"] or 0),
            ask_size=int(row["ask_size"] or 0),
            last=row["last_trade"] or None,
            day_volume=int(row["day_volume"] or 0),
            open_interest=int(row["open_interest"]) if row["open_interest"] else None,
            at=to_datetime(parse(row["timestamp"])),
        )
    except (ValueError, InvalidOperation, MalformedMessageError) as error:
        raise BadRecordingError(f"{where}: {error}") from error
