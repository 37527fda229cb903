"""Reading recorded minutes: one CSV row to one print, or an error that names the place."""

import csv
import gzip
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

from common.errors import PermanentError
from infra.simulator.market import timestamps
from infra.simulator.market.bars import Bar, Print, Quote
from infra.simulator.market.calendar import Calendar
from infra.simulator.market.symbols import is_stock
from infra.simulator.market.timestamps import MINUTE

COLUMNS = (
    *("symbol", "timestamp", "open", "high", "low", "close", "volume"),
    *("bid", "ask", "bid_size", "ask_size"),
)


# Plain digits: Decimal also reads NaN, 1_000, 1e9 and digits of other scripts.
_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,12})?")
_WHOLE = re.compile(r"[0-9]{1,15}")
_EXTRA = "(cells without a column)"
_SHOWN = 60  # of a cell's characters, in an error
# Calendars of sessions are known from here on, and for some years to come.
_YEARS = range(1990, 2100)


class BadRecordingError(PermanentError):
    """A recording cannot be read; the text names file, line and column."""


def read(path: Path, calendar: Calendar) -> Iterator[tuple[str, Print]]:
    """Yield the symbol and print of each row."""
    try:
        yield from _read(path, calendar)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise BadRecordingError(f"{path}: cannot be read: {error}") from error


def _read(path: Path, calendar: Calendar) -> Iterator[tuple[str, Print]]:
    opener = gzip.open if path.suffix == ".gz" else open
    # Spreadsheets write a byte order mark before the first column's name.
    with opener(path, "rt", encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines, restkey=_EXTRA)
        missing = [name for name in COLUMNS if name not in (rows.fieldnames or [])]
        if missing:
            raise BadRecordingError(f"{path}, line 1: missing column {', '.join(missing)}")
        for row in rows:
            yield _Row(path, rows.line_num, row).parsed(calendar)


class _Row:
    """One row and where it stands."""

    def __init__(self, path: Path, line: int, cells: Mapping[str, str | None]) -> None:
        self._path, self._line, self._cells = path, line, cells

    def parsed(self, calendar: Calendar) -> tuple[str, Print]:
        if _EXTRA in self._cells:
            found = f"more cells than columns: {self._cells[_EXTRA]!r}"
            raise BadRecordingError(f"{self._path}, line {self._line}: {found}")
        symbol = self._text("symbol")
        if not is_stock(symbol):
            raise self._bad("symbol", "not a stock symbol")
        at = self._timestamp()
        day = timestamps.new_york_date(at)
        # The values of a minute become known when it ends; its trade is the last instant in it.
        ends, last_instant = at + MINUTE, at + MINUTE - 1
        return symbol, Print(
            known_at=ends,
            traded_at=last_instant,
            bar=self._bar(at),
            quote=self._quote(last_instant),
            day=timestamps.new_york_midnight(day),
            regular=calendar.at(timestamps.to_datetime(at)) is not None,
        )

    def _bar(self, at: int) -> Bar:
        bar = Bar(
            at,
            self._price("open"),
            self._price("high"),
            self._price("low"),
            self._price("close"),
            self._whole("volume"),
        )
        if bar.high < max(bar.open, bar.close, bar.low):
            raise self._bad("high", "below another price of the bar")
        if bar.low > min(bar.open, bar.close):
            raise self._bad("low", "above another price of the bar")
        return bar

    def _quote(self, at: int) -> Quote | None:
        bid, ask = self._side("bid"), self._side("ask")
        if bid is None and ask is None:
            return None
        (bid_price, bid_size), (ask_price, ask_size) = (
            bid or (Decimal(0), 0),
            ask or (Decimal(0), 0),
        )
        return Quote(at, bid_price, ask_price, bid_size, ask_size)

    def _side(self, name: str) -> tuple[Decimal, int] | None:
        if not self._cells[name]:
            return None
        return self._price(name), self._whole(f"{name}_size")

    def _timestamp(self) -> int:
        try:
            at = timestamps.parse(self._text("timestamp"))
        except ValueError as error:
            raise self._bad("timestamp", "not an RFC 3339 time") from error
        if timestamps.to_datetime(at).year not in _YEARS:
            raise self._bad("timestamp", "not of a year from 1990 to 2099")
        if at % MINUTE:
            raise self._bad("timestamp", "not the opening of a minute")
        return at

    def _price(self, column: str) -> Decimal:
        text = self._text(column)
        if not _NUMBER.fullmatch(text):
            raise self._bad(column, "not a number")
        price = Decimal(text)
        if price <= 0:
            raise self._bad(column, "a price must be above 0")
        return price

    def _whole(self, column: str) -> int:
        text = self._text(column)
        if not _WHOLE.fullmatch(text):
            raise self._bad(column, "not a whole number")
        return int(text)

    def _text(self, column: str) -> str:
        return self._cells[column] or ""

    def _bad(self, column: str, reason: str) -> BadRecordingError:
        found = self._text(column)[:_SHOWN]
        return BadRecordingError(
            f"{self._path}, line {self._line}, column {column}: {reason}: {found!r}"
        )
