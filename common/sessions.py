"""The exchange's day, from the broker's calendar: when each input's market is worth fetching."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from common.inputs import CryptoInput, DataInput, StockInput
from common.market import Session

# The last minute of a session is known only when it is over: some tick must still come after it.
LAST_LOOK = timedelta(minutes=5)


@dataclass(frozen=True)
class CalendarDay:
    """One day in New York; both hours are None when the exchange stays closed."""

    date: date
    regular: Session | None = None
    extended: Session | None = None


def is_open_for(each: DataInput, day: CalendarDay | None, now: datetime) -> bool:
    """Whether an input may have changed; when today's calendar is unknown it may have.

    Fetching then harms nobody: whoever acts on the facts needs the session, and has none.
    """
    if isinstance(each, CryptoInput) or day is None:
        return True
    extended = isinstance(each, StockInput) and each.extended_hours
    hours = day.extended if extended else day.regular
    return hours is not None and hours.open <= now < hours.close + LAST_LOOK
