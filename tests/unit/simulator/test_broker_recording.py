"""Replayed minutes: what is known at which instant, to the nanosecond."""

import gzip
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock
from infra.simulator.market.recording import Recording
from infra.simulator.market.recording_csv import BadRecordingError
from infra.simulator.market.tape import View
from infra.simulator.market.timestamps import rfc3339

HEADER = "symbol,timestamp,open,high,low,close,volume,bid,ask,bid_size,ask_size"
MONDAY = [
    "SPY,2013-10-07T13:29:00Z,99,99,99,99,5,98.99,99.01,100,100",
    "SPY,2013-10-07T13:30:00Z,100,103,99,101,10,100.99,101.01,100,200",
    "SPY,2013-10-07T19:59:00Z,101,102,98,102,20,101.99,102.01,100,200",
    "SPY,2013-10-07T20:00:00Z,110,110,110,110,7,,,,",
]
TUESDAY = [
    "SPY,2013-10-08T12:00:00Z,111,111,111,111,1,110.99,111.01,100,100",
    "SPY,2013-10-08T13:30:00Z,104,106,103,105,30,104.99,105.01,300,400",
    "SPY,2013-10-08T13:31:00Z,105,105,105,105,1,,,,",
]
CHRISTMAS_EVE = [
    "GOOG,2015-12-24T17:59:00Z,747.93,748.77,747.86,748.4,106,748.1,748.38,100,200",
    "GOOG,2015-12-24T18:00:00Z,750,750,750,750,1,,,,",
]

REAL = Path(__file__).parents[4] / "shared" / "market-data"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def write(folder: Path, name: str, rows: list[str]) -> Path:
    path = folder / name
    text = "\n".join([HEADER, *rows]) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


@pytest.fixture
def two_days(tmp_path: Path) -> Recording:
    return Recording.read(
        [write(tmp_path, "tuesday.csv.gz", TUESDAY), write(tmp_path, "monday.csv", MONDAY)]
    )


def known(recording: Recording, moment: datetime, symbol: str = "SPY") -> View | None:
    with SimulatedBroker(SimulatedClock(at=moment), recording=recording) as broker:
        return broker.market.view(symbol)


def seen(recording: Recording, moment: datetime, symbol: str = "SPY") -> View:
    view = known(recording, moment, symbol)
    assert view
    return view


def test_minute_is_known_when_it_ends_and_not_before(two_days: Recording) -> None:
    before = seen(two_days, at("2013-10-08T13:30:59.999999"))
    after = seen(two_days, at("2013-10-08T13:31:00"))

    assert before.trade.price == 111
    assert after.trade.price == 105
    assert rfc3339(after.trade.at) == "2013-10-08T13:30:59.999999999Z"
    assert after.quote
    assert (after.quote.bid, after.quote.ask) == (Decimal("104.99"), Decimal("105.01"))
    assert after.quote.at == after.trade.at


def test_nothing_is_known_before_the_first_minute_ends(two_days: Recording) -> None:
    assert known(two_days, at("2013-10-07T13:29:59")) is None
    assert known(two_days, at("2013-10-08T14:00:00"), symbol="IBM") is None


def test_row_without_a_quote_leaves_the_last_one_with_its_time(two_days: Recording) -> None:
    view = seen(two_days, at("2013-10-08T13:32:00"))

    assert rfc3339(view.trade.at) == "2013-10-08T13:31:59.999999999Z"
    assert view.quote
    assert rfc3339(view.quote.at) == "2013-10-08T13:30:59.999999999Z"


def test_daily_bar_grows_from_regular_minutes_only(two_days: Recording) -> None:
    view = seen(two_days, at("2013-10-07T21:00:00"))

    assert view.trade.price == 110
    assert view.daily
    assert [view.daily.open, view.daily.high, view.daily.low] == [100, 103, 98]
    assert [view.daily.close, view.daily.volume] == [102, 30]
    assert rfc3339(view.daily.at) == "2013-10-07T04:00:00Z"
    assert view.previous_daily is None


def test_daily_bar_is_yesterdays_until_todays_first_minute(two_days: Recording) -> None:
    early = seen(two_days, at("2013-10-08T13:30:59"))
    later = seen(two_days, at("2013-10-08T13:31:00"))

    assert early.daily
    assert later.daily
    assert later.previous_daily
    assert early.daily.close == 102
    assert early.previous_daily is None
    assert [later.daily.close, later.previous_daily.close] == [105, 102]


def test_minute_bar_is_the_last_that_ended(two_days: Recording) -> None:
    view = seen(two_days, at("2013-10-08T13:31:30"))

    assert view.minute
    assert rfc3339(view.minute.at) == "2013-10-08T13:30:00Z"
    assert view.minute.volume == 30


def test_half_day_closes_at_one(tmp_path: Path) -> None:
    recording = Recording.read([write(tmp_path, "eve.csv", CHRISTMAS_EVE)])

    view = seen(recording, at("2015-12-24T19:00:00"), "GOOG")

    assert recording.last_session.date == date(2015, 12, 24)
    assert recording.last_session.open == at("2015-12-24T14:30:00")
    assert recording.last_session.close == at("2015-12-24T18:00:00")
    assert view.trade.price == 750
    assert view.daily
    assert view.daily.close == Decimal("748.4")


def test_recording_lists_its_symbols_and_sessions(two_days: Recording) -> None:
    assert two_days.symbols == ("SPY",)
    assert [session.date.day for session in two_days.sessions] == [7, 8]


