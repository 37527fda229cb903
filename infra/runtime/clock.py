"""The only place that reads the wall clock. Everything else takes the time as an argument."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time: an aware datetime in UTC."""

    def now(self) -> datetime:
        """Return this instant."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return this instant."""
        return datetime.now(UTC)  # noqa: TID251 (this is the place)
