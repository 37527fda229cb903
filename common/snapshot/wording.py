"""The words of a day: headline, summary, and the one spelling of an instant."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

from common.snapshot.catalog import DASH

_SUMMARY = (
    ("Signals scanned", "signals scanned"),
    ("Opportunities flagged", "opportunities flagged"),
    ("Entries opened", "entries opened"),
    ("Exits closed", "exits closed"),
    ("Daily PnL", "pnl."),
)


def headline(report_date: date, figures: Mapping[str, str]) -> str:
    """Name the day and what it brought."""
    return f"Haiphen day trading snapshot ({figures.get('Daily PnL', DASH)} on {report_date})"


def summarise(figures: Mapping[str, str]) -> str:
    """Say the day in one line; a figure that is missing leaves its part out."""
    known = [(figures.get(kpi, DASH), words) for kpi, words in _SUMMARY]
    return " • ".join(f"{value} {words}" for value, words in known if value != DASH)


def timestamp(at: datetime) -> str:
    """Write an instant as RFC 3339 in UTC, with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
