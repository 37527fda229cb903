"""What one tick of `ingest` fetches, and how stocks and crypto are fetched."""

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial, reduce

from common.errors import BrokerRefusedError, TransientError
from common.inputs import CryptoInput, StockInput
from common.market import Snapshot
from common.options import OptionSnapshot
from infra.alpaca.batches import Issue
from infra.alpaca.market_data import AlpacaMarketData
from infra.alpaca.spot import SpotData
from infra.postgres.market.market_data import Cursors
from infra.workflows import isolation
from infra.workflows.stream.cursors import is_current, known_closes

log = logging.getLogger(__name__)

SpotInput = StockInput | CryptoInput

# How far back daily closes go: more than the 303 sessions that an index of 30 days takes.
HISTORY = timedelta(days=500)
# A day's bar is taken as final this long after midnight; by then every plan may see the tape, too.
SETTLING = timedelta(minutes=20)


@dataclass(frozen=True)
class FetchResult:
    """Facts to store; the cursors of what was fetched; symbols and whole groups that were not."""

    facts: tuple[Snapshot, ...] = ()
    options: tuple[OptionSnapshot, ...] = ()
    cursors: tuple[str, ...] = ()
    problems: tuple[Issue, ...] = ()
    failures: tuple[Issue, ...] = ()

    def __add__(self, other: "FetchResult") -> "FetchResult":
        return FetchResult(
            self.facts + other.facts,
            self.options + other.options,
            self.cursors + other.cursors,
            self.problems + other.problems,
            self.failures + other.failures,
        )

    @property
    def issues(self) -> tuple[Issue, ...]:
        """Everything that went wrong, each thing once."""
        return tuple(dict.fromkeys(self.failures + self.problems))


def merge(results: Iterator[FetchResult]) -> FetchResult:
    """Return the sum."""
    return reduce(FetchResult.__add__, results, FetchResult())


def fetch_isolated(subject: str, fetch: Callable[[], FetchResult]) -> FetchResult:
    """Fetch one group; its failure, whatever it is, must not lose the others."""
    try:
        return fetch()
    except (TransientError, BrokerRefusedError) as error:
        return FetchResult(failures=(Issue(subject, str(error)),))
    except Exception as error:
        log.exception("%s cannot be fetched", subject)
        return FetchResult(failures=(Issue(subject, isolation.reason_of(error)),))


def fetch_spot(
    broker: AlpacaMarketData, inputs: Sequence[SpotInput], cursors: Cursors, now: datetime
) -> Iterator[FetchResult]:
    """Ask once per feed for the union of all symbols, and once a day for their past."""
    ordered = sorted(inputs, key=lambda each: each.feed)
    for feed, group in itertools.groupby(ordered, key=lambda each: each.feed):
        yield from _fetch_feed(broker.spot(feed), feed, list(group), cursors, now)


def _fetch_feed(
    reader: SpotData, feed: str, inputs: Sequence[SpotInput], cursors: Cursors, now: datetime
) -> Iterator[FetchResult]:
    wanted = {(symbol, metric) for i in inputs for symbol in i.symbols for metric in i.metrics}
    symbols = sorted({symbol for symbol, _ in wanted})
    current = FetchResult()
    if stale := _stale(inputs, cursors, now):
        current = fetch_isolated(feed, partial(_snapshots, reader, stale, now))
    keys = () if current.failures else tuple(each.key for each in inputs)
    closes = known_closes(current.facts, cursors, now)
    kept = tuple(fact for fact in current.facts if (fact.symbol, fact.metric) in wanted)
    yield FetchResult(
        kept, cursors=keys + closes, problems=current.problems, failures=current.failures
    )
    past = [symbol for symbol in symbols if (symbol, "daily_close") in wanted]
    history = fetch_history(reader, feed, past, cursors, now)
    yield history + FetchResult(problems=tuple(_mismatches(current.facts, history.facts)))


def _stale(inputs: Sequence[SpotInput], cursors: Cursors, now: datetime) -> list[str]:
    """Return the symbols of which some input lacks something; the stream keeps the others."""
    return sorted(
        {
            symbol
            for each in inputs
            for symbol in each.symbols
            if isinstance(each, CryptoInput) or not is_current(each, symbol, cursors, now)
        }
    )


def fetch_history(
    reader: SpotData, feed: str, symbols: Sequence[str], cursors: Cursors, now: datetime
) -> FetchResult:
    """Fetch the daily closes of the symbols whose past was not fetched on this day yet."""
    due = [
        symbol
        for symbol in symbols
        if _is_new_day(reader, cursors.get(_history_key(feed, symbol)), now)
    ]
    if not due:
        return FetchResult()
    return fetch_isolated(f"{feed} history", partial(_history, reader, feed, due, now))


def _snapshots(reader: SpotData, symbols: Sequence[str], now: datetime) -> FetchResult:
    fetched = reader.snapshots(symbols, now)
    return FetchResult(fetched.found, problems=fetched.problems)


def _history(reader: SpotData, feed: str, symbols: Sequence[str], now: datetime) -> FetchResult:
    until = now - SETTLING
    fetched = reader.daily_closes(symbols, reader.day_of(until) - HISTORY, until)
    keys = tuple(_history_key(feed, symbol) for symbol in symbols)
    return FetchResult(fetched.found, cursors=keys, problems=fetched.problems)


def _history_key(feed: str, symbol: str) -> str:
    return f"daily_close {feed} {symbol}"


def _is_new_day(reader: SpotData, fetched_at: datetime | None, now: datetime) -> bool:
    if fetched_at is None:
        return True
    return reader.day_of(fetched_at - SETTLING) < reader.day_of(now - SETTLING)


def _mismatches(current: Sequence[Snapshot], history: Sequence[Snapshot]) -> Iterator[Issue]:
    """Name the symbols whose history does not meet `prev_close`: another basis, or a gap."""
    closes = {(fact.symbol, fact.as_of): fact.price for fact in history}
    known = {fact.symbol for fact in history}
    for fact in current:
        if fact.metric == "prev_close" and fact.symbol in known:
            close = closes.get((fact.symbol, fact.as_of))
            if close != fact.price:
                reason = f"daily_close is {close} where prev_close is {fact.price}"
                yield Issue(fact.symbol, reason)