def test_scripted_price_joins_the_recorded_ones(two_days: Recording) -> None:
    clock = SimulatedClock(at=at("2013-10-08T13:31:00"))
    with SimulatedBroker(clock, recording=two_days) as broker:
        broker.market.set_price("SPY", "90")
        dipped = broker.market.view("SPY")
        clock.advance(timedelta(minutes=1))
        recovered = broker.market.view("SPY")

    assert dipped
    assert dipped.daily
    assert [dipped.trade.price, dipped.daily.low] == [90, 90]
    assert recovered
    assert recovered.daily
    assert [recovered.trade.price, recovered.daily.low] == [105, 90]


@pytest.mark.parametrize(
    ("row", "place"),
    [
        ("spy,2013-10-08T13:30:00Z,1,1,1,1,1,,,,", "line 3, column symbol: not a stock symbol"),
        ("SPY,today,1,1,1,1,1,,,,", "line 3, column timestamp: not an RFC 3339 time"),
        ("SPY,2013-10-08T13:30:07Z,1,1,1,1,1,,,,", "line 3, column timestamp: not the opening"),
        ("SPY,2013-10-08T13:30:00Z,x,1,1,1,1,,,,", "line 3, column open: not a number: 'x'"),
        ("SPY,2013-10-08T13:30:00Z,1,1,1,0,1,,,,", "line 3, column close: a price must be above 0"),
        ("SPY,2013-10-08T13:30:00Z,2,1,1,1,1,,,,", "line 3, column high: below another price"),
        ("SPY,2013-10-08T13:30:00Z,2,3,3,3,1,,,,", "line 3, column low: above another price"),
        ("SPY,2013-10-08T13:30:00Z,1,1,1,1,1.5,,,,", "line 3, column volume: not a whole number"),
        ("SPY,2013-10-08T13:30:00Z,1,1,1,1,1,1,,x,", "line 3, column bid_size: not a whole number"),
        ("SPY,2013-10-08T13:30:00Z,1,1", "line 3, column low"),
        ("SPY,2013-10-08T13:30:00Z,1,1,1,1,1,,,,,9", "line 3: more cells than columns: ['9']"),
        ("SPY,2013-10-08T13:30:00Z,NaN,1,1,1,1,,,,", "line 3, column open: not a number: 'NaN'"),
        ("SPY,2013-10-08T13:30:00Z,1_0,1,1,1,1,,,,", "line 3, column open: not a number: '1_0'"),
        ("SPY,2013-10-08T13:30:00Z,-1,1,1,1,1,,,,", "line 3, column open: a price must be above"),
        ("SPY,0001-10-08T13:30:00Z,1,1,1,1,1,,,,", "line 3, column timestamp: not of a year from"),
        ("SPY,2013-02-30T13:30:00Z,1,1,1,1,1,,,,", "line 3, column timestamp: not an RFC 3339"),
    ],
)
def test_bad_cell_is_named_by_file_line_and_column(tmp_path: Path, row: str, place: str) -> None:
    path = write(tmp_path, "bad.csv", [MONDAY[0], row])

    with pytest.raises(BadRecordingError) as caught:
        Recording.read([path])

    assert str(caught.value).startswith(f"{path}, {place}")


def test_bad_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "no.csv").write_text("symbol,price\nSPY,1\n")
    (tmp_path / "torn.csv.gz").write_bytes(b"\x1f\x8b\x08")
    monday = write(tmp_path, "monday.csv", MONDAY)

    with pytest.raises(BadRecordingError, match=r"no\.csv, line 1: missing column timestamp, "):
        Recording.read([tmp_path / "no.csv"])
    with pytest.raises(BadRecordingError, match=r"torn\.csv\.gz: cannot be read"):
        Recording.read([tmp_path / "torn.csv.gz"])
    with pytest.raises(BadRecordingError, match=r"absent\.csv: cannot be read"):
        Recording.read([tmp_path / "absent.csv"])
    with pytest.raises(BadRecordingError, match="two bars at 2013-10-07T13:29:00Z"):
        Recording.read([monday, monday])
    with pytest.raises(BadRecordingError, match="no bars"):
        Recording.read([])
    sunday = write(tmp_path, "sunday.csv", [MONDAY[0].replace("2013-10-07", "2013-10-06")])
    with pytest.raises(BadRecordingError, match="no session of the exchange on 2013-10-06"):
        Recording.read([sunday])


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    path = write(tmp_path, "marked.csv", MONDAY)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

    assert Recording.read([path]).symbols == ("SPY",)


@pytest.mark.skipif(not REAL.is_dir(), reason="recorded market data is not beside the repository")
def test_real_recording_has_the_known_closes() -> None:
    recording = Recording.read(sorted(REAL.glob("2013-10-0*_equity_minute_bars.csv.gz")))
    clock = SimulatedClock(at=at("2013-10-08T18:09:00"))

    with SimulatedBroker(clock, recording=recording) as broker:
        dip = broker.market.view("SPY")
        clock.set(at("2013-10-08T22:00:00"))
        evening = broker.market.view("SPY")

    assert dip
    assert dip.previous_daily
    assert dip.previous_daily.close == Decimal("167.42")
    assert dip.previous_daily.volume == 81_489_219
    assert rfc3339(dip.trade.at) == "2013-10-08T18:08:59.999999999Z"
    assert evening
    assert evening.daily
    assert evening.daily.close == Decimal("165.48")
