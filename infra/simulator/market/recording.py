"""Recorded minutes of one or more days, ready to be replayed."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Self

from infra.simulator.market import calendar as calendars
from infra.simulator.market import recording_csv
from infra.simulator.market.bars import Print
from infra.simulator.market.calendar import Session
from infra.simulator.market.recording_csv import BadRecordingError
from infra.simulator.market.timestamps import new_york_date, rfc3339


class Recording:
    """The prints of each symbol in order of time, and the sessions that they cover.

    `sessions` are the exchange's regular sessions of the recorded dates, oldest first; the daily
    bar of one is the previous daily bar of the next, also over a gap between the files.
    """

    def __init__(self, prints: Mapping[str, Sequence[Print]], sessions: Sequence[Session]) -> None:
        self._prints = prints
        self.symbols: tuple[str, ...] = tuple(sorted(prints))
        self.sessions: tuple[Session, ...] = tuple(sessions)

    @classmethod
    def read(cls, paths: Iterable[Path | str]) -> Self:
        """Read CSV files (.csv or .csv.gz), in any order; raise BadRecordingError on a bad one."""
        exchange = calendars.nyse()
        prints: dict[str, list[Print]] = {}
        for path in map(Path, paths):
            for symbol, print_ in recording_csv.read(path, exchange):
                prints.setdefault(symbol, []).append(print_)
        if not prints:
            raise BadRecordingError("the recording holds no bars")
        for symbol, found in prints.items():
            found.sort(key=lambda each: each.known_at)
            _refuse_repeats(symbol, found)
        days = {new_york_date(p.day) for found in prints.values() for p in found}
        sessions = [session for day in sorted(days) if (session := exchange.on(day))]
        if not sessions:
            raise BadRecordingError(f"no session of the exchange on {min(days)} to {max(days)}")
        return cls(prints, sessions)

    @property
    def last_session(self) -> Session:
        """The regular session of the last recorded date."""
        return self.sessions[-1]

    def prints(self, symbol: str) -> Sequence[Print]:
        """Return the symbol's prints in order of time."""
        return self._prints.get(symbol, ())


def _refuse_repeats(symbol: str, prints: Sequence[Print]) -> None:
    for earlier, later in pairwise(prints):
        if earlier.known_at == later.known_at:
            at = rfc3339(later.bar.at)
            raise BadRecordingError(f"{symbol} has two bars at {at}: is a file given twice?")
