"""Past closes that can be averaged: enough of them, without a hole, on one adjustment basis."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Literal

from common.market import Metric, Snapshot, is_fresh, trading_day_start
from common.rules.base import NotFired, SymbolView
from common.rules.shared.reference import LONGEST_CLOSE, is_implausible, reference_of

Timeframe = Literal["1Min", "1Day"]

MINUTE = timedelta(minutes=1)


def needs(timeframe: Timeframe, count: int) -> dict[Metric, int]:
    """Name the facts that `closes` looks at."""
    if timeframe == "1Min":
        return {"last_trade": 1, "minute_bar": count}
    return {"last_trade": 1, "prev_close": 1, "daily_close": count}


def closes(
    view: SymbolView, trade: Snapshot, timeframe: Timeframe, least: int, most: int
) -> Sequence[Snapshot] | NotFired:
    """Return up to `most` closes, oldest first, or say why there are not even `least`.

    The newest is that of the last closed minute; of days, the trade itself: today's provisional.
    """
    if timeframe == "1Min":
        return minute_bars(view, least, most)
    days = past_days(view, trade, least - 1, most - 1)
    return days if isinstance(days, NotFired) else [*days, trade]


def minute_bars(view: SymbolView, least: int, most: int) -> Sequence[Snapshot] | NotFired:
    """Return the newest closed minutes of the running session, the last of them fresh.

    Of stocks only bars since the session's open count (outside of it, today's): the night between
    is no minute, and a split may lie in it. A minute without a bar is one without a trade; when no
    bar comes for longer than a price stays fresh, what lies before that hole does not count.
    """
    bars = [bar for bar in view.series("minute_bar", most) if _counts(view, bar)]
    if bars and not is_fresh(bars[-1].as_of + MINUTE, view.now, view.max_age):
        return view.not_fired("stale", minute_bar=bars[-1].as_of.isoformat())
    longest = MINUTE + view.max_age
    run = _unbroken(bars, lambda earlier, later: later.as_of - earlier.as_of > longest)
    return _enough(view, run, least)


def past_days(
    view: SymbolView, trade: Snapshot, least: int, most: int
) -> Sequence[Snapshot] | NotFired:
    """Return the newest daily closes, up to that which the trade's own day is measured by.

    `prev_close` comes with the trade and tells which day that is: a history fetched before it
    ended is refused, and so is a price on another adjustment basis. One more close than `most` is
    looked at: the newest may be the trade's own day's, which does not count.
    """
    yesterday = view.latest("prev_close")
    if yesterday is None:
        return view.not_fired("no_data", missing="prev_close")
    checked = reference_of(view, "prev_close", trade)
    if isinstance(checked, NotFired):
        return checked
    last = yesterday.day
    days = [day for day in view.series("daily_close", most + 1) if day.day <= last][-most:]
    if days and days[-1].day != last:
        return view.not_fired("stale", daily_close=days[-1].day, prev_close=last)
    run = _unbroken(days, lambda earlier, later: later.as_of - earlier.as_of > LONGEST_CLOSE)
    # Raw closes from before a split are on another basis: they do not count either.
    since = _unbroken(run, lambda earlier, later: is_implausible(later, earlier))
    if len(since) < least <= len(run):
        return view.not_fired("corporate_action", daily_close=since[0].day)
    return _enough(view, since, least)


def _counts(view: SymbolView, bar: Snapshot) -> bool:
    session = view.session
    opened = session is not None and session.open <= view.now
    start = session.open if session and opened else trading_day_start(view.now)
    return bar.asset_class == "crypto" or bar.as_of >= start


def _unbroken(
    facts: Sequence[Snapshot], breaks: Callable[[Snapshot, Snapshot], bool]
) -> Sequence[Snapshot]:
    """Return the newest facts, back to where one and the next do not belong together."""
    for index in range(len(facts) - 1, 0, -1):
        if breaks(facts[index - 1], facts[index]):
            return facts[index:]
    return facts


def _enough(
    view: SymbolView, facts: Sequence[Snapshot], least: int
) -> Sequence[Snapshot] | NotFired:
    if len(facts) >= least:
        return facts
    return view.not_fired("no_data", missing="history", found=len(facts), needed=least)
