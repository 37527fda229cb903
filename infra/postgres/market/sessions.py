"""The broker's calendar as stored (`market_sessions`): whether and when the market is open."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from common.market import Session, trading_day, trading_day_start
from common.sessions import CalendarDay
from infra.postgres.database import Transaction, to_json

# Hours of another day, or of none, are not believed: the day is unknown, and is fetched again.
_IS_SOUND = " AND ".join(
    f"({each} IS NULL OR CAST({each} AT TIME ZONE 'America/New_York' AS date) = trading_day)"
    for each in ("opens_at", "closes_at", "extended_opens_at", "extended_closes_at")
)


def today(tx: Transaction, now: datetime) -> Session | None:
    """Return the regular session of the day in New York.

    None when the exchange stays closed, and when today's calendar is unknown: then nobody may
    take the market for open.
    """
    found = day(tx, now)
    return found.regular if found else None


def day(tx: Transaction, now: datetime) -> CalendarDay | None:
    """Return what the calendar says of today; None when it is unknown."""
    row = tx.row(
        f"""
        SELECT trading_day, opens_at, closes_at, extended_opens_at, extended_closes_at
        FROM market_sessions WHERE trading_day = :today AND {_IS_SOUND}
        """,
        today=trading_day(now),
    )
    return _calendar_day(row) if row else None


def is_due(tx: Transaction, now: datetime) -> bool:
    """Return whether the calendar has not been fetched yet on this trading day."""
    return not tx.rows(
        "SELECT 1 FROM market_sessions WHERE trading_day = :today AND fetched_at >= :midnight"
        f" AND {_IS_SOUND}",
        today=trading_day(now),
        midnight=trading_day_start(now),
    )


def store(tx: Transaction, days: Sequence[CalendarDay], now: datetime) -> None:
    """Keep what the broker says now of these days, whatever it said before."""
    tx.run(
        """
        INSERT INTO market_sessions
            (trading_day, opens_at, closes_at, extended_opens_at, extended_closes_at, fetched_at)
        SELECT trading_day, opens_at, closes_at, extended_opens_at, extended_closes_at, :now
        FROM jsonb_to_recordset(CAST(:days AS jsonb)) AS day (
            trading_day date, opens_at timestamptz, closes_at timestamptz,
            extended_opens_at timestamptz, extended_closes_at timestamptz)
        ORDER BY trading_day
        ON CONFLICT (trading_day) DO UPDATE
        SET (opens_at, closes_at, extended_opens_at, extended_closes_at, fetched_at)
            = (excluded.opens_at, excluded.closes_at, excluded.extended_opens_at,
               excluded.extended_closes_at, excluded.fetched_at)
        """,
        days=to_json([_row(each) for each in days]),
        now=now,
    )


def _row(each: CalendarDay) -> dict[str, Any]:
    regular, extended = each.regular, each.extended
    return {
        "trading_day": each.date,
        "opens_at": regular and regular.open,
        "closes_at": regular and regular.close,
        "extended_opens_at": extended and extended.open,
        "extended_closes_at": extended and extended.close,
    }


def _calendar_day(row: dict[str, Any]) -> CalendarDay:
    if row["opens_at"] is None:
        return CalendarDay(row["trading_day"])
    return CalendarDay(
        row["trading_day"],
        Session(row["opens_at"], row["closes_at"]),
        Session(row["extended_opens_at"], row["extended_closes_at"]),
    )
